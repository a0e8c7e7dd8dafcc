/** The store's token calls for the api thread. */

import type { Addresses } from '../protocol/addresses.js'
import type * as TokenSync from '../protocol/token-sync.js'
import type { ActorSystem, QuestionOf } from '../runtime/index.js'
import type { TokenStore } from '../services/store-calls.js'

const STORE_DEADLINE_MS = 5_000

/** What the token service wants of the store, as questions to token-sync. Each rejects when it is not answered in time. */
export function tokenStore(system: ActorSystem, { tokenSync }: Addresses): TokenStore {
  const ask = <K extends TokenSync.Command['kind']>(question: QuestionOf<TokenSync.Command, K>) =>
    system.ask(tokenSync, question, STORE_DEADLINE_MS)
  return {
    tokenState: (userId, platformId, token) =>
      ask({ kind: 'checkToken', userId, platformId, token, isLogin: false }),
    kickTokens: async (userId, platformId, tokens, by, ttlS) => {
      await ask({ kind: 'kickTokens', userId, platformId, tokens, by, ttlS })
    },
    tokensOf: (userId) => ask({ kind: 'tokensOf', userId }),
    rememberToken: async (userId, platformId, token, ttlS) => {
      await ask({ kind: 'rememberToken', userId, platformId, token, ttlS })
    },
    forgetTokens: async (userId, platformId, tokens) => {
      await ask({ kind: 'forgetTokens', userId, platformId, tokens })
    },
    rememberRefresh: async (userId, platformId, refresh, ttlS) => {
      await ask({ kind: 'rememberRefresh', userId, platformId, refresh, ttlS })
    },
    takeRefresh: (userId, platformId, refresh) => ask({ kind: 'takeRefresh', userId, platformId, refresh }),
    forgetRefreshes: async (userId, platformId) => {
      await ask({ kind: 'forgetRefreshes', userId, platformId })
    },
  }
}
