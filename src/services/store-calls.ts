/** The store as the token service calls it, with failures that can be told from those of whoever signs and verifies. */

import { isDamagedRecord } from '../auth/token-records.js'
import type { RefreshTokenRecords } from '../store/ports/refresh-token-records.js'
import type { TokenRecords } from '../store/ports/token-records.js'

/** What of the store the service needs. Each call may reject. */
export type TokenStore = Pick<
  TokenRecords,
  'tokenState' | 'tokensOf' | 'rememberToken' | 'kickTokens' | 'forgetTokens'
> &
  RefreshTokenRecords

/** The store did not answer, or said no: nothing is known of what was asked. Retry: later, with the same call. */
export class StoreAwayError extends Error {
  constructor(override readonly cause: unknown) {
    super('the store is out of reach')
  }

  /** The store answers, but not about this user: what stands there of them has the wrong form. Retry: never. */
  get isDamaged(): boolean {
    return isDamagedRecord(this.cause)
  }
}

/** The same store, whose failures can be told from those of whoever signs and verifies. */
export function tellApart(store: TokenStore): TokenStore {
  const call = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer
    } catch (cause) {
      throw new StoreAwayError(cause)
    }
  }
  return {
    tokenState: (...args) => call(store.tokenState(...args)),
    tokensOf: (...args) => call(store.tokensOf(...args)),
    rememberToken: (...args) => call(store.rememberToken(...args)),
    kickTokens: (...args) => call(store.kickTokens(...args)),
    forgetTokens: (...args) => call(store.forgetTokens(...args)),
    rememberRefresh: (...args) => call(store.rememberRefresh(...args)),
    takeRefresh: (...args) => call(store.takeRefresh(...args)),
    forgetRefreshes: (...args) => call(store.forgetRefreshes(...args)),
  }
}
