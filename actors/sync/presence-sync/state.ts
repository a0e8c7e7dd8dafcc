/** What presence-sync owns, and what it sends itself. Thread: sync. */
import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Ledger } from '../../../src/rules/presence/ledger.js'
import type {
  Assertion,
  AssertOutcome,
  Snapshot,
  UserId,
  UserPlatforms,
  Whereabouts,
} from '../../../src/rules/types.js'
import type { Context, Outcome, Ref, ReplyTo } from '../../../src/runtime/index.js'
import type { PresenceCounts } from '../counts.js'
import type { StoreAccess } from '../store-access.js'
import type { UncheckedLogins } from '../unchecked-logins.js'
import type { Background } from './background.js'

export interface Args {
  addresses: Addresses
  access: StoreAccess
  unchecked: Pick<UncheckedLogins, 'concerns' | 'reviewedLosses'>
  counts: PresenceCounts
  gauges: PresenceGauges
}

export interface PresenceGauges {
  /** Users that this node has in the store, or is about to record. */
  held: () => number
}

export interface State extends Args {
  /** Per shard. */
  ledger: Ledger[]
  background: Background
  calls: Calls
  /** Shards that could not be told of a change. */
  missed: Set<Ref<PresenceShard.Command>>
  /** Questions of this turn. */
  readings: Reading[]
}

export interface Calls {
  /** Assertions that the store has not answered, since when; oldest first. */
  pending: Map<ReplyTo<AssertOutcome[]>, number>
  /** When shards were last told that the store fails. */
  failsToldMs: number
}

export interface Reading {
  replyTo: ReplyTo<UserPlatforms[]>
  userIds: UserId[]
}

/** What one shard asserts. */
interface Asserting {
  shard: number
  sent: Assertion[]
  /** Not sent: a login of theirs is still to be checked. */
  heldBack: Assertion[]
  replyTo: ReplyTo<AssertOutcome[]>
}

export interface Asserted extends Asserting {
  kind: 'asserted'
  outcome: Outcome<AssertOutcome[]>
}

/** What only presence-sync sends itself. */
export type Private =
  | Asserted
  | { kind: 'interestSet'; replyTo: ReplyTo<Snapshot[]>; outcome: Outcome<Snapshot[]> }
  | { kind: 'readDue' }
  | { kind: 'found'; readings: Reading[]; outcome: Outcome<Whereabouts[]> }
  | { kind: 'missedDue' }

export type Ctx = Context<PresenceSync.Command | Private>
