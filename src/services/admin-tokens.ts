/**
 * Tokens of administrators: on record as others are, so that they can be revoked, but without a place to fight for:
 * each of several services has one, and none ends another's.
 *
 * While a token is new, the same one is given again: services that ask for each of their calls would fill the record, or
 * push out the tokens of others.
 */

import type { Claims, TokenVerdict } from '../auth/tokens.js'
import { Platform } from '../openim/platforms.js'
import { readIssue } from '../rules/logins/token-order.js'
import type { Ruling, TokenRules } from '../rules/logins/token-rules.js'
import type { TokenRecord, UserId } from '../rules/types.js'
import type { TokenStore } from './store-calls.js'
import { latestLogin } from './token-lists.js'

/** Of one administrator. Handing out young ones again keeps them far below. */
export const ADMIN_TOKENS_MAX = 1_000
/** A token is new for this part of its life. */
const YOUNG = 0.01
/** Life of one that is on no record. */
const UNRECORDED_S = 300

export interface AdminTokenDeps {
  store: Pick<TokenStore, 'tokensOf' | 'rememberToken'>
  rules: TokenRules
  /** How long a token is good. */
  ttlS: number
  issue(claims: Claims, ttlS: number, held: readonly TokenRecord[]): Promise<string>
  obey(userId: UserId, ruling: Ruling<TokenRecord>): Promise<void>
  verify(token: string): TokenVerdict | Promise<TokenVerdict>
  nowS(): number
}

/** `ttlS`: seconds from now. */
interface AdminToken {
  token: string
  ttlS: number
}

export class AdminTokens {
  readonly #deps: AdminTokenDeps

  constructor(deps: AdminTokenDeps) {
    this.#deps = deps
  }

  /** Rejects as the store does. */
  async create(userId: UserId): Promise<AdminToken> {
    const { store, rules, ttlS, issue, obey, nowS } = this.#deps
    const records = (await store.tokensOf(userId)).filter(({ platformId }) => platformId === Platform.Admin)
    const young = await this.#young(userId, records)
    if (young !== undefined) return young
    const claims = { userId, platformId: Platform.Admin }
    const token = await issue(claims, ttlS, records)
    await store.rememberToken(userId, Platform.Admin, token, ttlS)
    await obey(userId, rules.judge({ ...claims, token }, records, nowS()))
    return { token, ttlS }
  }

  /** For the time that the store is away. */
  async createUnrecorded(userId: UserId): Promise<AdminToken> {
    const ttlS = Math.min(UNRECORDED_S, this.#deps.ttlS)
    return { token: await this.#deps.issue({ userId, platformId: Platform.Admin }, ttlS, []), ttlS }
  }

  /** A good one on record with nearly all of its life ahead. */
  async #young(userId: UserId, records: readonly TokenRecord[]): Promise<AdminToken | undefined> {
    const { ttlS, verify, nowS } = this.#deps
    const youngest = latestLogin(records)
    if (youngest === undefined) return undefined
    const leftS = Math.floor(readIssue(youngest.token).expiresAtS) - nowS()
    if (leftS > ttlS || leftS < ttlS * (1 - YOUNG)) return undefined
    // It may have been signed with another key.
    const verdict = await verify(youngest.token)
    const isOwn = verdict.ok && verdict.userId === userId && verdict.platformId === Platform.Admin
    return isOwn ? { token: youngest.token, ttlS: leftS } : undefined
  }
}
