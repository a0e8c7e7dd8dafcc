/** The store's token calls for the api thread. */

import type { Addresses } from '../protocol/addresses.js'
import type * as Sync from '../protocol/sync.js'
import type { ActorSystem, QuestionOf } from '../runtime/index.js'
import type { TokenStore } from '../services/store-calls.js'
import type { PresenceStore } from '../store/ports/presence-store.js'

const STORE_DEADLINE_MS = 5_000

/** What the token service wants of the store, as questions to sync. Each rejects when it is not answered in time. */
export function tokenStore(system: ActorSystem, { sync }: Addresses): TokenStore {
  const ask = <K extends Sync.Command['kind']>(question: QuestionOf<Sync.Command, K>) =>
    system.ask(sync, question, STORE_DEADLINE_MS)
  const call =
    <M extends Sync.TokenMethod>(method: M) =>
    (...args: Parameters<PresenceStore[M]>) =>
      ask({ kind: 'callStore', method, args }) as ReturnType<PresenceStore[M]>
  return {
    tokenState: (userId, platformId, token) =>
      ask({ kind: 'checkToken', userId, platformId, token, isLogin: false }),
    kickTokens: async (userId, platformId, tokens, by, ttlS) => {
      await ask({ kind: 'kickTokens', userId, platformId, tokens, by, ttlS })
    },
    tokensOf: call('tokensOf'),
    rememberToken: call('rememberToken'),
    forgetTokens: call('forgetTokens'),
    rememberRefresh: call('rememberRefresh'),
    takeRefresh: call('takeRefresh'),
    forgetRefreshes: call('forgetRefreshes'),
  }
}
