/** What a RedisStore must be told, and what it assumes otherwise. */

import type { Endpoint } from '../../../net/redis-url.js'
import type { PlatformTable } from '../../../rules/platforms.js'
import type { NodeSettings } from '../../ports/store.js'
import type { TlsFiles } from './tls-files.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void

/** Which Redis, and how to get in. Exactly one of `url`, `clusterNodes` and `sentinels` is given. */
export interface RedisAccess {
  /** One server: `redis[s]://[user:password@]host[:port][/db]`. */
  url?: string
  /** Some nodes of a Cluster, `host:port`; the others are found through them. */
  clusterNodes?: readonly string[]
  /** Sentinels that know the master, `host:port`. */
  sentinels?: readonly string[]
  /** The name of the master, as Sentinel has it. */
  sentinelName?: string
  sentinelUsername?: string
  sentinelPassword?: string
  /** Where the URL has none, and for the other forms. */
  username?: string
  password?: string
  /** Database of a master behind Sentinel. A URL names its own, and a Cluster has one alone. */
  db?: number
  /** TLS to a Cluster, to Sentinel and to its master; a URL says it by its scheme. */
  tls?: boolean
  /** For TLS, and none else. */
  tlsFiles?: TlsFiles
  /** Addresses that servers announce, and where they are reached instead. */
  natMap?: ReadonlyMap<string, Endpoint>
}

export interface RedisStoreOptions extends NodeSettings, RedisAccess {
  /** What all keys and channels begin with; without `{` and `}`. Not with `openimCompat`. */
  prefix?: string
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
