/** What sync owns, and what it sends itself. */
import { StoreUnavailableError } from '../../src/errors.js'
import type { Note } from '../../src/presence/eviction.js'
import type { Holder, PlatformId, Snapshot, UserId } from '../../src/presence/types.js'
import type { Addresses } from '../../src/protocol/addresses.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as Sync from '../../src/protocol/sync.js'
import type { Context, Outcome, Ref, ReplyTo } from '../../src/runtime/index.js'
import type { Incarnation, PresenceStore } from '../../src/store/presence-store.js'
import type { FromAssertions } from './assertions.js'
import type { Background } from './background.js'
import type { FromDiscards } from './discards.js'
import type { Breaker, FromHealth, StoreHealth } from './health.js'
import type { FromLease, LeaseState } from './lease.js'
import type { FromReads, Reading } from './reads.js'
import type { FromTokens, TokenCounts, TokenDesk, TokenSettings } from './tokens.js'

export interface SyncCounts extends TokenCounts {
  gaps: number
  nodesLost: number
  usersSwept: number
  storeDiscards: number
  flushSeconds: (seconds: number) => void
}

export function newSyncCounts(flushSeconds: SyncCounts['flushSeconds'] = () => {}): SyncCounts {
  return {
    gaps: 0,
    nodesLost: 0,
    usersSwept: 0,
    storeDiscards: 0,
    tokenLookups: 0,
    uncheckedLogins: 0,
    flushSeconds,
  }
}

export interface Args {
  /** A store that is not open yet. */
  createStore: () => PresenceStore
  addresses: Addresses
  nodeLeaseMs: number
  watchTtlS: number
  tokens: TokenSettings
  health: StoreHealth
  counts: SyncCounts
  onUnsuitable: (error: Error) => void
}

export interface State extends Args {
  store: PresenceStore
  isOpen: boolean
  /** This incarnation's name; undefined before the store is open. */
  holder: Holder | undefined
  /** Per shard: the users that this node has in the store, or is about to, and where. */
  ledger: Map<UserId, PlatformId[]>[]
  background: Background
  breaker: Breaker
  /** Records that the store had thrown away when it was asked last. */
  discards: number | undefined
  /** Assertions that the store has not answered, since when; oldest first. */
  calls: Map<ReplyTo<unknown>, number>
  /** When shards were last told that the store fails. */
  failsToldMs: number
  desk: TokenDesk
  lease: LeaseState
  /** Shards that could not be told of a change. */
  missed: Set<Ref<PresenceShard.Command>>
  /** Questions of this turn. */
  readings: Reading[]
}

/** What only sync sends itself. */
export type Private =
  | { kind: 'open' }
  | { kind: 'opened'; outcome: Outcome<Incarnation> }
  | { kind: 'interestSet'; replyTo: ReplyTo<Snapshot[]>; outcome: Outcome<Snapshot[]> }
  | { kind: 'answered'; replyTo: ReplyTo<unknown>; outcome: Outcome<unknown> }
  | { kind: 'storeChanged'; snapshots: Snapshot[]; by: Holder }
  | { kind: 'storeMissed'; reason: string }
  | { kind: 'missedDue' }
  | { kind: 'storeNoted'; note: Note }
  | { kind: 'storeNoticed'; userId: UserId; platformIds: PlatformId[] }
  | { kind: 'storeReachable'; up: boolean; reason: string }
  | FromAssertions
  | FromDiscards
  | FromHealth
  | FromLease
  | FromReads
  | FromTokens

export type Ctx = Context<Sync.Command | Private>

/** Ask something of the store, if it answers at all. */
export async function askStore<T>(
  { store, breaker }: State,
  call: (store: PresenceStore) => Promise<T>,
): Promise<T> {
  if (breaker.isOpen) throw new StoreUnavailableError('The store does not answer; it is being looked for.')
  return call(store)
}
