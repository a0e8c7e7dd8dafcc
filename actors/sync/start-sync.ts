/** Starts the actors of a sync thread, with the state that they share. Thread: sync. */
import {
  type Addresses,
  CLUSTER_SYNC,
  MESSAGE_SYNC,
  PRESENCE_SYNC,
  TOKEN_SYNC,
} from '../../src/protocol/addresses.js'
import type { ActorSystem } from '../../src/runtime/index.js'
import type { Store } from '../../src/store/ports/store.js'
import { clusterSync } from './cluster-sync.js'
import type { SyncCounts } from './counts.js'
import { messageSync } from './message-sync.js'
import type { PresenceGauges } from './presence-sync/state.js'
import { presenceSync } from './presence-sync.js'
import { newStoreAccess } from './store-access.js'
import type { StoreHealth } from './store-health.js'
import type { TokenSettings } from './token-sync/state.js'
import { tokenSync } from './token-sync.js'
import { UncheckedLogins } from './unchecked-logins.js'

export interface SyncOptions {
  /** A store that is not open yet; called for each attempt to open one. */
  createStore: () => Store
  addresses: Addresses
  nodeLeaseMs: number
  watchTtlS: number
  tokens: TokenSettings
  /** Written by cluster-sync, for the thread to show. */
  health: StoreHealth
  counts: SyncCounts
  /** The store cannot serve, now or later: wrong server, bad options. */
  onUnsuitable: (error: Error) => void
}

/** `system`: only its way to start actors is needed. */
export function startSync(system: Pick<ActorSystem, 'spawn'>, options: SyncOptions): PresenceGauges {
  const { createStore, addresses, nodeLeaseMs, watchTtlS, tokens, health, counts, onUnsuitable } = options
  const access = newStoreAccess(health)
  const unchecked = new UncheckedLogins()
  const gauges: PresenceGauges = { held: () => 0 }
  const settings = { nodeLeaseMs, watchTtlS }
  // First: it opens the store that the others ask.
  system.spawn(clusterSync, { createStore, addresses, settings, access, counts, onUnsuitable }, CLUSTER_SYNC)
  system.spawn(tokenSync, { addresses, settings: tokens, access, unchecked, counts }, TOKEN_SYNC)
  system.spawn(presenceSync, { addresses, access, unchecked, counts, gauges }, PRESENCE_SYNC)
  if (addresses.storage !== undefined) {
    system.spawn(messageSync, { addresses, access, counts }, MESSAGE_SYNC)
  }
  return gauges
}
