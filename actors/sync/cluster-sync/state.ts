/** What cluster-sync owns, and what it sends itself. Thread: sync. */
import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as ClusterSync from '../../../src/protocol/cluster-sync.js'
import type { Membership, Registry } from '../../../src/rules/cluster/membership.js'
import type { NodeName } from '../../../src/rules/cluster/node-name.js'
import type { Suspicions } from '../../../src/rules/cluster/suspicions.js'
import type { Holder } from '../../../src/rules/types.js'
import type { Context, Outcome } from '../../../src/runtime/index.js'
import type { Incarnation, Lease } from '../../../src/store/ports/node-registry.js'
import type { Store } from '../../../src/store/ports/store.js'
import type { ClusterCounts } from '../counts.js'
import type { OwnStoreAccess } from '../store-access.js'

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

/** Why the store does not serve. */
export type Trouble = 'silence' | 'connection' | 'lease' | 'opening' | 'writes'

/** Whether the store serves; the circuit breaker itself is `StoreAccess.isAway`. */
export interface Serving {
  /** The troubles that apply, each with its reason. */
  troubles: Partial<Record<Trouble, string>>
  /** When the probe that is under way was sent. */
  probedMs: number | undefined
}

export interface ChannelState {
  isProbing: boolean
  /** In a row, since the first of them by this thread's clock. */
  failures: number
  failsSinceMs: number
}

export interface LeaseState {
  name: NodeName
  members: Membership
  /** The epoch was taken and has not been renewed yet. */
  isNew: boolean
  /** A new epoch is to be taken, once a renewal has worked; until it is there, this one is kept. */
  nextEpoch: 'none' | 'due' | 'under way'
  /** When the renewal that is under way was sent. */
  sentMs: number | undefined
  /** Why the last one that ended did not work; undefined = it did. */
  failure: string | undefined
  suspicions: Suspicions
  /** When the epoch was taken. */
  takenMs: number
  /** When the last renewal that succeeded was sent. */
  renewedMs: number
  /** Earlier incarnations of this process, and until when they are kept. */
  previousIncarnations: Holder[]
  keptUntilMs: number
  sweeping: Holder | undefined
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
  | { kind: 'probeChannel' }
  | { kind: 'channelProbed'; outcome: Outcome<void> }
  | { kind: 'countDiscards' }
  | { kind: 'discardsCounted'; outcome: Outcome<number> }
  | { kind: 'probeDue' }
  | { kind: 'probed'; sentMs: number; outcome: Outcome<void> }
  | { kind: 'renewLease' }
  | { kind: 'leaseRenewed'; sentMs: number; outcome: Outcome<Lease> }
  | { kind: 'deathDue' }
  | { kind: 'swept'; dead: Holder; outcome: Outcome<number> }

export type Ctx = Context<ClusterSync.Command | Private>
