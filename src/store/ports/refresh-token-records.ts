/** Refresh tokens, known by their digests alone. */
import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type { PlatformId, UserId } from '../../rules/types.js'

export interface RefreshTokenRecords {
  /** Remember a refresh token, by its digest, for `ttlS` seconds. */
  rememberRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest, ttlS: number): Promise<void>

  /** Use a refresh token up. True for exactly one caller, and only before it has expired or was forgotten. */
  takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean>

  /** Forget every refresh token of a user on a platform. */
  forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void>
}
