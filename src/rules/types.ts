/** The words of presence: plain data that every room may hold and no room owns. */

declare const meaning: unique symbol

/** Text with one meaning. A plain text is taken for it; a text with another meaning is refused by the compiler. */
export type Meaning<Name extends string> = string & { readonly [meaning]?: Name }

/** OpenIM's user ID: 1 to 128 bytes, without `:`, `{`, `}` and control characters (see `checkUserId`). */
export type UserId = Meaning<'UserId'>

/** A kind of device, by OpenIM's number; see `openim/platforms.ts`. */
export type PlatformId = number

/**
 * Order of one user's logins: the version that the store gave when it recorded the login. 0 = older than all that
 * have a number.
 */
export type LoginNumber = number

/** One incarnation of one node, as `nodeId#epoch`: `cluster/holder.ts`. */
export type Holder = Meaning<'Holder'>

/** "This holder has this user on this platform": as long as the holder lives, and renews it. */
export interface Claim {
  platformId: PlatformId
  holder: Holder
}

/**
 * Where the store has one user.
 *
 * `claims` are those of every Porchlight node, expired ones left out. `foreign` are platforms in OpenIM's
 * union (`ONLINE:<userID>`) that no claim explains: devices on OpenIM's own gateways. Both ascending by platform.
 */
export interface Whereabouts {
  userId: UserId
  claims: Claim[]
  foreign: PlatformId[]
}

/** What the store knows of one user at one version. */
export interface Snapshot extends Whereabouts {
  /** Order of this user's changes: µs of the store's clock, or previous + 1. 0 = the store has no record. */
  version: number
  /** The store had lost the record, or never had one: that a claim is missing says nothing of its holder. */
  isPartial?: true
}

/** A user, and where they are, by the word of one node or of all; empty = nowhere. */
export interface UserPlatforms {
  userId: UserId
  platformIds: PlatformId[]
}

/** The whole of what this node holds of one user. Never a delta: it may be merged, repeated and sent again. */
export interface Assertion {
  userId: UserId
  /** Distinct, ascending; empty = this node holds nothing of the user. */
  platformIds: PlatformId[]
  /** The highest version of this user that this node has seen; 0 = none. The next version is greater. */
  versionSeen: number
  /** A login of this node waits for its number: give a new version in any case, and say who else holds the user. */
  isLogin?: true
  /** The user's seats on this node; absent = seats are not in use. See `SeatRequest`. */
  seats?: HeldSeats
}

/** What became of one assertion of a batch. One user's failure never touches its neighbours. */
export type AssertOutcome =
  | {
      ok: true
      userId: UserId
      version: number
      /** The user after the assertion; only when its claims changed or a login got its number (`version`). */
      changed?: Snapshot
    }
  /** `isAway`: nothing is wrong with the user; the part of the store that has their record did not answer. */
  | { ok: false; userId: UserId; error: string; isAway?: true }

/** `taken`: every seat that a connection has, or is about to. `asked`: the store was asked for them; it may have said yes. */
export interface HeldSeats {
  taken: Seat[]
  asked: Seat[]
}

/** One connection's place. See `seatOf`. */
export type Seat = Meaning<'Seat'>

/**
 * A login asks for its place before it comes in. Seats are in use where a login may be refused: LOGIN_CONFLICT is
 * `refuse-new`, or there is a cap.
 */
export interface SeatRequest {
  userId: UserId
  platformId: PlatformId
  seat: Seat
  /** Platforms whose logins do not go together with this one. Seats of the same device are no rivals, and count. */
  rivals: readonly PlatformId[]
  /** Rivals leave when this one comes: they are no obstacle, and do not count. */
  rivalsYield: boolean
  /** At most so many seats of the user, and of the user on this platform; 0 = no cap. */
  perUserMax: number
  perPlatformMax: number
}

/** `holders`: the nodes that have the seats in the way. */
export type SeatOutcome = { isTaken: true } | { isTaken: false; reason: SeatRefusal; holders: Holder[] }

/** A rival stays; or the connection limit of the user is reached, in all or on this platform. */
export type SeatRefusal = 'conflict' | 'user' | 'platform'

/** State of a token in `UID_PID_TOKEN_STATUS:<userID>:<PlatformName>`; `unknown` = no such field. */
export type TokenState = 'normal' | 'invalid' | 'kicked' | 'expired' | 'unknown'

/** One token on record. */
export interface TokenRecord {
  platformId: PlatformId
  token: string
  state: TokenState
}
