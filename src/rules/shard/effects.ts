/**
 * What the sub-machines of a presence shard decide, as plain data.
 *
 * A sub-machine (a file beside this one) owns a part of the shard's state, and no other file touches that part. Its
 * steps take what happened and push effects. The actor carries them out in order: it sends, asks and sets timers, or
 * hands an effect to the sub-machine that it concerns. So sub-machines never import each other.
 */
import type { Eviction, EvictionResult } from '../logins/eviction.js'
import type { TokenDigest } from '../logins/token-digest.js'
import type { ConnectionKey } from '../presence/roster.js'
import type {
  Holder,
  LoginNumber,
  PlatformId,
  Seat,
  SeatRefusal,
  SeatRequest,
  UserId,
  UserPlatforms,
} from '../types.js'

export type Effect =
  | TimerEffect
  | SessionEffect
  | FlightEffect
  | WatchEffect
  | LoginEffect
  | SeatEffect
  | RebuildEffect

/** Steps push here, in the order in which it is to happen. */
export type Effects = Pick<Effect[], 'push'>

/** A timer by its name; those of a kick, a login or probes also by whose it is. */
export type Due =
  | { timer: 'merge' | 'retry' | 'renew' | 'rewatch' }
  | { timer: 'grace' | 'leaving' }
  | { timer: 'confirm' | 'catchUp' }
  | { timer: 'rebuild' | 'evictAgain' }
  | { timer: 'kick' | 'probing'; id: number }
  | { timer: 'seat'; id: Seat }

/** An armed timer replaces the one of the same name and id. `delayMs` may be negative: at once. */
export type TimerEffect = { kind: 'arm'; due: Due; delayMs: number } | { kind: 'disarm'; due: Due }

export type SessionEffect =
  /** The platforms changed on which these users are shown here: for the store, and for those who watch them. */
  | { kind: 'shownChanged'; userIds: readonly UserId[] }
  /** The store has to be told of these users (again). */
  | { kind: 'assertSoon'; userIds: readonly UserId[] }
  /** What is shown here of these users counts from now on for those who watch them. */
  | { kind: 'tellWatchers'; userIds: readonly UserId[] }
  /** To one connection, by a signal. */
  | { kind: 'signal'; key: ConnectionKey; order: ConnectionOrder }

/** What a connection hears of its login; see the messages of these kinds in `protocol/connection.ts`. */
export type ConnectionOrder =
  | { kind: 'kick'; by: LoginNumber }
  | { kind: 'probe' }
  | { kind: 'dismiss' }
  | { kind: 'numbered'; login: LoginNumber }
  | { kind: 'vouch'; login: LoginNumber }

export type FlightEffect =
  /** Send a batch to the store; its answer is for `Flights.asserted`. */
  | { kind: 'sendAssertions'; userIds: UserId[]; isBackground: boolean }
  /** The same of interests, for `Flights.interestsSet`. */
  | { kind: 'sendInterests'; userIds: UserId[]; isBackground: boolean }
  /** Call `Flights.flush` after the messages that wait already: what they change goes in the same batch. */
  | { kind: 'flushSoon' }
  /** The store knows all that is held here. */
  | { kind: 'allRecorded' }

export type WatchEffect =
  /** To the watchers on one io thread. Where the thread has no room, call `Watches.refused`. */
  | { kind: 'statuses'; thread: number; statuses: WatchedStatus[] }
  | { kind: 'watchStarted'; userIds: readonly UserId[] }
  | { kind: 'watchEnded'; userIds: readonly UserId[] }
  /** Ask another node what it holds of users: the store lacks its claims on them. */
  | { kind: 'remind'; to: Holder; userIds: UserId[] }

/** The whole of what watchers are told of one user; `isPartial`: only what is known here, as the store is away. */
export interface WatchedStatus extends UserPlatforms {
  isPartial?: true
}

/** Another node, with the id of its eviction. */
export interface NodeWaiter {
  kind: 'node'
  holder: Holder
  id: number
}

/** A kick by an admin, with its id in `AdminKicks`. */
export interface KickWaiter {
  kind: 'kick'
  id: number
}

/** A login at the door; `holder`: the node on which room is being made for it. */
export interface LoginWaiter {
  kind: 'login'
  seat: Seat
  holder: Holder
}

/** A kick or a login that asked other nodes for something and waits for their answers. */
export type Asker = KickWaiter | LoginWaiter

/** The same without the node that is asked. */
export type WithoutNode = KickWaiter | Omit<LoginWaiter, 'holder'>

/** Another node or a login that waits for probes of connections here. */
export type Waiter = NodeWaiter | LoginWaiter

/** Tokens that were kicked by the login with the number `by`. */
export interface KickedTokens {
  userId: UserId
  platformId: PlatformId
  tokens: TokenDigest[]
  by: LoginNumber
}

export type LoginEffect =
  /** A login's eviction (or a kick's) concerns another node: for `Evictions.send`. */
  | { kind: 'evictElsewhere'; to: Holder; eviction: Eviction; waiter?: Asker }
  /** For `Sessions.evict`; the result is for the waiter. */
  | { kind: 'evictHere'; eviction: Eviction; waiter: NodeWaiter | KickWaiter }
  /** For `Sessions.kickTokens`. */
  | { kind: 'kickTokensHere'; kicked: KickedTokens }
  /** The store said who holds the user, and gave a version: for `AdminKicks.begin`. */
  | { kind: 'holdersKnown'; userId: UserId; version: number; holders: Holder[] }
  /** Send an eviction to another node. */
  | { kind: 'sendEviction'; to: Holder; id: number; eviction: Eviction }
  /** Answer another node's eviction. */
  | ({ kind: 'answerEviction'; to: Holder; id: number; userId: UserId } & EvictionResult)
  /** A node has not answered an eviction within all tries. */
  | { kind: 'evictionLost'; to: Holder }
  /** An eviction or probes have ended: for `AdminKicks.answered` or `Seats.roomMade`. `from`: absent = here. */
  | ({ kind: 'evictionEnded'; waiter: Asker; from?: Holder } & EvictionResult)
  /** Nobody waits for these evictions any more: for `Evictions.forget`. */
  | { kind: 'stopWaiting'; waiter: WithoutNode }
  /** Answer an admin's kick. `unanswered`: nodes; undefined = the store did not say in time who holds the user. */
  | ({ kind: 'answerKick'; caller: Caller; unanswered: string[] | undefined } & EvictionResult)

export type SeatEffect =
  /** Ask the store; its answer is for `Seats.answered`. */
  | { kind: 'takeSeat'; request: SeatRequest; onlyLiving: boolean }
  /** Have the connections of this device probed on one node, which may be this one. */
  | { kind: 'makeRoom'; to: Holder; userId: UserId; token: TokenDigest; seat: Seat }
  /** Answer a login at the door; `reason`: absent = it may come in. */
  | { kind: 'answerLogin'; caller: Caller; seat: Seat; reason?: SeatRefusal }

export type RebuildEffect =
  /** Ask these io threads for their connections, and sync for what was asserted before. */
  | { kind: 'requestRebuildState'; threads: number[]; needsHeld: boolean }
  /** All have answered. `heldBefore`: what the shard asserted before it was restarted. */
  | { kind: 'rebuilt'; heldBefore: UserPlatforms[] }

/** Where an answer goes, as the runtime writes it down. Nothing here reads it. */
export interface Caller {
  readonly thread: number
  readonly correlation: number
}
