/** Tokens: their states, who kicked them, and which nodes rely on them. */
import type { LoginNumber, PlatformId, TokenRecord, TokenState, UserId } from '../../rules/types.js'

export interface TokenRecords {
  /**
   * State of a token. From then on this node relies on it: for the next hour it hears (`nodeMessage`) when the token is
   * kicked through any node.
   */
  tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState>

  /** Every token on record of a user, on all platforms. */
  tokensOf(userId: UserId): Promise<TokenRecord[]>

  /** Remember a token as normal for `ttlS` seconds. */
  rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void>

  /**
   * Flag tokens as kicked by the login with the number `by`, also such as are not on record, and tell the nodes
   * that rely on them, this one too. A token that a later login has vouched for is spared. `by` ADMIN_KICK:
   * no login outranks it. `ttlS`: how long the flag is kept at least.
   */
  kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void>

  /** The number of the login that kicked a token; ADMIN_KICK where none did, or none is known. */
  kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber>

  /** A login with this number was made with the token: undo what an earlier login did to it, and prevent it. */
  vouchForToken(userId: UserId, platformId: PlatformId, token: string, login: LoginNumber): Promise<void>

  /** Take tokens off the record. */
  forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void>
}
