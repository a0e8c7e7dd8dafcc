/**
 * The names of every key and channel in Redis, one method each.
 *
 * Hash tag rule: what belongs to a key `K` carries `{K}`, so it shares the slot of `K`, which has no braces itself.
 * A brace in a user ID or in the prefix would break that; such an ID throws here, as does one that OpenIM could not
 * parse, and such a prefix is refused by the settings.
 * The scripts build the keys of their users by the same rule (include/user-records.lua).
 */
import type { UserId } from '../../rules/types.js'
import { userIdProblem } from '../shared/names.js'

function checked(userId: UserId): UserId {
  const problem = userIdProblem(userId)
  if (problem !== undefined) throw new Error(problem)
  return userId
}

export class Keys {
  /** What all names begin with; '' = nothing, as OpenIM has it. */
  readonly prefix: string
  /** What the channels of all nodes begin with. */
  readonly nodeChannels: string
  readonly #online: string
  readonly #tokens: string

  /**
   * `db`: the database that the keys are in. Channels are shared by all databases of a server, so their names say
   * which one they belong to. Database 0 has the names of releases that did not know of others.
   */
  constructor(prefix = '', db = 0) {
    this.prefix = prefix
    this.nodeChannels = db === 0 ? `${prefix}PORCHLIGHT:NODE:` : `${prefix}PORCHLIGHT:DB${db}:NODE:`
    this.#online = `${prefix}ONLINE:`
    this.#tokens = `${prefix}UID_PID_TOKEN_STATUS:`
  }

  /** OpenIM's union: zset platform -> expiry (Unix s). */
  online(userId: UserId): string {
    return `${this.#online}${checked(userId)}`
  }

  /** Which nodes hold the user: zset `platform@node#epoch` -> expiry (Unix s), and `v` -> the version (µs). */
  claims(userId: UserId): string {
    return `${this.prefix}PRESENCE:{${this.online(userId)}}`
  }

  /** Which nodes want to know of the user: hash node -> `epoch:expiry` (Unix s). */
  watch(userId: UserId): string {
    return `${this.prefix}WATCH:{${this.online(userId)}}`
  }

  /** The user's seats: zset `platform/device.id@node#epoch` -> expiry (Unix s). Only where seats are in use. */
  seats(userId: UserId): string {
    return `${this.prefix}SEATS:{${this.online(userId)}}`
  }

  /** The keys that every user has, for a call that is routed by them. */
  ofUser(userId: UserId): string[] {
    return [this.claims(userId), this.online(userId), this.watch(userId)]
  }

  /** The node registry: zset `node#epoch` -> lease end (ms). */
  nodes(): string {
    return `${this.prefix}PORCHLIGHT:NODES`
  }

  /** Dead incarnations: zset `node#epoch` -> from when on their claims do not count (ms). */
  dead(): string {
    return `${this.prefix}DEAD:{${this.nodes()}}`
  }

  /** Dead incarnations to be swept: zset `node#epoch` -> when the next may begin with it (ms). */
  sweeps(): string {
    return `${this.prefix}SWEEPS:{${this.nodes()}}`
  }

  /** Version of the registry (µs). */
  registryVersion(): string {
    return `${this.prefix}VERSION:{${this.nodes()}}`
  }

  /** The four above, as the scripts of the registry take them. */
  ofRegistry(): string[] {
    return [this.nodes(), this.dead(), this.sweeps(), this.registryVersion()]
  }

  /** The last epoch of a node and its process, `epoch:process`. Outlives the lease: epochs rise although a clock went back. */
  epoch(nodeId: string): string {
    return `${this.prefix}EPOCH:{${this.nodes()}}:${nodeId}`
  }

  /** OpenIM's tokens of a user on one platform: hash token -> state number. */
  tokens(userId: UserId, platformName: string): string {
    return `${this.#tokens}${checked(userId)}:${platformName}`
  }

  /**
   * What stands beside those tokens, in their slot: hash `@<node>`, `k:<digest>`, `l:<digest>`, see
   * include/token-side.lua.
   */
  tokenSide(userId: UserId, platformName: string): string {
    return `${this.prefix}TOKENS:{${this.tokens(userId, platformName)}}`
  }

  /** Refresh tokens of a user on one platform: hash digest -> expiry (Unix s). */
  refresh(userId: UserId, platformName: string): string {
    return `${this.prefix}REFRESH:{${this.tokens(userId, platformName)}}`
  }

  /** Channel of one node: changes, and notes of other nodes. */
  nodeChannel(nodeId: string): string {
    return `${this.nodeChannels}${nodeId}`
  }
}

/** The names without a prefix, in database 0. */
export const plainKeys = new Keys()

/** OpenIM's one channel for everyone, whatever the database. */
export const OPENIM_CHANNEL = 'online_change'
