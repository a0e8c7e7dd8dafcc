/**
 * Refresh tokens: `base64url(userID).platformID.random`, opaque to clients. The store knows them by their
 * digests alone.
 *
 * Each has a stub, like a ticket at the door, which is on record beside it and goes with it when they are forgotten.
 * The token is used up first, so that one caller wins; the stub is torn off last, when all that takes the token's
 * place is on record. So a logout cannot come between: either the stub is gone already, or the logout finds what
 * took its place.
 */
import { randomBytes } from 'node:crypto'
import type { Claims } from '../auth/tokens.js'
import { type TokenDigest, tokenDigest } from '../rules/logins/token-digest.js'
import type { PlatformId, UserId } from '../rules/types.js'
import { checkUserId } from '../rules/user-id.js'
import type { RefreshTokenRecords } from '../store/ports/refresh-token-records.js'

const RANDOM_BYTES = 32

/** A user ID of 128 bytes at most, a platform as int32, 32 bytes. */
const FORM = /^([A-Za-z0-9_-]{2,171})\.([1-9]\d{0,9})\.[A-Za-z0-9_-]{43}$/

/** Every call rejects when the store does. */
export class RefreshTokens {
  constructor(
    private readonly store: RefreshTokenRecords,
    readonly ttlS: number,
  ) {}

  /** A new one, on record. */
  async make({ userId, platformId }: Claims): Promise<string> {
    const random = randomBytes(RANDOM_BYTES).toString('base64url')
    const text = `${Buffer.from(userId).toString('base64url')}.${platformId}.${random}`
    const remember = (digest: TokenDigest) =>
      this.store.rememberRefresh(userId, platformId, digest, this.ttlS)
    await Promise.all([remember(tokenDigest(text)), remember(stubDigest(text))])
    return text
  }

  /** Use it up. True for exactly one caller. */
  take(text: string, { userId, platformId }: Claims): Promise<boolean> {
    return this.store.takeRefresh(userId, platformId, tokenDigest(text))
  }

  /** Tear the stub off a token that was taken. False: tokens of this user were forgotten since. */
  takeStub(text: string, { userId, platformId }: Claims): Promise<boolean> {
    return this.store.takeRefresh(userId, platformId, stubDigest(text))
  }

  async forget(userId: UserId, platformIds: readonly PlatformId[]): Promise<void> {
    await Promise.all(platformIds.map((platformId) => this.store.forgetRefreshes(userId, platformId)))
  }
}

/** The user and platform that a refresh token names; undefined where the text cannot be one. */
export function readRefreshToken(text: string): Claims | undefined {
  const [, user, platform] = FORM.exec(text) ?? []
  if (user === undefined || platform === undefined) return undefined
  const userId = Buffer.from(user, 'base64url').toString()
  return checkUserId(userId) === undefined ? { userId, platformId: Number(platform) } : undefined
}

function stubDigest(text: string): TokenDigest {
  return tokenDigest(`${text}.stub`)
}
