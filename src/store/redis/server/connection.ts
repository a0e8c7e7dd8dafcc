/**
 * The command connection: one `Redis`, or a `Cluster` with one connection to each master. It reconnects by itself
 * with capped backoff, fails commands at once while it is away, and tells when it went and came back.
 *
 * Off a Cluster the name is resolved anew for each connection, and only a master is taken. So a server that says it
 * is none any more is left for whichever server its address, or Sentinel, leads to now.
 */
import { Cluster, type Redis } from 'ioredis'
import { StoreUnavailableError, StoreUnsuitableError } from '../../../errors/errors.js'
import { reasonOf } from '../../../errors/reason.js'
import { Keys } from '../keys.js'
import { defineScripts } from '../scripts/scripts.js'
import { accessOf } from './access.js'
import { Clients } from './clients.js'
import { within } from './deadline.js'
import { LostMasters } from './lost-masters.js'
import { REDIS_DEFAULTS, type RedisStoreOptions } from './options.js'
import { missingRights, type RightsNeeded } from './rights.js'
import { hearSentinels } from './sentinel-errors.js'
import { judgeServers, parseInfo, type ServerProblem, serverProblem } from './server-info.js'

/** Answers of a server that is no longer the master, or that no longer knows this connection's user. */
const IS_ELSEWHERE = /^(READONLY|MASTERDOWN|LOADING|UNBLOCKED|NOAUTH)\b/
/** Answers of a master that refuses writes: another may have taken its place without its knowledge. */
const TAKES_NO_WRITES = /^(NOREPLICAS|MISCONF)\b/
/** Shortest time between two connections that are made to find out. */
const LOOK_ELSEWHERE_MS = 15_000
/** An attempt to connect has so many times the patience of a command: names, TLS, Sentinels, a Cluster's table. */
const CONNECT_DEADLINE_COMMANDS = 3

export class Connection {
  readonly client: Redis | Cluster
  /** The names of everything in this Redis. */
  readonly keys: Keys
  readonly #options: RedisStoreOptions
  readonly #clients: Clients
  readonly #rights: RightsNeeded
  readonly #onReachable: (up: boolean, reason: string) => void
  /** The servers that clients of one server are connected to, by their `run_id`. */
  readonly #serverIds = new WeakMap<Redis, string>()
  #lostMasters: LostMasters | undefined
  #opened = false
  #up = false
  #lastError = 'not connected yet'
  #selectProblem: ServerProblem | undefined
  #problem: ServerProblem | undefined
  #lookedElsewhereMs = Number.NEGATIVE_INFINITY
  #reconnect: NodeJS.Timeout | undefined

