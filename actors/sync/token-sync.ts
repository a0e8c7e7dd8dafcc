/**
 * Token-sync: a cache of the tokens that the store found good, and the kicks that the store has not recorded yet.
 *
 * Thread  sync                        Owns   the token cache, unwritten kicks, recent logins, the unchecked logins
 * Hears   TokenSync.Command           Tells  PresenceShard.Command
 * Timers  writeKicks, checkUnchecked
 * Fails   restarts with an empty cache and asks the store again; unchecked logins stay to be checked
 *
 * Only a token that was good a short while ago is accepted without asking the store. A kick through any node removes
 * it from the cache at once, even while the answer about it is on its way: kick and answer wait in one mailbox.
 */
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { RecentMap } from '../../src/rules/recent-map.js'
import { assertNever, defineActor } from '../../src/runtime/index.js'
import {
  onKicksWritten,
  onKickTokens,
  onTokensKicked,
  onVouchForToken,
  onWriteKicksDue,
  UNWRITTEN_MAX,
} from './token-sync/kicks.js'
import { newTokenCache, onCheckToken, onTokenFound } from './token-sync/lookups.js'
import { checkSome, onChangesMissed, onUncheckedFound } from './token-sync/rechecks.js'
import {
  onForgetRefreshes,
  onForgetTokens,
  onRememberRefresh,
  onRememberToken,
  onTakeRefresh,
  onTokensOf,
} from './token-sync/records.js'
import type { Args, Ctx, Private, State } from './token-sync/state.js'

export const tokenSync = defineActor<TokenSync.Command | Private, State, Args>({
  kind: 'token-sync',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: TokenSync.Command | Private): void {
  switch (message.kind) {
    case 'checkToken':
      return onCheckToken(ctx, state, message)
    case 'tokenFound':
      return onTokenFound(ctx, state, message.digest, message.outcome)
    case 'kickTokens':
      return onKickTokens(ctx, state, message)
    case 'kicksWritten':
      return onKicksWritten(ctx, state, message)
    case 'writeKicksDue':
      return onWriteKicksDue(ctx, state)
    case 'vouchForToken':
      return onVouchForToken(ctx, state, message)
    case 'tokensKicked':
      return onTokensKicked(ctx, state, message)
    case 'changesMissed':
      return onChangesMissed(ctx, state)
    case 'storeBack':
      onWriteKicksDue(ctx, state)
      return onChangesMissed(ctx, state)
    case 'checkUncheckedDue':
      return checkSome(ctx, state)
    case 'uncheckedFound':
      return onUncheckedFound(ctx, state, message.digest, message.outcome)
    case 'tokensOf':
      return onTokensOf(ctx, state, message)
    case 'rememberToken':
      return onRememberToken(ctx, state, message)
    case 'forgetTokens':
      return onForgetTokens(ctx, state, message)
    case 'rememberRefresh':
      return onRememberRefresh(ctx, state, message)
    case 'takeRefresh':
      return onTakeRefresh(ctx, state, message)
    case 'forgetRefreshes':
      return onForgetRefreshes(ctx, state, message)
    default:
      assertNever(message)
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const state: State = {
    ...args,
    cache: newTokenCache(args.settings),
    unwritten: new RecentMap(UNWRITTEN_MAX),
    recentLogins: new Map(),
    asked: new Set(),
  }
  // Logins that were accepted unchecked before the restart are still to be checked.
  onChangesMissed(ctx, state)
  return state
}
