/** What cluster-sync owns, and what it sends itself. Thread: sync. */
import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as ClusterSync from '../../../src/protocol/cluster-sync.js'
import type { Registry } from '../../../src/rules/cluster/membership.js'
import type { Context, Outcome } from '../../../src/runtime/index.js'
import type { Incarnation } from '../../../src/store/ports/node-registry.js'
import type { Store } from '../../../src/store/ports/store.js'
import type { ClusterCounts } from '../counts.js'
import type { OwnStoreAccess } from '../store-access.js'
import type { ChannelState, FromChannel } from './channel.js'
import type { FromDiscards } from './discards.js'
import type { FromHealth, Serving } from './health.js'
import type { FromLease, LeaseState } from './lease.js'

export interface Args {
  /** A store that is not open yet. */
  createStore: () => Store
  addresses: Addresses
  settings: { nodeLeaseMs: number; watchTtlS: number }
  access: OwnStoreAccess
  counts: ClusterCounts
  onUnsuitable: (error: Error) => void
}

export interface State extends Args {
  /** The same as `access.store`. */
  store: Store
  /** How often the store was opened, or tried to be; an earlier attempt is given up. */
  attempts: number
  serving: Serving
  channel: ChannelState
  losses: Losses
  lease: LeaseState
}

export interface Losses {
  /** Records that the store had thrown away when it was asked last. */
  discards: number | undefined
  /** presence-sync has refused a change, and the shards have still to be told. */
  isRefused: boolean
}

/** What only cluster-sync sends itself. */
export type Private =
  | { kind: 'open' }
  | { kind: 'opened'; attempt: number; outcome: Outcome<Incarnation> }
  | { kind: 'openLate' }
  | { kind: 'storeReachable'; up: boolean; reason: string }
  | { kind: 'changesMissed'; reason: string }
  | { kind: 'refusedDue' }
  | { kind: 'died'; dead: Registry['dead'] }
  | FromChannel
  | FromDiscards
  | FromHealth
  | FromLease

export type Ctx = Context<ClusterSync.Command | Private>
