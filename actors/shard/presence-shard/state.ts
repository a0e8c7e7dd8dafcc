/** What a presence shard owns, and what it sends itself. */

import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { Eviction } from '../../../src/rules/logins/eviction.js'
import type { LoginPolicy } from '../../../src/rules/logins/login-policy.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { AdaptiveBatch } from '../../../src/rules/presence/adaptive-batch.js'
import type { Finds } from '../../../src/rules/presence/finds.js'
import type { RenewalWheel } from '../../../src/rules/presence/renewal-wheel.js'
import type { ConnectionKey, Roster } from '../../../src/rules/presence/roster.js'
import type { WatchIndex } from '../../../src/rules/presence/watch-index.js'
import type {
  AssertOutcome,
  Holder,
  PlatformId,
  Seat,
  SeatOutcome,
  Snapshot,
  UserId,
  UserPlatforms,
} from '../../../src/rules/types.js'
import type { Context, Outcome, ReplyTo, ThreadSlot } from '../../../src/runtime/index.js'

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
  /** Whom a login removes; with seats in use for rivals that stay, nobody. */
  policy: LoginPolicy
  /** Undefined = seats are not in use: every login may come in. */
  seating: Seating | undefined
  counts: ShardCounts
  /** The thread's list of gauges: how many users the shard holds, watches, and has still to tell the store of. */
  gauges: (() => { held: number; watched: number; waiting: number; isRebuilding: boolean })[]
}

export interface State extends Args {
  roster: Roster
  watches: WatchIndex
  /** Users whose state here the store must be told. */
  asserts: AdaptiveBatch
  /** Users who came to be watched here, or are no more. */
  interests: AdaptiveBatch
  /** Among them users whose watch the store was never told of: when it ends before, nothing is told at all. */
  untold: Set<UserId>
  /**
   * Users who have left, with the time when the store took that down, oldest first. A fail-over that loses the last
   * writes brings their claims back, and nobody else would ever withdraw them.
   */
  departed: Map<UserId, number>
  /** When the store was last said to fail, in part or as a whole. */
  storeFailedMs: number
  /** Users whose grace is over and of whom the store has not taken that down, since when; oldest first. */
  leaving: Map<UserId, number>
  renewals: RenewalWheel
  rewatches: RenewalWheel
  finds: Finds
  /** Io threads that could not be told of a change. */
  behind: Set<ThreadSlot>
  /** Io threads whose connections are not known yet. Until all are, nothing is asserted: it would be half. */
  unannounced: Set<ThreadSlot>
  /** What former lives asserted; undefined = presence-sync has not said yet. */
  heldBefore: UserPlatforms[] | undefined
  isRebuilding: boolean
  isFlushDue: boolean
  /** After a failure: nothing is sent before the retry timer. */
  retryMs: number
  isPaused: boolean
  flushers: ReplyTo<null>[]
  /**
   * Users of whom the store has to say who else holds them, with their next assertion: somebody kicks them, or their
   * logins have lost their numbers. `asked` = that assertion is on its way.
   */
  contested: Map<UserId, 'wanted' | 'asked'>
  /** Evictions sent to other nodes and not answered yet, by id. */
  evictions: Map<number, SentEviction>
  /** The same by what they say. */
  orders: Set<string>
  /** Of evictions, kicks and seats. */
  lastId: number
  /** Logins at the door, and those that were let in and have not connected yet. */
  admissions: Map<Seat, Admission>
  /** Probes under way that somebody waits for. */
  probings: Map<UserId, Probing[]>
  /** Kicks by hand under way, by id. */
  kicks: Map<number, Kick>
  /** What concerns users whose number is on its way. */
  stashed: Map<UserId, (PresenceShard.Evict | PresenceShard.Withdrawn)[]>
  /** Tokens kicked a short while ago, oldest first: a login that had passed the check by then is still to come. */
  withdrawn: Map<TokenDigest, { message: PresenceShard.Withdrawn; atMs: number }>
  /** Users of whom the store says that it has no record any more; to be asked again. */
  doubted: Set<UserId>
}

/** What a login has to fit in with before it may come in. */
export interface Seating {
  /** Who conflicts with whom. */
  rivals: LoginPolicy
  /** Rivals leave when a newcomer comes; otherwise they stay, and the newcomer is refused. */
  rivalsYield: boolean
  /** 0 = no cap. */
  perUserMax: number
  perPlatformMax: number
}

/** A login at the door. */
export interface Admission {
  seat: Seat
  userId: UserId
  platformId: PlatformId
  token: TokenDigest
  replyTo: ReplyTo<PresenceShard.AdmitVerdict>
  /** When it is refused at the latest. */
  deadlineMs: number
  isGranted: boolean
  hasLookedAgain: boolean
  /** Nodes that were asked to make room, and those of them that have not answered. */
  asked: Set<Holder>
  unanswered: Set<Holder>
  /** How many made room. */
  gone: number
}

/** Who waits for probes: another node, with the id of its eviction; or a login at the door here, with its seat. */
export interface Asker {
  at: Holder
  id: number | Seat
}

/** Probes of one device's connections here. */
export interface Probing {
  id: number
  asker: Asker
  unanswered: Set<ConnectionKey>
  gone: number
}

/** An eviction for one other node, and who waits for its answer. */
export interface Order {
  to: Holder
  eviction: Eviction
  kick?: Kick
  admission?: Admission
}

export interface SentEviction extends Order {
  tries: number
  dueMs: number
}

/** A kick by hand under way. */
export interface Kick {
  id: number
  replyTo: ReplyTo<PresenceShard.KickOutcome>
  eviction: Omit<Eviction, 'before'>
  result: PresenceShard.Kicked
  /** Nodes that have not answered; undefined = the store has not. */
  unanswered: Set<Holder> | undefined
}

export type Private =
  | { kind: 'flushDue' }
  | { kind: 'graceDue' }
  | { kind: 'leavingDue' }
  | { kind: 'renewDue' }
  | { kind: 'rewatchDue' }
  | { kind: 'retryDue' }
  | { kind: 'rebuildDue' }
  | { kind: 'confirmDue' }
  | { kind: 'catchUpDue' }
  | { kind: 'heldBefore'; outcome: Outcome<UserPlatforms[]> }
  | { kind: 'evictAgainDue' }
  | { kind: 'kickDue'; id: number }
  | { kind: 'seatAnswered'; seat: Seat; outcome: Outcome<SeatOutcome> }
  | { kind: 'seatDue'; seat: Seat }
  | { kind: 'probingDue'; userId: UserId; id: number }
  | { kind: 'asserted'; users: UserId[]; outcome: Outcome<AssertOutcome[]> }
  | InterestSet

export interface InterestSet {
  kind: 'interestSet'
  users: UserId[]
  askedMs: number
  outcome: Outcome<Snapshot[]>
}

export type Ctx = Context<PresenceShard.Command | Private>

/** After the messages that wait already: what they change goes in the same batch. */
export function flushSoon(ctx: Ctx, state: State): void {
  if (state.isFlushDue) return
  state.isFlushDue = true
  ctx.signal(ctx.self, { kind: 'flushDue' })
}