  /**
   * `onReachable` is told of transitions after `connect` succeeded and before `close`.
   * Throws STORE_UNSUITABLE for options that no server can serve.
   */
  constructor(options: RedisStoreOptions, onReachable: (up: boolean, reason: string) => void) {
    const access = accessOf(options, options.log)
    this.#options = options
    this.#onReachable = onReachable
    this.keys = new Keys(options.prefix, access.db)
    this.#clients = new Clients(options, access)
    this.client = this.#clients.commands(
      (error) => this.#mayBeElsewhere(error),
      () => this.#opened,
    )
    this.#rights = {
      keys: this.keys,
      db: access.db,
      isCluster: this.client instanceof Cluster,
      openimCompat: options.openimCompat,
    }
    defineScripts(this.client)
    if (this.client instanceof Cluster) this.#watchMasters(this.client)
    else this.#watchServer(this.client)
    this.client.on('ready', () => this.#turn(true, 'connected'))
    this.client.on('close', () => this.#turn(false, this.#lastError))
    this.client.on('end', () => this.#connectAgain())
  }

  /** Why commands fail now; undefined while the connection is up. */
  get downReason(): string | undefined {
    return this.#up ? undefined : this.#lastError
  }

  /** STORE_UNAVAILABLE when nothing answers in time, STORE_UNSUITABLE for a server that cannot serve. */
  async connect(): Promise<void> {
    this.#problem = undefined
    const deadlineMs =
      (this.#options.commandTimeoutMs ?? REDIS_DEFAULTS.commandTimeoutMs) * CONNECT_DEADLINE_COMMANDS
    try {
      // A Cluster that was not ready at the first look is tried again by the client, which tells that by the event alone.
      const ready = new Promise<void>((resolve) => this.client.once('ready', resolve))
      await within(deadlineMs, 'connecting to Redis', Promise.race([this.client.connect(), ready]))
      const servers =
        this.client instanceof Cluster ? await this.#mastersThatServe(this.client) : [this.client]
      for (const server of servers) await this.#checkRights(server)
    } catch (error) {
      throw this.#atStart(error)
    }
    this.#opened = true
  }

  /** A connection of its own for subscriptions, to one server of a Cluster or to the only one. Not connected yet. */
  subscriberClient(owner: string | undefined): Redis {
    const client = this.#clients.subscriptions(owner)
    hearSentinels(client, () => {})
    if (!(this.client instanceof Cluster)) {
      judgeServers(client, ({ run_id }) => {
        if (run_id !== undefined) this.#serverIds.set(client, run_id)
        return undefined
      })
    }
    return client
  }

  /** Off a Cluster: a client for subscriptions is at another server than commands are. False while that is unknown. */
  isElsewhere(subscriber: Redis): boolean {
    if (this.client instanceof Cluster) return false
    const [own, other] = [this.#serverIds.get(this.client), this.#serverIds.get(subscriber)]
    return own !== undefined && other !== undefined && own !== other
  }

  /** Off a Cluster: connect anew, wherever the address leads to now. */
  reconnect(reason: string): void {
    if (this.client instanceof Cluster || this.client.status !== 'ready') return
    this.#lastError = reason
    this.client.disconnect(true)
  }

  close(): void {
    this.#opened = false
    clearTimeout(this.#reconnect)
    this.#lostMasters?.stop()
    this.client.disconnect()
  }

  #watchServer(client: Redis): void {
    let sentinelError = ''
    hearSentinels(client, (error) => {
      sentinelError = error.message
    })
    client.on('connect', () => {
      this.#selectProblem = undefined
    })
    client.on('error', (error: Error & { command?: { name?: string } }) => {
      // Of Sentinels that could not be asked the client says no more than that.
      this.#lastError = error.message.replace(/(?<=Last error: )Connection is closed\.$/, sentinelError)
      if (error.command?.name !== 'select') return
      const text = `Database ${this.#rights.db} cannot be selected: ${error.message}`
      this.#selectProblem = { text, isLasting: true }
    })
    client.on('close', () => this.#serverIds.delete(client))
    judgeServers(client, (info) => {
      this.#problem = this.#selectProblem ?? serverProblem(info, false)
      if (this.#problem) this.#lastError = this.#problem.text
      else if (info.run_id !== undefined) this.#serverIds.set(client, info.run_id)
      return this.#problem
    })
  }

  #watchMasters(cluster: Cluster): void {
    cluster.on('error', (error: Error) => {
      this.#lastError = reasonOf(error)
    })
    cluster.on('node error', (error: Error, address: string) => {
      this.#lastError = `${address}: ${error.message}`
    })
    this.#lostMasters = new LostMasters(cluster, (reason) => {
      if (this.#opened && this.#up) this.#onReachable(true, reason)
    })
  }

  #mayBeElsewhere(error: Error): boolean {
    if (TAKES_NO_WRITES.test(error.message)) {
      const nowMs = performance.now()
      if (nowMs - this.#lookedElsewhereMs < LOOK_ELSEWHERE_MS) return false
      this.#lookedElsewhereMs = nowMs
    } else if (!IS_ELSEWHERE.test(error.message)) return false
    this.#lastError = error.message
    return true
  }

  #turn(up: boolean, reason: string): void {
    if (up === this.#up) return
    this.#up = up
    // Until an error says more.
    if (up) this.#lastError = 'the connection closed'
    if (this.#opened) this.#onReachable(up, reason)
  }

  /** The client does not retry by itself when an attempt could not begin, for example without any Sentinel. */
  #connectAgain(): void {
    if (!this.#opened) return
    this.#reconnect = setTimeout(() => {
      if (this.client.status === 'end') this.client.connect().catch(() => {})
    }, this.#clients.delayMs(Number.MAX_SAFE_INTEGER))
  }

  /** At least one; a master that is away costs its own users alone. */
  async #mastersThatServe(cluster: Cluster): Promise<Redis[]> {
    const masters = cluster.nodes('master')
    const answers = await Promise.allSettled(masters.map((master) => master.info('server')))
    const serving = masters.filter((_, at) => answers[at]!.status === 'fulfilled')
    for (const answer of answers) {
      if (answer.status === 'rejected') {
        if (serving.length === 0) throw answer.reason
        continue
      }
      const problem = serverProblem(parseInfo(answer.value), true)
      if (problem) throw new StoreUnsuitableError(problem.text)
    }
    return serving
  }

  async #checkRights(server: Redis): Promise<void> {
    const missing = await missingRights(server, this.#rights)
    if (missing === undefined) return
    throw new StoreUnsuitableError(
      `The user of Redis lacks rights: ${missing}. docs/clustering.md lists all that are needed.`,
    )
  }

  /** STORE_UNSUITABLE for answers that stay the same however long one waits. */
  #atStart(error: unknown): Error {
    if (error instanceof StoreUnsuitableError) return error
    if (this.#problem?.isLasting) return new StoreUnsuitableError(this.#problem.text)
    const reason = error instanceof Error ? error.message : String(error)
    const text = reason === this.#lastError ? reason : `${reason} (${this.#lastError})`
    if (/WRONGPASS|NOAUTH|NOPERM|cluster support disabled/.test(text)) return new StoreUnsuitableError(text)
    return new StoreUnavailableError(text)
  }
}

/** Whatever a command failed with, its caller hears STORE_UNAVAILABLE. */
export function rejectUnavailable(error: unknown): never {
  throw new StoreUnavailableError(reasonOf(error))
}
