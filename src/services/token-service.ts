/**
 * The token service: makes, checks, renews and revokes tokens. The REST door decides who may call and how answers look;
 * the store keeps the records.
 *
 * A token that is kicked by hand also ends the connections that were made with it within the last hour: the store
 * tells the nodes that rely on it. Older ones are the caller's to end. Those of a token that a newer one replaced stay
 * until a login removes them, as in OpenIM.
 */
import { randomBytes } from 'node:crypto'
import { stateFault } from '../auth/token-records.js'
import { type Claims, type TokenFault, type TokenVerdict, tokenFault } from '../auth/tokens.js'
import { hasCode } from '../errors/errors.js'
import { WireCode } from '../openim/codes.js'
import { Platform } from '../openim/platforms.js'
import { append } from '../rules/append.js'
import { ADMIN_KICK, TOKEN_ONLY } from '../rules/logins/eviction.js'
import type { Policy } from '../rules/logins/login-policy.js'
import { type TokenDigest, tokenDigest } from '../rules/logins/token-digest.js'
import { compareIssue, nextPlace, type Occasion, type Place, readIssue } from '../rules/logins/token-order.js'
import { type Ruling, TokenRules } from '../rules/logins/token-rules.js'
import type { PlatformTable } from '../rules/platforms.js'
import type { PlatformId, TokenRecord, UserId } from '../rules/types.js'
import { checkUserId } from '../rules/user-id.js'
import { ADMIN_TOKENS_MAX, AdminTokens } from './admin-tokens.js'
import { RefreshTokens, readRefreshToken } from './refresh-tokens.js'
import { type TokenStore, wrapStoreErrors } from './store-calls.js'
import { byPlatform, latestLogin, type OneToken, textsOf } from './token-lists.js'

const MINUTE_S = 60
const DAY_S = 86_400
const JTI_RANDOM_BYTES = 4
/** A new token: its user and platform, and its place among the user's tokens (`iat` and `jti`). */
export type NewToken = Claims & Place

export interface TokenSettings {
  tokenExpireDays: number
  /** How long a user's token is good where refresh tokens are on. */
  accessTokenExpireMin: number
  /** 0 = there are no refresh tokens. */
  refreshTokenExpireDays: number
  /** How long an administrator's token is good. */
  adminTokenExpireMin: number
  maxTokensPerPlatform: number
  loginPolicy: Policy
  /** LOGIN_CONFLICT=refuse-new */
  refuseNew: boolean
  authWhenStoreDown: 'allow' | 'deny'
}

export interface TokenServiceDeps {
  store: TokenStore
  settings: TokenSettings
  platforms: PlatformTable
  isAdmin(userId: UserId): boolean
  /** Whether a token of this user's that is not on record is bad (`recordRule`). */
  needsRecord(userId: UserId): boolean
  /** Why a user may have no token; undefined = they may. Absent: everybody may. */
  admit?: (userId: UserId) => Promise<TokenFault | undefined>
  /** Sign a token with these claims, which is good from now for `ttlS` seconds. Absent: tokens are made elsewhere. */
  issue?: (token: NewToken, ttlS: number) => Promise<string>
  /** The one text of a token that may have several (`canonicalToken`). */
  canonical(token: string): string
  /** Signature, times and claims; not the record. */
  verify(token: string): TokenVerdict | Promise<TokenVerdict>
  nowMs(): number
}

/** A token for its user. Times: seconds from now. */
export interface IssuedToken {
  ok: true
  token: string
  ttlS: number
  /** Only where refresh tokens are on, and for users. */
  refresh?: { token: string; ttlS: number }
}

/** Every call rejects as `wrapStoreErrors` does where the store fails. */
export class TokenService {
  readonly #deps: TokenServiceDeps
  readonly #store: TokenStore
  readonly #refreshes: RefreshTokens | undefined
  readonly #rules: TokenRules
  /** A renewal takes the place of no login: nothing but the maximum holds. */
  readonly #renewalRules: TokenRules
  readonly #admins: AdminTokens

