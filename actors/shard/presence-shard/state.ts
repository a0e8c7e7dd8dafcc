/** What a presence shard (thread: shard) owns, and what it sends itself. */

import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { LoginPolicy } from '../../../src/rules/logins/login-policy.js'
import type { AdminKicks } from '../../../src/rules/shard/admin-kicks.js'
import type { Due, Effect } from '../../../src/rules/shard/effects.js'
import type { Evictions } from '../../../src/rules/shard/evictions.js'
import type { Flights } from '../../../src/rules/shard/flights.js'
import type { LoginOrder } from '../../../src/rules/shard/login-order.js'
import type { Probes } from '../../../src/rules/shard/probes.js'
import type { Rebuild } from '../../../src/rules/shard/rebuild.js'
import type { Seating, Seats } from '../../../src/rules/shard/seats.js'
import type { Sessions } from '../../../src/rules/shard/sessions.js'
import type { Watches } from '../../../src/rules/shard/watches.js'
import type {
  AssertOutcome,
  Seat,
  SeatOutcome,
  Snapshot,
  UserId,
  UserPlatforms,
} from '../../../src/rules/types.js'
import type { Context, Outcome, ReplyTo } from '../../../src/runtime/index.js'

export interface ShardSettings {
  nodeId: string
  batchSize: number
  mergeIntervalMs: number
  presenceTtlS: number
  watchTtlS: number
  offlineGraceMs: number
  /** A login comes at most so long after its token was checked. */
  handshakeTimeoutMs: number
}

/** What a shard counts, for metrics. Each shard thread has one, shared by its shards. */
export interface ShardCounts {
  assertions: number
  assertionErrors: number
  changesHeard: number
  /** Evictions sent to other nodes, repeated ones included. */
  evictionsSent: number
  /** Changes of watched users that no message told. */
  antiEntropyFinds: number
}

export function newShardCounts(): ShardCounts {
  return { assertions: 0, assertionErrors: 0, changesHeard: 0, evictionsSent: 0, antiEntropyFinds: 0 }
}

export interface Args {
  shard: number
  settings: ShardSettings
  addresses: Addresses
  /** The logins that a login removes; none where seats are in use and rivals stay. */
  policy: LoginPolicy
  /** Undefined = seats are not in use: every login may come in. */
  seating: Seating | undefined
  counts: ShardCounts
  /** The thread's list of gauges: how many users the shard holds, watches, and has still to tell the store of. */
  gauges: (() => { held: number; watched: number; waiting: number; isRebuilding: boolean })[]
}

/** The sub-machines, each with a part of the state of its own, and what they have decided. */
export interface State {
  args: Args
  sessions: Sessions
  flights: Flights
  watches: Watches
  loginOrder: LoginOrder
  evictions: Evictions
  kicks: AdminKicks
  probes: Probes
  seats: Seats
  rebuild: Rebuild
  /** Decided and not carried out yet, in order. Empty between two messages. */
  out: Effect[]
  /** Wait until the store knows all, and every grace is over. */
  flushers: ReplyTo<null>[]
}

export type Private =
  | { kind: 'flushDue' }
  | { kind: 'due'; due: Due }
  | { kind: 'heldBefore'; outcome: Outcome<UserPlatforms[]> }
  | { kind: 'seatAnswered'; seat: Seat; outcome: Outcome<SeatOutcome> }
  | { kind: 'asserted'; userIds: UserId[]; outcome: Outcome<AssertOutcome[]> }
  | { kind: 'interestSet'; userIds: UserId[]; askedMs: number; outcome: Outcome<Snapshot[]> }

export type Message = PresenceShard.Command | Private

/** The message of one kind. */
export type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

export type Ctx = Context<Message>
