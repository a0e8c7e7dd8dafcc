/**
 * The command connection: one `Redis`, or a `Cluster` with one connection to each master. It reconnects by itself
 * with capped backoff, fails commands at once while it is away, and tells when it went and came back.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { reasonOf, StoreUnavailableError, StoreUnsuitableError } from '../../errors.js'
import { REDIS_DEFAULTS, type RedisStoreOptions, reconnectDelayMs } from './options.js'
import { defineScripts } from './scripts.js'

/** Scripts that say in their first line what they may do came with this version. */
const REDIS_MAJOR_MIN = 7

/**
 * How often a Cluster's client sends a command itself before it gives up, 0.1 s apart where a master is away. Few:
 * a call waits for its slowest master, and whoever called tries again anyway.
 */
const CLUSTER_ATTEMPTS = 6

/** A Cluster without news of lost masters for this long has settled. */
const SETTLED_AFTER_MS = 1_000

interface Address {
  host: string
  port: number
  options: RedisOptions
}

/** `host:port`, also of IPv6 without brackets as a slot table has it, or a URL with user, password and TLS. */
export function parseAddress(text: string): Address {
  const bracketed = text.replace(/^([^[\]/]*:[^[\]/]*):(\d+)$/, '[$1]:$2')
  const url = new URL(text.includes('://') ? text : `redis://${bracketed}`)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 6379),
    options: {
      ...(url.username && { username: decodeURIComponent(url.username) }),
      ...(url.password && { password: decodeURIComponent(url.password) }),
      ...(url.protocol === 'rediss:' && { tls: {} }),
    },
  }
}

export class Connection {
  readonly client: Redis | Cluster
  readonly #options: RedisStoreOptions
  readonly #common: RedisOptions
  readonly #onReachable: (up: boolean, reason: string) => void
  #lostMasters: LostMasters | undefined
  #opened = false
  #up = false
  #lastError = 'the connection closed'

