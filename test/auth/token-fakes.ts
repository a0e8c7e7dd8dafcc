/** Tokens without cryptography, and a store of them in memory. */

import { type TokenVerdict, tokenFault } from '../../src/auth/tokens.js'
import { WireCode } from '../../src/openim/codes.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { LoginNumber, PlatformId, TokenRecord, TokenState, UserId } from '../../src/rules/types.js'
import type { TokenStore } from '../../src/services/store-calls.js'
import type { NewToken, TokenServiceDeps, TokenSettings } from '../../src/services/token-service.js'
import { TokenService } from '../../src/services/token-service.js'

export const NOW_MS = 1_700_000_000_000
export const NOW_S = NOW_MS / 1000

/** A token with this payload. */
export function fakeToken(payload: object): string {
  return `fake.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.sig`
}

/** Sign as the service asks. `nowMs`: the clock of the node that signs. */
export function fakeIssue(nowMs: () => number) {
  return async ({ userId, platformId, issuedAtS, jti }: NewToken, ttlS: number): Promise<string> =>
    fakeToken({
      UserID: userId,
      PlatformID: platformId,
      iat: issuedAtS,
      jti,
      exp: Math.floor(nowMs() / 1000) + ttlS,
    })
}

/** Good is what `fakeToken` made and has not expired. */
export function fakeVerify(nowMs: () => number) {
  return async (token: string): Promise<TokenVerdict> => {
    const [head, body, signature] = token.split('.')
    if (head !== 'fake' || body === undefined) return tokenFault(WireCode.TokenMalformedError, 'not a JWT')
    if (signature !== 'sig') return tokenFault(WireCode.TokenUnknownError, 'not signed as it should be')
    const { UserID, PlatformID, exp } = JSON.parse(Buffer.from(body, 'base64url').toString())
    if (exp * 1000 <= nowMs()) return tokenFault(WireCode.TokenExpiredError, 'expired')
    return { ok: true, userId: UserID, platformId: PlatformID, expiresAtS: exp }
  }
}

/** What a store keeps of tokens. Every call goes through `gate`, which may delay it or make it fail. */
export class FakeTokenStore implements TokenStore {
  readonly records = new Map<string, TokenRecord & { userId: UserId }>()
  /** `user platform digest` -> its life in s. */
  readonly refreshes = new Map<string, number>()
  readonly kicks: { tokens: string[]; by: LoginNumber; ttlS: number }[] = []

  constructor(readonly gate: (call: string) => Promise<void> = async () => {}) {}

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    await this.gate('tokenState')
    return this.records.get(`${userId} ${platformId} ${token}`)?.state ?? 'unknown'
  }

  async tokensOf(userId: UserId): Promise<TokenRecord[]> {
    await this.gate('tokensOf')
    return this.held(userId)
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string): Promise<void> {
    await this.gate('rememberToken')
    this.set(userId, platformId, token, 'normal')
  }

  async kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void> {
    await this.gate('kickTokens')
    this.kicks.push({ tokens, by, ttlS })
    for (const token of tokens) this.set(userId, platformId, token, 'kicked')
  }

  async forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    await this.gate('forgetTokens')
    for (const token of tokens) this.records.delete(`${userId} ${platformId} ${token}`)
  }

  async rememberRefresh(
    userId: UserId,
    platformId: PlatformId,
    refresh: string,
    ttlS: number,
  ): Promise<void> {
    await this.gate('rememberRefresh')
    this.refreshes.set(`${userId} ${platformId} ${refresh}`, ttlS)
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: string): Promise<boolean> {
    await this.gate('takeRefresh')
    return this.refreshes.delete(`${userId} ${platformId} ${refresh}`)
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    await this.gate('forgetRefreshes')
    for (const key of this.refreshes.keys()) {
      if (key.startsWith(`${userId} ${platformId} `)) this.refreshes.delete(key)
    }
  }

  /** As if somebody else had written it. */
  set(userId: UserId, platformId: PlatformId, token: string, state: TokenState): void {
    this.records.set(`${userId} ${platformId} ${token}`, { userId, platformId, token, state })
  }

  held(userId: UserId): TokenRecord[] {
    return [...this.records.values()]
      .filter((record) => record.userId === userId)
      .map(({ platformId, token, state }) => ({ platformId, token, state }))
  }

  /** Texts of the good ones. */
  good(userId: UserId): string[] {
    return this.held(userId)
      .filter(({ state }) => state === 'normal')
      .map(({ token }) => token)
  }
}

export const platforms = new PlatformTable(OPENIM_PLATFORMS)
export const isAdmin = (userId: UserId) => userId === 'imAdmin'

const SETTINGS: TokenSettings = {
  tokenExpireDays: 90,
  accessTokenExpireMin: 60,
  refreshTokenExpireDays: 0,
  maxTokensPerPlatform: 30,
  loginPolicy: 1,
  refuseNew: false,
  adminTokenExpireMin: 1_440,
  authWhenStoreDown: 'deny',
}

/** A node's token service on this store; `more` stands in for single neighbours. */
export function fakeService(
  store: TokenStore,
  settings: Partial<TokenSettings> = {},
  more: Partial<TokenServiceDeps> = {},
): TokenService {
  const nowMs = more.nowMs ?? (() => NOW_MS)
  return new TokenService({
    store,
    settings: { ...SETTINGS, ...settings },
    platforms,
    isAdmin,
    needsRecord: () => true,
    issue: fakeIssue(nowMs),
    canonical: (token) => token,
    verify: fakeVerify(nowMs),
    nowMs,
    ...more,
  })
}
