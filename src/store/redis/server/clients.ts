/** The clients of a store, made for whichever form its Redis has. None is connected yet. */
import { type Cluster, Redis, type RedisOptions, type SentinelConnectionOptions } from 'ioredis'
import { parseEndpoint } from '../../../net/redis-url.js'
import type { Access } from './access.js'
import { clusterClient } from './cluster-client.js'
import { REDIS_DEFAULTS, type RedisStoreOptions, reconnectDelayMs } from './options.js'

/**
 * How often a Cluster's client sends a command itself before it gives up, 0.1 s apart where a master is away. Few:
 * a call waits for its slowest master, and the caller tries again anyway.
 */
const CLUSTER_ATTEMPTS = 6
/** While a slot changes hands masters may send a command back and forth: they have to hear of it from each other. */
const MOVED_PAUSE_MS = 100

/** A server that is alive tells its slot table sooner; another is asked then. */
const SLOTS_TIMEOUT_MS = 2_000

export class Clients {
  readonly #options: RedisStoreOptions
  readonly #access: Access
  readonly #common: RedisOptions

  constructor(options: RedisStoreOptions, access: Access) {
    const commandTimeoutMs = options.commandTimeoutMs ?? REDIS_DEFAULTS.commandTimeoutMs
    this.#options = options
    this.#access = access
    this.#common = {
      lazyConnect: true,
      connectionName: `porchlight:${options.nodeId}`,
      // Redis 7.0 does not know CLIENT SETINFO, and a user would need the right to it.
      disableClientInfo: true,
      connectTimeout: commandTimeoutMs,
      commandTimeout: commandTimeoutMs,
      // A peer that vanished without a goodbye leaves a connection that only silence tells.
      socketTimeout: commandTimeoutMs * 2,
      // Fail what is under way when the connection goes: an assertion that is sent again later, behind a newer
      // one, would undo it. The shards assert again by themselves.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    }
  }

  /**
   * For commands. `isMovedBy`: whether an error of a command means that a new connection may lead to another server.
   * `retries`: whether attempts to connect go on after the first has failed.
   */
  commands(isMovedBy: (error: Error) => boolean, retries: () => boolean): Redis | Cluster {
    const { target, db } = this.#access
    if (target.kind === 'cluster') {
      return clusterClient(target.nodes, this.#access, {
        maxRedirections: CLUSTER_ATTEMPTS,
        retryDelayOnMoved: MOVED_PAUSE_MS,
        clusterRetryStrategy: (attempt) => this.delayMs(attempt),
        slotsRefreshInterval: this.#options.slotsRefreshMs ?? REDIS_DEFAULTS.slotsRefreshMs,
        slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
        redisOptions: this.#common,
      })
    }
    return new Redis({
      ...this.#toOneServer((attempt) => (retries() ? this.delayMs(attempt) : null)),
      db,
      enableOfflineQueue: false,
      retryStrategy: (attempt) => this.delayMs(attempt),
      reconnectOnError: isMovedBy,
      failoverDetector: true,
    })
  }

  /** For subscriptions: to the master `owner` (`host:port`) of a Cluster, or to the only one. */
  subscriptions(owner: string | undefined): Redis {
    const { target, server } = this.#access
    const options: RedisOptions = {
      connectionName: `${this.#common.connectionName}:subscriber`,
      socketTimeout: undefined,
      retryStrategy: () => null,
      autoResubscribe: false,
      enableOfflineQueue: false,
    }
    if (target.kind !== 'cluster') return new Redis({ ...this.#toOneServer(() => null), ...options })
    const endpoint = (owner === undefined ? undefined : parseEndpoint(owner)) ?? target.nodes[0]!
    return new Redis({ ...this.#common, ...server, ...endpoint, ...options })
  }

  /** How long to wait before an attempt to connect. */
  delayMs(attempt: number): number {
    return reconnectDelayMs(attempt, this.#options.reconnectMaxMs ?? REDIS_DEFAULTS.reconnectMaxMs)
  }

  #toOneServer(sentinelRetryStrategy: SentinelConnectionOptions['sentinelRetryStrategy']): RedisOptions {
    const { target, server, sentinel, reachedAt } = this.#access
    if (target.kind === 'single') return { ...this.#common, ...server, ...target.server }
    if (target.kind === 'cluster') throw new Error('A Cluster is more than one server.')
    return {
      ...this.#common,
      ...server,
      ...sentinel,
      sentinels: target.sentinels,
      name: target.name,
      role: 'master',
      enableTLSForSentinelMode: server.tls !== undefined,
      sentinelCommandTimeout: this.#common.commandTimeout!,
      sentinelRetryStrategy: sentinelRetryStrategy!,
      natMap: (announced: string) => reachedAt(announced) ?? null,
    }
  }
}
