/**
 * The presence store: where nodes put what they hold, and hear what others hold.
 *
 * Three back ends, one behaviour (`test/store/`): `memory/` (embedded, no server), `redis/` on one server, and
 * `redis/` on a Cluster. Only the sync actor talks to a store. A store keeps no copy of what its node asserted:
 * after any loss the shards assert again.
 */

import type { Registry, Suspect } from '../../rules/cluster/membership.js'
import type { Rival } from '../../rules/cluster/node-name.js'
import type { Note } from '../../rules/logins/eviction.js'
import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type {
  Assertion,
  Holder,
  LoginNumber,
  PlatformId,
  SeatOutcome,
  SeatRequest,
  Snapshot,
  UserId,
  Whereabouts,
} from '../../rules/types.js'

/** What became of one assertion of a batch. One user's failure never touches its neighbours. */
export type AssertOutcome =
  | {
      ok: true
      userId: UserId
      version: number
      /** The user after the assertion; only when its claims changed or a login got its number (`version`). */
      changed?: Snapshot
    }
  /** `isAway`: nothing is wrong with the user; the part of the store that has him did not answer. */
  | { ok: false; userId: UserId; error: string; isAway?: true }

/** State of a token in `UID_PID_TOKEN_STATUS:<userID>:<PlatformName>`; `unknown` = no such field. */
export type TokenState = 'normal' | 'invalid' | 'kicked' | 'expired' | 'unknown'

/** One token on record. */
export interface TokenRecord {
  platformId: PlatformId
  token: string
  state: TokenState
}

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

/** What a node says when it renews its lease. */
export interface LeaseRenewal {
  /** Version of the registry that it knows; 0 = none. */
  known: number
  /** Who had missed a renewal when it renewed the last two times, if those were no longer ago than usual. */
  suspects: Suspect[]
  /** Earlier incarnations of the same process, which count until everything is asserted under the new epoch. */
  formers: Holder[]
  /** Whoever holds something and is not in the registry, and has not been for long: they are buried. */
  strangers: Holder[]
  /** The dead node whose records it sweeps; undefined = it may be given one. */
  sweeping: Holder | undefined
}

export interface Lease {
  /** False = the lease was lost: a new epoch is due, unless another process has the name. */
  isHeld: boolean
  /** Only where it was lost: the process that has this node's name now, if another has. */
  rival?: Rival
  /** Absent = as known. */
  registry?: Registry
  /** To be sent with the next renewal. */
  suspects: Suspect[]
  /** A dead node whose records this node is to sweep. */
  toSweep?: Holder
}

/** One incarnation of a node, as it enters the registry. */
export interface Incarnation {
  holder: Holder
  /** Earlier ones of the same process that still count. */
  formers: Holder[]
}

/** What a store tells its node. Called on the node's own thread, never inside a call of the store's. */
export interface StoreEvents {
  /** Users that this node watches changed elsewhere. In order for a user and a sender; may repeat. */
  changed(snapshots: Snapshot[], by: Holder): void
  /** Changes may have been lost (a gap in a sender's numbers, a resubscription): read again what is watched. */
  missed(reason: string): void
  /** Another node says something (`send`), or tokens that this node relies on were kicked. */
  noted(note: Note): void
  /**
   * OPENIM_COMPAT only: a notice of OpenIM's form came over `online_change`, from any node or from OpenIM's own
   * services. Not ordered by versions: a hint to look again, or to assert again what the list lacks.
   */
  noticed(userId: UserId, platformIds: PlatformId[]): void
  /**
   * The store went out of reach, or came back. Calls fail with STORE_UNAVAILABLE while it is down. Each `true`
   * asks for everything to be asserted and watched again, for records may be lost; also one without a `false`
   * before it, which says that a part of the store (a master of a Cluster) was lost and is back or was replaced.
   */
  reachable(up: boolean, reason: string): void
}

export interface PresenceStore {
  /**
   * Connect, check the server, register the node under a new epoch and listen to its channel.
   * Fails with STORE_UNAVAILABLE (retry later) or STORE_UNSUITABLE (do not: wrong server, bad options).
   * Earlier incarnations of the node count until the grace is over; those of the same process as long as it renews
   * them. After a lost lease: once more, on an open store, takes a new epoch on the same
   * connections; everything is then to be asserted and watched again. After a failure it may be called again too.
   */
  open(events: StoreEvents): Promise<Incarnation>