  constructor(deps: TokenServiceDeps) {
    const { settings, platforms } = deps
    const { refreshTokenExpireDays, loginPolicy: policy, refuseNew, maxTokensPerPlatform } = settings
    this.#deps = deps
    this.#store = wrapStoreErrors(deps.store)
    const renewals = refreshTokenExpireDays > 0
    if (renewals) this.#refreshes = new RefreshTokens(this.#store, refreshTokenExpireDays * DAY_S)
    const rules = { policy, refuseNew, maxPerPlatform: maxTokensPerPlatform, renewals }
    this.#rules = new TokenRules(rules, platforms)
    this.#renewalRules = new TokenRules({ ...rules, policy: 0 }, platforms)
    this.#admins = new AdminTokens({
      store: this.#store,
      rules: new TokenRules({ ...rules, policy: 0, maxPerPlatform: ADMIN_TOKENS_MAX }, platforms),
      ttlS: settings.adminTokenExpireMin * MINUTE_S,
      issue: (claims, ttlS, held) => this.#issue(claims, ttlS, held, 'login'),
      obey: (userId, ruling) => this.#obey(userId, ruling),
      verify: deps.verify,
      nowS: () => this.#nowS(),
    })
  }

  /**
   * A token for an administrator (`AdminTokens`). While the store is away and AUTH_WHEN_STORE_DOWN is `allow`, one that
   * is on no record: it is good as long as that lasts, and no longer than a few minutes.
   *
   *   1001  not an administrator        1002  tokens are made elsewhere
   */
  async createForAdmin(userId: UserId): Promise<IssuedToken | TokenFault> {
    if (!this.#deps.isAdmin(userId)) return tokenFault(WireCode.ArgsError, 'userID: not an administrator')
    if (this.#deps.issue === undefined) return MADE_ELSEWHERE
    try {
      return { ok: true, ...(await this.#admins.create(userId)) }
    } catch (error) {
      if (!this.#isGoodBySignature(userId, error)) throw error
      return { ok: true, ...(await this.#admins.createUnrecorded(userId)) }
    }
  }

  /**
   * A token for a login, which takes the place of others by the policy. The platform is a known one.
   *
   *   1002  for an administrator or the administrators' platform, or tokens are made elsewhere
   *   1101  the user has to be registered first
   *
   * First the new token is recorded, then all are read and judged in the order of their issue. When two nodes make one
   * each at the same time, at least one reads both, and they agree on which is newer: exactly one stays. The other node
   * may return a kicked token, as if the newer had come just after it.
   */
  async create(claims: Claims): Promise<IssuedToken | TokenFault> {
    if (claims.platformId === Platform.Admin) {
      return tokenFault(WireCode.NoPermissionError, `platformID: ${Platform.Admin} is for administrators`)
    }
    if (this.#deps.isAdmin(claims.userId)) {
      return tokenFault(WireCode.NoPermissionError, 'userID: an administrator has no user token')
    }
    if (this.#deps.issue === undefined) return MADE_ELSEWHERE
    const { userId, platformId } = claims
    const fault = await this.#deps.admit?.(userId)
    if (fault !== undefined) return fault
    const ttlS = this.#userTtlS()
    const token = await this.#issue(claims, ttlS, await this.#store.tokensOf(userId), 'login')
    // A device that is logged out here must not come back by its refresh token.
    await this.#refreshes?.forget(userId, this.#rules.clearedBy(platformId))
    const issued = await this.#record(claims, token, ttlS)
    const records = await this.#store.tokensOf(userId)
    const newcomer = latestLogin(records)
    if (newcomer !== undefined) await this.#obey(userId, this.#rules.judge(newcomer, records, this.#nowS()))
    return issued
  }

  /**
   * The user and platform of a token, if it is good: signature, times, claims and record. While the store is away and
   * AUTH_WHEN_STORE_DOWN is `allow`, an administrator's token needs no record, unless it is known to be kicked.
   */
  async check(text: string): Promise<TokenVerdict> {
    const token = this.#deps.canonical(text)
    const verdict = await this.#deps.verify(token)
    if (!verdict.ok) return verdict
    const { userId, platformId } = verdict
    if (!this.#mayBeOnRecord(verdict)) return NOBODYS
    try {
      const state = await this.#store.tokenState(userId, platformId, token)
      return stateFault(state, this.#deps.needsRecord(userId)) ?? verdict
    } catch (error) {
      if (!this.#isGoodBySignature(userId, error)) throw error
      return verdict
    }
  }

  /** Whether it is an administrator's token, and the store cannot be asked, and need not be. */
  #isGoodBySignature(userId: UserId, error: unknown): boolean {
    const isAway = hasCode(error, 'STORE_UNAVAILABLE')
    return isAway && this.#deps.isAdmin(userId) && this.#deps.settings.authWhenStoreDown === 'allow'
  }

  /**
   * A new token and a new refresh token for one refresh token, which is used up. The token before stays good until it
   * expires by itself: to kick it would end the device's connection.
   *
   *   1001  refresh tokens are off        1002  tokens are made elsewhere
   *   1502  used, expired, forgotten by a logout or never made: one answer for all
   *
   * A store that goes away in the middle costs the refresh token: the device has to log in.
   */
  async refresh(refreshToken: string): Promise<IssuedToken | TokenFault> {
    const refreshes = this.#refreshes
    if (refreshes === undefined) return tokenFault(WireCode.ArgsError, 'refresh tokens are off')
    if (this.#deps.issue === undefined) return MADE_ELSEWHERE
    const claims = readRefreshToken(refreshToken)
    if (claims === undefined || !this.#mayHaveToken(claims)) return BAD_REFRESH_TOKEN
    if (!(await refreshes.take(refreshToken, claims))) return BAD_REFRESH_TOKEN

    const ttlS = this.#userTtlS()
    const token = await this.#issue(claims, ttlS, [], 'renewal')
    const issued = await this.#record(claims, token, ttlS)
    if (!(await refreshes.takeStub(refreshToken, claims))) {
      await this.#takeBack(claims, issued)
      return BAD_REFRESH_TOKEN
    }
    const records = await this.#store.tokensOf(claims.userId)
    const newcomer = { platformId: claims.platformId, token }
    await this.#obey(claims.userId, this.#renewalRules.judge(newcomer, records, this.#nowS()))
    return issued
  }

  /**
   * Kick every token on record of a user, on one platform or on all, and forget the refresh tokens. Tokens made
   * elsewhere are not on record: only connections can be ended, which flag their own.
   */
  async forceLogout(userId: UserId, platformId?: PlatformId): Promise<void> {
    const platformIds = platformId === undefined ? this.#platformIds() : [platformId]
    await this.#logOut(userId, platformIds, () => true)
  }

  /** Kick every token of a user on a platform but one, and forget the refresh tokens, whose token is not known. */
  async invalidate(userId: UserId, platformId: PlatformId, preservedToken: string): Promise<void> {
    const preserved = this.#deps.canonical(preservedToken)
    await this.#logOut(userId, [platformId], ({ token }) => token !== preserved)
  }

  /**
   * Kick these tokens. Skipped, by their positions, are those that verification refuses.
   * A device that has a refresh token as well can still use it: a forced logout ends that too.
   */
  async kickTokens(
    texts: readonly string[],
  ): Promise<{ kicked: { userId: UserId; token: TokenDigest }[]; skipped: number[] }> {
    const tokens = texts.map(this.#deps.canonical)
    const verdicts = await Promise.all(tokens.map((token) => this.#deps.verify(token)))
    const skipped: number[] = []
    const byUser = new Map<UserId, OneToken[]>()
    for (const [at, verdict] of verdicts.entries()) {
      if (!verdict.ok || !this.#mayBeOnRecord(verdict)) {
        skipped.push(at)
        continue
      }
      const { userId, platformId } = verdict
      append(byUser, userId, { platformId, token: tokens[at]! })
    }
    await Promise.all([...byUser].map(([userId, records]) => this.#kick(userId, records)))
    const kicked = [...byUser].flatMap(([userId, records]) =>
      records.map(({ token }) => ({ userId, token: tokenDigest(token) })),
    )
    return { kicked, skipped }
  }

  /** Whether this can be a token of the user's to kick; undefined = it can, if only one that has expired. */
  async faultOf(userId: UserId, text: string): Promise<TokenFault | undefined> {
    const verdict = await this.#deps.verify(this.#deps.canonical(text))
    if (!verdict.ok) return verdict.errCode === WireCode.TokenExpiredError ? undefined : verdict
    return verdict.userId === userId ? undefined : tokenFault(WireCode.ArgsError, 'token: is of another user')
  }

  /** Kick one token of this user's (`faultOf`). One that has expired, or may not have a record, needs no kick. */
  async kickTokenOf(userId: UserId, text: string): Promise<void> {
    const token = this.#deps.canonical(text)
    const verdict = await this.#deps.verify(token)
    if (!verdict.ok || verdict.userId !== userId || !this.#mayBeOnRecord(verdict)) return
    await this.#kick(userId, [{ platformId: verdict.platformId, token }])
  }

  /** How connections made with the token are named. */
  digestOf(text: string): TokenDigest {
    return tokenDigest(this.#deps.canonical(text))
  }

  async #issue(
    claims: Claims,
    ttlS: number,
    held: readonly TokenRecord[],
    occasion: Occasion,
  ): Promise<string> {
    const random = randomBytes(JTI_RANDOM_BYTES).toString('hex')
    const place = nextPlace(textsOf(held), this.#deps.nowMs(), random, occasion)
    const token = await this.#deps.issue!({ ...claims, ...place }, ttlS)
    // Without its place in the order a new token may be taken for an old one, and be kicked as it is made.
    if (compareIssue(readIssue(token), place) !== 0)
      throw new Error('issue() did not sign the iat and jti given')
    return token
  }

  /**
   * Put a new token on record, its refresh token before it: a logout forgets refresh tokens after it has kicked what
   * it found, so that both go or neither.
   */
  async #record(claims: Claims, token: string, ttlS: number): Promise<IssuedToken> {
    const { userId, platformId } = claims
    const refreshes = this.#refreshes
    const refresh = refreshes && { token: await refreshes.make(claims), ttlS: refreshes.ttlS }
    await this.#store.rememberToken(userId, platformId, token, ttlS)
    return { ok: true, token, ttlS, ...(refresh && { refresh }) }
  }

  async #takeBack(claims: Claims, { token, refresh }: IssuedToken): Promise<void> {
    await this.#store.forgetTokens(claims.userId, claims.platformId, [token])
    if (refresh === undefined) return
    await this.#refreshes?.take(refresh.token, claims)
    await this.#refreshes?.takeStub(refresh.token, claims)
  }

  /**
   * Refresh tokens go first and last: first, so that a refresh under way either fails or has its new token on record
   * before the record is read; last, for those of tokens that were made meanwhile and kicked.
   */
  async #logOut(
    userId: UserId,
    platformIds: readonly PlatformId[],
    isMeant: (record: TokenRecord) => boolean,
  ): Promise<void> {
    await this.#refreshes?.forget(userId, platformIds)
    const records = await this.#store.tokensOf(userId)
    // Kicked ones too: what a login kicked, a later login can bring back; what is kicked by hand, nobody can.
    await this.#kick(
      userId,
      records.filter((record) => platformIds.includes(record.platformId) && isMeant(record)),
    )
    await this.#refreshes?.forget(userId, platformIds)
  }

  async #obey(userId: UserId, { kick, forget }: Ruling<TokenRecord>): Promise<void> {
    await this.#kick(userId, kick, TOKEN_ONLY)
    const forgets = [...byPlatform(forget)].map(([platformId, records]) =>
      this.#store.forgetTokens(userId, platformId, textsOf(records)),
    )
    await Promise.all(forgets)
  }

  async #kick(userId: UserId, records: readonly OneToken[], by = ADMIN_KICK): Promise<void> {
    const kicks = [...byPlatform(records)].map(([platformId, some]) => {
      const tokens = textsOf(some)
      return this.#store.kickTokens(userId, platformId, tokens, by, this.#flagTtlS(tokens))
    })
    await Promise.all(kicks)
  }

  /** A flag is kept for as long as one of the tokens could be good. */
  #flagTtlS(tokens: readonly string[]): number {
    const longestS = this.#deps.settings.tokenExpireDays * DAY_S
    const livesS = tokens.map((token) => Math.ceil(readIssue(token).expiresAtS) - this.#nowS())
    return Math.max(1, ...livesS.map((lifeS) => (Number.isFinite(lifeS) ? lifeS : longestS)))
  }

  /** Whether a user's device may have a token. */
  #mayHaveToken(claims: Claims): boolean {
    const { userId, platformId } = claims
    return !this.#deps.isAdmin(userId) && platformId !== Platform.Admin && this.#mayBeOnRecord(claims)
  }

  #mayBeOnRecord({ userId, platformId }: Claims): boolean {
    return this.#deps.platforms.isKnown(platformId) && checkUserId(userId) === undefined
  }

  #userTtlS(): number {
    const { settings } = this.#deps
    return this.#refreshes ? settings.accessTokenExpireMin * MINUTE_S : settings.tokenExpireDays * DAY_S
  }

  #platformIds(): PlatformId[] {
    return this.#deps.platforms.all().map(({ id }) => id)
  }

  #nowS(): number {
    return Math.floor(this.#deps.nowMs() / 1000)
  }
}

const NOBODYS = tokenFault(
  WireCode.TokenInvalidError,
  'the token names a user or platform that is not allowed here',
)
const MADE_ELSEWHERE = tokenFault(WireCode.NoPermissionError, 'tokens are made elsewhere')
const BAD_REFRESH_TOKEN = tokenFault(WireCode.TokenInvalidError, 'the refresh token is not good')
