/** The words of presence: plain data that every room may hold and no room owns. */

/** OpenIM's user ID: 1 to 128 bytes, without `:`, `{`, `}` and control characters (see `checkUserId`). */
export type UserId = string

/** A device class of OpenIM: 1 iOS, 2 Android, ... 11 HarmonyOS; see `platforms.ts`. */
export type PlatformId = number

/** One incarnation of one node, as `nodeId#epoch`. */
export type Holder = string

/** "This holder has this user on this platform", until `expiresAtS` (Unix seconds of the store's clock). */
export interface Claim {
  platformId: PlatformId
  holder: Holder
  expiresAtS: number
}

/**
 * What the store knows of one user at one version.
 *
 * `claims` are those of every Porchlight node, expired ones left out. `foreign` are platforms in OpenIM's
 * union (`ONLINE:<userID>`) that no claim explains: devices on OpenIM's own gateways. Both ascending by platform.
 */
export interface Snapshot {
  userId: UserId
  /** Order of this user's changes: µs of the store's clock, or previous + 1. 0 = the store has no record. */
  version: number
  claims: Claim[]
  foreign: PlatformId[]
}

/** The whole of what this node holds of one user. Never a delta: it may be merged, repeated and sent again. */
export interface Assertion {
  userId: UserId
  /** Distinct, ascending; empty = this node holds nothing of the user. */
  platformIds: PlatformId[]
  /** The highest version of this user that this node has seen; 0 = none. The next version is greater. */
  versionSeen: number
}
