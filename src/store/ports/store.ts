/**
 * The store: where nodes put what they hold, and hear what others hold. One connection of one node, with a port for
 * each purpose.
 *
 * Three back ends, one behaviour (`test/store/`): `memory/` (embedded, no server), `redis/` on one server, and
 * `redis/` on a Cluster. Only the sync thread talks to a store. A store keeps no copy of what its node asserted:
 * after any loss the shards assert again.
 */
import type { NodeBus, NodeBusEvents } from './node-bus.js'
import type { Incarnation, NodeRegistry } from './node-registry.js'
import type { PresenceRecords } from './presence-records.js'
import type { RefreshTokenRecords } from './refresh-token-records.js'
import type { SeatRecords } from './seat-records.js'
import type { TokenRecords } from './token-records.js'

/** What every store is told of its node. */
export interface NodeSettings {
  nodeId: string
  /** Tells a node that takes a new epoch from one that was started anew under the same name. */
  processId: string
  /** Life of a claim without renewal. */
  presenceTtlS: number
  /** The same of an interest. */
  watchTtlS: number
  nodeLeaseMs: number
  /** How long users of a node that is started anew are shown at most, without being back. */
  offlineGraceMs: number
}

/** What a store tells its node. Called on the node's own thread, never inside a call of the store's. */
export interface StoreEvents extends NodeBusEvents {
  /**
   * The store went out of reach, or came back. Calls fail with STORE_UNAVAILABLE while it is down. Each `true`
   * asks for everything to be asserted and watched again, for records may be lost; also one without a `false`
   * before it, which says that a part of the store (a master of a Cluster) was lost and is back or was replaced.
   */
  reachable(up: boolean, reason: string): void
}

/** Every call of a port fails with STORE_UNAVAILABLE before `Store.open` and after `Store.close`. */
export interface StorePorts {
  readonly presence: PresenceRecords
  readonly seats: SeatRecords
  readonly tokens: TokenRecords
  readonly refreshTokens: RefreshTokenRecords
  readonly registry: NodeRegistry
  readonly bus: NodeBus
}

export interface Store extends StorePorts {
  /**
   * Connect, check the server, register the node under a new epoch and listen to its channel.
   * Fails with STORE_UNAVAILABLE (retry later) or STORE_UNSUITABLE (do not: wrong server, bad options).
   * Earlier incarnations of the node count until the grace is over; those of the same process as long as it renews
   * them. After a lost lease: once more, on an open store, takes a new epoch on the same
   * connections; everything is then to be asserted and watched again. After a failure it may be called again too.
   */
  open(events: StoreEvents): Promise<Incarnation>

  /** What `open` is waiting for, in words. */
  readonly openingStep: string

  /** Round trip to the store. Fails when no server of it serves. */
  ping(): Promise<void>

  /** How many keys the store has thrown away for want of room since it was started. */
  discardedCount(): Promise<number>

  /**
   * End every connection. `leaves`: this node holds nobody any more, and leaves the registry; otherwise its lease ends
   * by itself, and others sweep. Never rejects.
   */
  close(leaves: boolean): Promise<void>
}
