/** What sync owns, and what it sends itself. */
import { StoreUnavailableError } from '../../src/errors/errors.js'
import type { Addresses } from '../../src/protocol/addresses.js'
import type { Note } from '../../src/protocol/node/notes.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as Sync from '../../src/protocol/sync.js'
import type { NodeName } from '../../src/rules/cluster/node-name.js'
import type { Holder, PlatformId, Snapshot, UserId } from '../../src/rules/types.js'
import type { Context, Outcome, Ref, ReplyTo } from '../../src/runtime/index.js'
import type { Incarnation, PresenceStore } from '../../src/store/ports/presence-store.js'
import type { FromAssertions } from './assertions.js'
import type { Background } from './background.js'
import type { ChannelState, FromChannel } from './channel.js'
import type { FromDiscards } from './discards.js'
import type { Breaker, FromHealth, StoreHealth, Troubles } from './health.js'
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
  /** How often the store was opened, or tried to be; an earlier attempt is given up. */
  openings: number
  /** What keeps the store from serving. */
  troubles: Troubles
  breaker: Breaker
  channel: ChannelState
  /** Records that the store had thrown away when it was asked last. */
  discards: number | undefined
  /** Assertions that the store has not answered, since when; oldest first. */
  calls: Map<ReplyTo<unknown>, number>
  /** When shards were last told that the store fails. */
  failsToldMs: number
  desk: TokenDesk
  lease: LeaseState
  name: NodeName
  /** Shards that could not be told of a change. */
  missed: Set<Ref<PresenceShard.Command>>
  /** Questions of this turn. */
  readings: Reading[]
}

/** What only sync sends itself. */
export type Private =
  | { kind: 'open' }
  | { kind: 'opened'; attempt: number; outcome: Outcome<Incarnation> }
  | { kind: 'openLate' }
  | { kind: 'interestSet'; replyTo: ReplyTo<Snapshot[]>; outcome: Outcome<Snapshot[]> }
  | { kind: 'answered'; replyTo: ReplyTo<unknown>; outcome: Outcome<unknown> }
  | { kind: 'storeChanged'; snapshots: Snapshot[]; by: Holder }
  | { kind: 'storeMissed'; reason: string }
  | { kind: 'missedDue' }
  | { kind: 'storeNoted'; note: Note }
  | { kind: 'storeNoticed'; userId: UserId; platformIds: PlatformId[] }
  | { kind: 'storeReachable'; up: boolean; reason: string }
  | FromAssertions
  | FromChannel
  | FromDiscards
  | FromHealth
  | FromLease
  | FromReads
  | FromTokens

export type Ctx = Context<Sync.Command | Private>

export const AWAY = 'The store does not answer; it is being looked for.'

/** Ask something of the store, if it answers at all. */
export async function askStore<T>(
  { store, breaker, name }: State,
  call: (store: PresenceStore) => Promise<T>,
): Promise<T> {
  if (breaker.isOpen) throw new StoreUnavailableError(AWAY)
  // What it wrote now would be taken for the word of the other process.
  if (name.isAside)
    throw new StoreUnavailableError('This node stands aside: another process has its NODE_ID.')
  return call(store)
}