  /**
   * Record what this node holds of each user, as a whole; tell the nodes that watch a user whose claims changed
   * (never this node: its own outcome carries the change). Outcomes in the order of the batch.
   * At most 1,000 users a call. Users must be distinct. Idempotent. Rejects with STORE_UNAVAILABLE when the store
   * served nobody of the batch (some of it may have been applied); otherwise who was not served has `ok: false`.
   */
  assert(batch: Assertion[]): Promise<AssertOutcome[]>

  /**
   * Record this node's interest and return the snapshots, atomically per user, in order. At most 1,000 users.
   * A user who could not be served (a damaged record, a master away, a bad ID) is left out and logged: ask again
   * for those who are missing. Rejects with STORE_UNAVAILABLE when nobody was served. `read` does the same.
   * An interest ends by itself WATCH_TTL_S after its last watch.
   */
  watch(userIds: UserId[]): Promise<Snapshot[]>

  /** Withdraw this node's interest; what could not be withdrawn ends by itself. At most 1,000 users. */
  unwatch(userIds: UserId[]): Promise<void>

  /** Where users are whom nobody here watches, in order. At most 1,000 users. */
  read(userIds: UserId[]): Promise<Whereabouts[]>

  /**
   * Keep this node in the registry, and hear what changed there; to be called every NODE_LEASE_MS / 3. A node whose
   * lease has ended, and that has not renewed since it was a suspect, is dead from then on, for everybody. Whatever
   * time the store was away or its clock stood wrong, a node that renews is not dead.
   */
  renewLease(renewal: LeaseRenewal): Promise<Lease>

  /** Every incarnation in the registry that is not dead, this one too. */
  living(): Promise<Holder[]>

  /**
   * Withdraw what a dead node holds, of all users, and tell those who watch them. Slow on purpose: the store stays
   * free for others at least half of the time. Returns the number of users. Rejects when the store goes away or this
   * node closes; whoever is given the dead node next starts anew.
   */
  sweep(dead: Holder): Promise<number>

  /**
   * Take a seat, if nothing is in the way at that instant; `onlyLiving` leaves out, and clears, seats of nodes whose
   * lease has ended. Seats last PRESENCE_TTL_S; `assert` with `seats` keeps this node's own and clears its others.
   */
  takeSeat(request: SeatRequest, onlyLiving: boolean): Promise<SeatOutcome>

  /** Tell another incarnation something; lost when it is not there, or when the store is out of reach. */
  send(to: Holder, note: Note): void

  /**
   * State of a token. From then on this node relies on it: for the next hour it hears (`noted`) when the token is
   * kicked through any node.
   */
  tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState>

  /** Every token on record of a user, on all platforms. */
  tokensOf(userId: UserId): Promise<TokenRecord[]>

  /** Remember a token as normal for `ttlS` seconds. */
  rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void>

  /**
   * Flag tokens as kicked by the login with the number `by`, also such as are not on record, and tell the nodes
   * that rely on them, this one too. A token that a later login has vouched for is spared. `by` ADMIN_KICK:
   * no login outranks it. `ttlS`: how long the flag is kept at least.
   */
  kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void>

  /** The number of the login that kicked a token; ADMIN_KICK where none did, or none is known. */
  kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber>

  /** A login with this number was made with the token: undo what an earlier login did to it, and prevent it. */
  vouchForToken(userId: UserId, platformId: PlatformId, token: string, login: LoginNumber): Promise<void>

  /** Take tokens off the record. */
  forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void>

  /** Remember a refresh token, by its digest, for `ttlS` seconds. */
  rememberRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest, ttlS: number): Promise<void>

  /** Use a refresh token up. True for exactly one caller, and only before it has expired or was forgotten. */
  takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean>

  /** Forget every refresh token of a user on a platform. */
  forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void>

  /** How many keys the store has thrown away for want of room since it was started. */
  discardedCount(): Promise<number>

  /** Round trip to the store. Fails when no server of it serves. */
  ping(): Promise<void>

  /**
   * Say something to this node on the way that other nodes take; resolves when it was heard. Rejects with why it was
   * not, within seconds; the listening connection is then made anew, if that is where it was lost.
   */
  probeChannel(): Promise<void>

  /** What `open` is waiting for, in words. */
  readonly openingStep: string

  /**
   * End every connection. `leaves`: this node holds nobody any more, and leaves the registry; otherwise its lease ends
   * by itself, and others sweep. Never rejects.
   */
  close(leaves: boolean): Promise<void>
}
