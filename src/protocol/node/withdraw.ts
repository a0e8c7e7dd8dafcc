import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type { LoginNumber, PlatformId, UserId } from '../../rules/types.js'
import { USER_LIST_MAX } from './bounds.js'
import { digest, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { list, means, number, record } from './shapes.js'

/** Tokens were kicked: rely on nothing that is cached of them. */
export interface Withdraw {
  kind: 'withdraw'
  userId: UserId
  platformId: PlatformId
  tokens: TokenDigest[]
  /** The number of the login that kicked them. */
  by: LoginNumber
}

export const withdraw = noteKind<Withdraw>({
  says: 'These tokens were kicked: rely on nothing that is cached of them.',
  way: 'node that kicked them → every node that relies on one of them',
  since: 1,
  isIdempotent: true,
  ifLost:
    'the gap in the numbers makes the receiver check its tokens again; otherwise its cache ends after TOKEN_CACHE_S',
  shape: record({
    userId,
    platformId: number(),
    tokens: means(list(digest, USER_LIST_MAX), 'digests'),
    by: means(number(), 'number of the login that kicked them'),
  }),
})
