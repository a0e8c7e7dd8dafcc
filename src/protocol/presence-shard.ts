/** What a presence shard hears. Every message may be repeated; each carries state, not a delta. */
import type { Eviction, EvictionResult } from '../rules/logins/eviction.js'
import type { TokenDigest } from '../rules/logins/token-digest.js'
import type { Holder, LoginNumber, PlatformId, Seat, SeatRefusal, Snapshot, UserId } from '../rules/types.js'
import type { Question, Ref, ThreadSlot } from '../runtime/index.js'
import type * as Connection from './connection.js'
import type { Evict } from './node/evict.js'
import type { Evicted } from './node/evicted.js'
import type { Holding } from './node/holding.js'
import type { Remind } from './node/remind.js'

// Notes of other nodes' shards, as they arrive. presence-sync → presence shard. Answered with `PresenceSync.Evicted` and
// `PresenceSync.Holding`.
export type { Evict, Evicted, Holding, Remind }

/** One socket of one user, as its io thread reports it. */
export interface ConnectionReport {
  connection: Ref<Connection.Command>
  userId: UserId
  platformId: PlatformId
  /** The app is in the background: shown online, not to be counted on for live delivery. */
  background: boolean
  /** The token that the login was made with. */
  token: TokenDigest
  /** Where seats are in use: what `Admit` was answered with. */
  seat?: Seat
  /** Absent = the connection has not heard of it. */
  number?: LoginNumber
}

/** May this login come in? Only where seats are in use. listener (io) → presence shard. */
export interface Admit extends Question<AdmitVerdict> {
  kind: 'admit'
  userId: UserId
  platformId: PlatformId
  token: TokenDigest
}

/** The seat is kept for a while for the `Connected` that follows. */
export type AdmitVerdict = { isAdmitted: true; seat: Seat } | { isAdmitted: false; reason: SeatRefusal }

/** A user logged in, or its background flag changed. The login is a signal. connection (io) → presence shard. */
export interface Connected extends ConnectionReport {
  kind: 'connected'
}

/**
 * A socket is gone. `clean` = it said goodbye (logout, a close code that says so) or was sent away; otherwise the grace
 * applies. Signal.
 */
export interface Disconnected {
  kind: 'disconnected'
  connection: Ref<Connection.Command>
  userId: UserId
  clean: boolean
}

/** The client has answered a probe: its connection stays. Signal. connection (io) → presence shard. */
export interface Answered {
  kind: 'answered'
  connection: Ref<Connection.Command>
  userId: UserId
}

/** A seat that was granted is not needed: the client had gone. Signal. listener (io) → presence shard. */
export interface Unseated {
  kind: 'unseated'
  seat: Seat
}

/** Every connection of this shard's users on one io thread; answers `Announce`. listener (io) → presence shard. */
export interface Announced {
  kind: 'announced'
  thread: ThreadSlot
  connections: ConnectionReport[]
}

/** The io thread has watchers of these users. Answered by `Statuses`, now and at every change. fan-out (io) → shard. */
export interface Watch {
  kind: 'watch'
  thread: ThreadSlot
  userIds: UserId[]
}

/** The io thread has no watcher of these users any more. Signal. fan-out (io) → presence shard. */
export interface Unwatch {
  kind: 'unwatch'
  thread: ThreadSlot
  userIds: UserId[]
}

/** Users changed on other nodes. Older versions than known are ignored. presence-sync → presence shard. */
export interface Changes {
  kind: 'changes'
  /** The node that changed them. */
  by: Holder
  snapshots: Snapshot[]
}

/**
 * A notice of OpenIM's form (OPENIM_COMPAT): a hint that the union is `platformIds`. presence-sync → presence shard.
 */
export interface OpenimNotice {
  kind: 'openimNotice'
  userId: UserId
  platformIds: PlatformId[]
}

/** Tokens were kicked, on whatever node, by the login with the number `by`. Signal. token-sync → presence shard. */
export interface Withdrawn {
  kind: 'withdrawn'
  userId: UserId
  platformId: PlatformId
  tokens: TokenDigest[]
  by: LoginNumber
}

/** What became of a kick in the whole cluster. */
export interface KickOutcome extends EvictionResult {
  /** Nodes that hold the user and have not answered within the time. */
  unanswered: string[]
}

/**
 * An admin ends logins of a user, on whatever node; those that come after stay. api → presence shard. Fails with
 * KICK_UNCONFIRMED when the store has not said within `timeoutMs` which nodes hold the user.
 */
export interface KickByAdmin extends Question<KickOutcome> {
  kind: 'kick'
  eviction: Omit<Eviction, 'before'>
  timeoutMs: number
}

/** Changes may have been lost: read again what is watched. Signal. cluster-sync, presence-sync → presence shard. */
export interface ChangesMissed {
  kind: 'changesMissed'
}

/** These nodes are dead: what they hold is void. Signal. cluster-sync → presence shard. */
export interface NodesLost {
  kind: 'nodesLost'
  holders: Holder[]
}

/**
 * The store is reachable, perhaps empty, or this node has forgotten what it asserted: assert and watch everything
 * again. Signal. cluster-sync, presence-sync → presence shard.
 */
export interface StoreBack {
  kind: 'storeBack'
}

/**
 * The store, or a part of it, does not answer. presence-sync → presence shard, at most each FAILS_TOLD_MS while that
 * lasts.
 */
export interface StoreFails {
  kind: 'storeFails'
}

/** Answer when every grace is over and the store has all that was waiting; for shutting down. */
export interface Flush extends Question<null> {
  kind: 'flush'
  /** Otherwise graces end at once. */
  keepsGrace: boolean
}

export type Command =
  | Admit
  | Connected
  | Disconnected
  | Answered
  | Unseated
  | Announced
  | Watch
  | Unwatch
  | Changes
  | OpenimNotice
  | Evict
  | Evicted
  | Withdrawn
  | KickByAdmin
  | Remind
  | Holding
  | ChangesMissed
  | NodesLost
  | StoreBack
  | StoreFails
  | Flush
