/** What a RedisStore must be told, and what it assumes otherwise. */
import type { PlatformTable } from '../../presence/platforms.js'
import type { NodeSettings } from '../presence-store.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void

export interface RedisStoreOptions extends NodeSettings {
  /** One server: `redis[s]://[user:password@]host[:port][/db]`. Either this or `clusterNodes`. */
  url?: string
  /** Some nodes of a Cluster, `host:port` or as `url`; user, password and TLS of the first serve for all. */
  clusterNodes?: string[]
  /** Write and hear OpenIM's `online_change`. */
  openimCompat: boolean
  platforms: PlatformTable
  log: Log
  /** A command without an answer fails after this long; a connection that is silent for twice as long is cut. */
  commandTimeoutMs?: number
  /** Longest wait between two attempts to connect. */
  reconnectMaxMs?: number
  /** A Cluster's slot table is read again this often, beside whenever an answer says that it is old. */
  slotsRefreshMs?: number
}

export const REDIS_DEFAULTS = {
  commandTimeoutMs: 5_000,
  reconnectMaxMs: 2_000,
  slotsRefreshMs: 5_000,
} as const

/** Attempts to connect start at this distance and double up to `reconnectMaxMs`. */
const RECONNECT_MIN_MS = 50

/** Distance to the next attempt, with up to a fifth of jitter, so that many nodes do not come at once. */
export function reconnectDelayMs(attempt: number, maxMs: number): number {
  const delayMs = Math.min(maxMs, RECONNECT_MIN_MS * 2 ** Math.min(attempt - 1, 16))
  return Math.round(delayMs * (0.8 + 0.2 * Math.random()))
}
