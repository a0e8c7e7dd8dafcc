/** The store as the token service calls it. */

import { DamagedRecordError, hasCode, StoreUnavailableError } from '../errors/errors.js'
import type { RefreshTokenRecords } from '../store/ports/refresh-token-records.js'
import type { TokenRecords } from '../store/ports/token-records.js'

/** What of the store the service needs. Each call may reject. */
export type TokenStore = Pick<
  TokenRecords,
  'tokenState' | 'tokensOf' | 'rememberToken' | 'kickTokens' | 'forgetTokens'
> &
  RefreshTokenRecords

/**
 * The same store, whose every failure has one of two codes, so that none is taken for a failure of what signs and
 * verifies: DAMAGED_RECORD where the store has something of a wrong form for the user, else STORE_UNAVAILABLE, and
 * then the same call may be made again. What the store failed with is the cause.
 */
export function wrapStoreErrors(store: TokenStore): TokenStore {
  const call = <T>(answer: Promise<T>): Promise<T> => answer.catch(wrapError)
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

function wrapError(cause: unknown): never {
  if (hasCode(cause, 'DAMAGED_RECORD')) throw new DamagedRecordError(cause.message, { cause })
  throw new StoreUnavailableError('the store is out of reach', { cause })
}
