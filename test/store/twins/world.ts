/**
 * Both stores as the differential test drives them: the same nodes, under one virtual clock that stands still.
 *
 * A clock that stands still makes epochs, versions and lease ends the same on both sides, so outcomes are compared as
 * they are. It stands at whole seconds: keys in Redis end by milliseconds, records by seconds, and only there the two
 * agree.
 */
import type { TokenState } from '../../../src/rules/types.js'
import type { Incarnation, NodeRegistry } from '../../../src/store/ports/node-registry.js'
import type { PresenceRecords } from '../../../src/store/ports/presence-records.js'
import type { RefreshTokenRecords } from '../../../src/store/ports/refresh-token-records.js'
import type { SeatRecords } from '../../../src/store/ports/seat-records.js'
import type { NodeSettings, StoreEvents, StorePorts } from '../../../src/store/ports/store.js'
import type { TokenRecords } from '../../../src/store/ports/token-records.js'

/** The calls of a store that are compared. */
export type TwinStore = PresenceRecords & SeatRecords & TokenRecords & RefreshTokenRecords & NodeRegistry

/** All ports of a store as one. */
export function callsOf({ presence, seats, tokens, refreshTokens, registry }: StorePorts): TwinStore {
  return {
    assert: (batch) => presence.assert(batch),
    watch: (userIds) => presence.watch(userIds),
    unwatch: (userIds) => presence.unwatch(userIds),
    read: (userIds) => presence.read(userIds),
    renewLease: (renewal) => registry.renewLease(renewal),
    living: () => registry.living(),
    sweep: (dead) => registry.sweep(dead),
    takeSeat: (request, onlyLiving) => seats.takeSeat(request, onlyLiving),
    tokenState: (...args) => tokens.tokenState(...args),
    tokensOf: (userId) => tokens.tokensOf(userId),
    rememberToken: (...args) => tokens.rememberToken(...args),
    kickTokens: (...args) => tokens.kickTokens(...args),
    kickedBy: (...args) => tokens.kickedBy(...args),
    vouchForToken: (...args) => tokens.vouchForToken(...args),
    forgetTokens: (...args) => tokens.forgetTokens(...args),
    rememberRefresh: (...args) => refreshTokens.rememberRefresh(...args),
    takeRefresh: (...args) => refreshTokens.takeRefresh(...args),
    forgetRefreshes: (...args) => refreshTokens.forgetRefreshes(...args),
  }
}

const COMMON = { presenceTtlS: 60, watchTtlS: 60, nodeLeaseMs: 30_000, offlineGraceMs: 0 }

/** The processes of the nodes. Two have one name. The last node has settings of its own: such as meet in a rolling change of settings. */
export const SLOTS: readonly NodeSettings[] = [
  { ...COMMON, nodeId: 'n1', processId: 'p' },
  { ...COMMON, nodeId: 'n1', processId: 'q', offlineGraceMs: 40_000 },
  { ...COMMON, nodeId: 'n2', processId: 'r', offlineGraceMs: 40_000 },
  { ...COMMON, nodeId: 'n3', processId: 's', presenceTtlS: 20, watchTtlS: 20, nodeLeaseMs: 9_000 },
]

export const START_S = 1_700_000_000

export interface World {
  /** Empty the store, and set the clock to START_S. No slot is open then. */
  reset(): Promise<void>
  pass(seconds: number): Promise<void>
  /** The slot takes a new epoch. */
  open(slot: number, events: StoreEvents): Promise<Incarnation>
  /** The slot leaves the registry. */
  leave(slot: number): Promise<void>
  /** Of a slot that is open. */
  store(slot: number): TwinStore
  /** Whatever was said to a node has arrived. */
  settle(): Promise<void>
  /** What OpenIM's own services do: set a token's state. Its kick, if it has one, goes. */
  setToken(userId: string, platformId: number, token: string, state: TokenState, ttlS: number): Promise<void>
  stop(): Promise<void>
}

export interface RedisWorld extends World {
  /** The union that OpenIM reads: the platforms on which a user is online, ascending. */
  union(userId: string): Promise<number[]>
}
