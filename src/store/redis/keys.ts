/**
 * Every key and channel in Redis, one function each.
 *
 * Hash tag rule: what belongs to a key `K` carries `{K}`, so it shares the slot of `K`, which has no braces itself.
 * A brace in a user ID would break that; such an ID throws here, as does one that OpenIM could not parse.
 * The scripts build the keys of their users by the same rule (include/user-records.lua).
 */
import type { UserId } from '../../presence/types.js'
import { userIdProblem } from '../names.js'

function checked(userId: UserId): UserId {
  const problem = userIdProblem(userId)
  if (problem !== undefined) throw new Error(problem)
  return userId
}

/** OpenIM's union: zset platform -> expiry (Unix s). */
export function onlineKey(userId: UserId): string {
  return `ONLINE:${checked(userId)}`
}

/** Who holds the user: zset `platform@node#epoch` -> expiry (Unix s), and `v` -> the version (µs). */
export function claimsKey(userId: UserId): string {
  return `PRESENCE:{${onlineKey(userId)}}`
}

/** Which nodes want to know of the user: hash node -> `epoch:expiry` (Unix s). */
export function watchKey(userId: UserId): string {
  return `WATCH:{${onlineKey(userId)}}`
}

/** Who has a seat: zset `platform/device.id@node#epoch` -> expiry (Unix s). Only where seats are in use. */
export function seatsKey(userId: UserId): string {
  return `SEATS:{${onlineKey(userId)}}`
}

/** The keys that every user has, for a call that is routed by them. */
export function userKeys(userId: UserId): string[] {
  return [claimsKey(userId), onlineKey(userId), watchKey(userId)]
}

/** The node registry: zset `node#epoch` -> lease end (ms). */
export function nodesKey(): string {
  return 'PORCHLIGHT:NODES'
}

/** Dead incarnations: zset `node#epoch` -> from when on their claims do not count (ms). */
export function deadKey(): string {
  return `DEAD:{${nodesKey()}}`
}

/** Dead incarnations to be swept: zset `node#epoch` -> when the next may begin with it (ms). */
export function sweepsKey(): string {
  return `SWEEPS:{${nodesKey()}}`
}

/** Version of the registry (µs). */
export function registryVersionKey(): string {
  return `VERSION:{${nodesKey()}}`
}

/** The last epoch of a node and its process, `epoch:process`. Outlives the lease: epochs rise although a clock went back. */
export function epochKey(nodeId: string): string {
  return `EPOCH:{${nodesKey()}}:${nodeId}`
}

/** OpenIM's tokens of a user on one platform: hash token -> state number. */
export function tokensKey(userId: UserId, platformName: string): string {
  return `UID_PID_TOKEN_STATUS:${checked(userId)}:${platformName}`
}

/**
 * What stands beside those tokens, in their slot: hash `@<node>`, `k:<digest>`, `l:<digest>`, see
 * include/token-side.lua.
 */
export function tokenSideKey(userId: UserId, platformName: string): string {
  return `TOKENS:{${tokensKey(userId, platformName)}}`
}

/** Refresh tokens of a user on one platform: hash digest -> expiry (Unix s). */
export function refreshKey(userId: UserId, platformName: string): string {
  return `REFRESH:{${tokensKey(userId, platformName)}}`
}

/** What the channels of all nodes begin with. */
export const NODE_CHANNELS = 'PORCHLIGHT:NODE:'

/** Channel of one node: changes, and notes of other nodes. */
export function nodeChannel(nodeId: string): string {
  return `${NODE_CHANNELS}${nodeId}`
}

/** OpenIM's one channel for everyone. */
export function openimChannel(): string {
  return 'online_change'
}
