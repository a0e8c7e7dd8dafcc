/**
 * Both stores as the differential test drives them: the same nodes, under one virtual clock that stands still.
 *
 * A clock that stands still makes epochs, versions and lease ends the same on both sides, so outcomes are compared as
 * they are. It stands at whole seconds: keys in Redis end by milliseconds, records by seconds, and only there the two
 * agree.
 */
import type { Assertion, SeatRequest } from '../../../src/rules/types.js'
import type { StorePorts } from '../../../src/store/ports/store.js'

export type TokenState = 'normal' | 'invalid' | 'kicked' | 'expired' | 'unknown'

export interface Suspect {
  holder: string
  leaseEndMs: number
}

export interface Renewal {
  known: number
  suspects: Suspect[]
  previousIncarnations: string[]
  unregistered: string[]
  sweeping: string | undefined
}

export interface Lease {
  isHeld: boolean
  rival?: { holder: string; leaseLeftMs: number }
  registry?: { version: number; living: string[]; dead: { holder: string; inMs: number }[] }
  suspects: Suspect[]
  toSweep?: string
}

/** What a node hears, and its test looks at. */
export interface Events {
  changed(snapshots: unknown[], by: string): void
  nodeMessage(note: unknown): void
  changesMissed(): void
  openimNotice(): void
  reachable(): void
}

export interface Incarnation {
  holder: string
  previousIncarnations: string[]
}

/** The calls of a store that are compared. */
export interface TwinStore {
  assert(batch: Assertion[]): Promise<{ ok: boolean; userId: string; version?: number }[]>
  watch(userIds: string[]): Promise<unknown[]>
  unwatch(userIds: string[]): Promise<void>
  read(userIds: string[]): Promise<{ userId: string; claims: { platformId: number; holder: string }[] }[]>
  renewLease(renewal: Renewal): Promise<Lease>
  living(): Promise<string[]>
  sweep(dead: string): Promise<number>
  takeSeat(
    request: SeatRequest,
    onlyLiving: boolean,
  ): Promise<{ isTaken: boolean; reason?: string; holders?: string[] }>
  tokenState(userId: string, platformId: number, token: string): Promise<TokenState>
  tokensOf(userId: string): Promise<{ platformId: number; token: string; state: TokenState }[]>
  rememberToken(userId: string, platformId: number, token: string, ttlS: number): Promise<void>
  kickTokens(userId: string, platformId: number, tokens: string[], by: number, ttlS: number): Promise<void>
  kickedBy(userId: string, platformId: number, token: string): Promise<number>
  vouchForToken(userId: string, platformId: number, token: string, login: number): Promise<void>
  forgetTokens(userId: string, platformId: number, tokens: string[]): Promise<void>
  rememberRefresh(userId: string, platformId: number, refresh: string, ttlS: number): Promise<void>
  takeRefresh(userId: string, platformId: number, refresh: string): Promise<boolean>
  forgetRefreshes(userId: string, platformId: number): Promise<void>
}

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

/** One process of one node. */
export interface Slot {
  nodeId: string
  processId: string
  presenceTtlS: number
  watchTtlS: number
  nodeLeaseMs: number
  offlineGraceMs: number
}

const COMMON = { presenceTtlS: 60, watchTtlS: 60, nodeLeaseMs: 30_000, offlineGraceMs: 0 }

/** Two processes have one name. The last node has settings of its own: such as meet in a rolling change of settings. */
export const SLOTS: readonly Slot[] = [
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
  open(slot: number, events: Events): Promise<Incarnation>
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