  /** `onReachable` is told of transitions after `connect` succeeded and before `close`. */
  constructor(options: RedisStoreOptions, onReachable: (up: boolean, reason: string) => void) {
    const commandTimeoutMs = options.commandTimeoutMs ?? REDIS_DEFAULTS.commandTimeoutMs
    this.#options = options
    this.#onReachable = onReachable
    this.#common = {
      lazyConnect: true,
      connectionName: `porchlight:${options.nodeId}`,
      connectTimeout: commandTimeoutMs,
      commandTimeout: commandTimeoutMs,
      // A peer that vanished without a goodbye leaves a connection that only silence tells.
      socketTimeout: commandTimeoutMs * 2,
      // Fail what is under way when the connection goes: an assertion that is sent again later, behind a newer
      // one, would undo it. The shards assert again by themselves.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    }
    this.client = options.clusterNodes ? this.#cluster(options.clusterNodes) : this.#single()
    defineScripts(this.client)
    this.client.on('error', (error: Error) => {
      this.#lastError = reasonOf(error)
    })
    this.client.on('ready', () => this.#turn(true, 'connected'))
    this.client.on('close', () => this.#turn(false, this.#lastError))
  }

  /** STORE_UNAVAILABLE when nothing answers in time, STORE_UNSUITABLE for a server that cannot serve. */
  async connect(): Promise<void> {
    try {
      await this.client.connect()
    } catch (error) {
      throw unavailable(error, this.#lastError)
    }
    const masters = this.client instanceof Cluster ? this.client.nodes('master') : [this.client]
    for (const master of masters) await this.#checkServer(master)
    this.#opened = true
  }

  /** A connection of its own for subscriptions, to one server of a Cluster or to the only one. Not connected yet. */
  subscriberClient(owner: string | undefined): Redis {
    const options: RedisOptions = { ...this.#common, socketTimeout: undefined, retryStrategy: () => null }
    options.connectionName += ':subscriber'
    options.autoResubscribe = false
    options.enableOfflineQueue = false
    const { clusterNodes, url } = this.#options
    if (!clusterNodes) return new Redis(url!, options)
    const credentials = parseAddress(clusterNodes[0]!).options
    const { host, port } = parseAddress(owner ?? clusterNodes[0]!)
    return new Redis({ ...options, ...credentials, host, port })
  }

  /** What the connection met last, while it is away; undefined = it is there. */
  get outage(): string | undefined {
    return this.#up ? undefined : this.#lastError
  }

  close(): void {
    this.#opened = false
    this.#lostMasters?.stop()
    this.client.disconnect()
  }

  #single(): Redis {
    if (!this.#options.url)
      throw new StoreUnsuitableError('Neither a Redis URL nor Cluster nodes were given.')
    return new Redis(this.#options.url, {
      ...this.#common,
      enableOfflineQueue: false,
      retryStrategy: (attempt) => this.#delayMs(attempt),
    })
  }

  #cluster(nodes: string[]): Cluster {
    const addresses = nodes.map(parseAddress)
    if (addresses.length === 0) throw new StoreUnsuitableError('The list of Cluster nodes is empty.')
    const cluster = new Cluster(
      addresses.map(({ host, port }) => ({ host, port })),
      {
        lazyConnect: true,
        enableOfflineQueue: false,
        maxRedirections: CLUSTER_ATTEMPTS,
        clusterRetryStrategy: (attempt) => this.#delayMs(attempt),
        slotsRefreshInterval: this.#options.slotsRefreshMs ?? REDIS_DEFAULTS.slotsRefreshMs,
        redisOptions: { ...this.#common, ...addresses[0]!.options },
      },
    )
    this.#lostMasters = new LostMasters(cluster, (reason) => {
      if (this.#opened && this.#up) this.#onReachable(true, reason)
    })
    return cluster
  }

  #delayMs(attempt: number): number {
    return reconnectDelayMs(attempt, this.#options.reconnectMaxMs ?? REDIS_DEFAULTS.reconnectMaxMs)
  }

  #turn(up: boolean, reason: string): void {
    if (up === this.#up) return
    this.#up = up
    if (this.#opened) this.#onReachable(up, reason)
  }

  async #checkServer(server: Redis): Promise<void> {
    let info: string
    try {
      info = await server.info('server')
    } catch (error) {
      throw unavailable(error, this.#lastError)
    }
    const problem = serverProblem(info, this.client instanceof Cluster)
    if (problem !== undefined) throw new StoreUnsuitableError(problem)
  }
}

/** What is wrong with a server, by its `INFO server`; undefined when nothing is. */
export function serverProblem(info: string, expectCluster: boolean): string | undefined {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'
  if (!(Number.parseInt(version, 10) >= REDIS_MAJOR_MIN)) {
    return `The Redis server has version ${version}; ${REDIS_MAJOR_MIN}.0 or later is needed.`
  }
  const isCluster = /^redis_mode:cluster/m.test(info)
  if (isCluster && !expectCluster) {
    return 'The Redis server is part of a Cluster: give the Cluster nodes instead of a URL.'
  }
  return undefined
}

/** Whatever a command failed with, its caller hears STORE_UNAVAILABLE. */
export function rejectUnavailable(error: unknown): never {
  throw new StoreUnavailableError(reasonOf(error))
}

/** Answers at connecting that no waiting mends. */
function unavailable(error: unknown, detail: string): Error {
  const reason = reasonOf(error)
  const text = reason.includes(detail) ? reason : `${reason} (${detail})`
  if (/WRONGPASS|NOAUTH|NOPERM|cluster support disabled/.test(text)) return new StoreUnsuitableError(text)
  return new StoreUnavailableError(text)
}

/**
 * Notices when one master of a Cluster was lost and is back, or was replaced: the Cluster as a whole stays up, but
 * writes may be gone, so the node has to assert again. Judged whenever the client has read the slot table.
 */
class LostMasters {
  readonly #cluster: Cluster
  readonly #onBack: (reason: string) => void
  readonly #lost = new Set<string>()
  #masters = new Set<string>()
  #settling: NodeJS.Timeout | undefined

  constructor(cluster: Cluster, onBack: (reason: string) => void) {
    this.#cluster = cluster
    this.#onBack = onBack
    cluster.on('-node', (node: Redis) => {
      const key = `${node.options.host}:${node.options.port}`
      if (this.#masters.has(key)) this.#lost.add(key)
    })
    cluster.on('refresh', () => this.#refreshed())
    // Back as a whole: that is told anyway.
    cluster.on('ready', () => this.#lost.clear())
  }

  stop(): void {
    clearTimeout(this.#settling)
  }

  #refreshed(): void {
    const before = this.#masters
    this.#masters = new Set(
      this.#cluster.slots.map((owners) => owners?.[0]).filter((key) => key !== undefined),
    )
    for (const key of before) {
      if (this.#masters.has(key)) continue
      this.#lost.delete(key)
      this.#settle(`master ${key} was replaced`)
    }
    // While the client connects, it takes a connection that somebody else has begun to use for a broken one.
    if (this.#cluster.status !== 'ready') return
    for (const key of this.#lost) this.#probe(key)
  }

  #probe(key: string): void {
    const node = this.#cluster
      .nodes('master')
      .find(({ options }) => `${options.host}:${options.port}` === key)
    const back = () => this.#lost.delete(key) && this.#settle(`master ${key} is back`)
    node?.ping().then(back, () => {})
  }

  /** Tell it once the news have ended: right after a fail-over the servers' tables contradict each other. */
  #settle(reason: string): void {
    clearTimeout(this.#settling)
    this.#settling = setTimeout(() => this.#onBack(reason), SETTLED_AFTER_MS)
  }
}
