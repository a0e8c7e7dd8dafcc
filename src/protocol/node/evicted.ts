import type { LoginInfo } from '../../rules/logins/eviction.js'
import type { UserId } from '../../rules/types.js'
import { USER_LIST_MAX } from './bounds.js'
import { connectionId, holder, userId } from './fields.js'
import { noteKind } from './note-kind.js'
import { flag, list, means, number, record } from './shapes.js'

/** The answer to `evict`. */
export interface Evicted {
  kind: 'evicted'
  /** Of the `evict`. */
  id: number
  userId: UserId
  /** How many obeyed. */
  gone: number
  /** Logins of the user that the eviction left there. */
  left: LoginInfo[]
}

const login = record<LoginInfo>({
  connectionId,
  platformId: number(),
  nodeId: holder,
  background: flag(),
})

export const evicted = noteKind<Evicted>({
  says: 'An eviction was carried out.',
  way: 'shard that got `evict` → shard that sent it',
  since: 1,
  isIdempotent: true,
  ifLost: '`evict` is sent again, and answered again',
  shape: record({
    id: means(number(), 'of the `evict`'),
    userId,
    gone: means(number(), 'how many logins obeyed'),
    left: means(list(login, USER_LIST_MAX), 'logins of the user that stay there'),
  }),
})
