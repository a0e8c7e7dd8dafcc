/** Evictions: plain data. */
import type { LoginNumber, PlatformId, UserId } from '../types.js'
import type { TokenDigest } from './token-digest.js'

/** The number by which an admin kicks: greater than that of any login. */
export const ADMIN_KICK: LoginNumber = Number.MAX_SAFE_INTEGER

/**
 * As bad for a token as ADMIN_KICK, but the connections that were made with it stay: they end by themselves (a newer token
 * takes the place of an older one, as in OpenIM), or the one that kicks ends them too.
 */
export const TOKEN_ONLY: LoginNumber = ADMIN_KICK - 1

/** An order to end logins of one user. A login with a greater number than `before` came later, and stays. */
export interface Eviction {
  userId: UserId
  /** Only logins with a smaller number obey. 0 = none by its number. */
  before: LoginNumber
  /** Only logins on these platforms; absent = on all. */
  platformIds?: PlatformId[]
  /** Only this connection. */
  connectionId?: string
  /** Only the logins made with this token. */
  token?: TokenDigest
  /** All but the logins made with this token. */
  spares?: TokenDigest
  /**
   * The newcomer's token. Connections made with the same one belong to the same device and are no rivals, on whatever
   * platforms: each is probed, stays if it answers, and else ends in silence, without a kick frame; the token stays
   * good.
   */
  newcomer?: TokenDigest
  /** Instead of all that: only probe connections made with this token, and answer when each has answered or gone. */
  probes?: TokenDigest
}

/** One login as an operator sees it. */
export interface LoginInfo {
  connectionId: string
  platformId: PlatformId
  nodeId: string
  background: boolean
}

/** What an eviction did on one node, or on several: how many logins went, and which of the user's are left. */
export interface EvictionResult {
  gone: number
  left: LoginInfo[]
}
