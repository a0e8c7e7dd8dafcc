/** The main thread: hosts the others, answers for all of them, and brings them down in order. */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Config, portsOf } from '../config/config.js'
import { createConnectionCounts } from '../doors/websocket/connection-counts.js'
import { createRates } from '../doors/websocket/rates.js'
import { createSocketBudget, SocketBudget } from '../doors/websocket/socket-budget.js'
import { loadTransport } from '../doors/websocket/transport/load-transport.js'
import { assertPortFree, freePorts, toListenError } from '../doors/websocket/transport/port-check.js'
import { boundReceiveBuffers } from '../doors/websocket/transport/receive-buffer.js'
import { entryUrl } from '../files/entry.js'
import { Descriptors, sharesOf } from '../health/descriptors.js'
import { Disk } from '../health/disk.js'
import type { Readiness } from '../health/readiness.js'
import type { Log } from '../observe/log.js'
import { mergeSnapshots } from '../observe/metrics.js'
import { type HostedRole, layOut, name as nameOf, ThreadHost } from '../runtime/thread-host.js'
import { createDatabaseClock } from './database-clock.js'
import { drainPlan } from './drain-plan.js'
import { wordListOf } from './files/message-checks.js'
import { tlsFilesOf } from './files/tls.js'
import { homeOf, linkedWith, threadKinds, topologyOf } from './layout.js'
import { NodeHealth } from './node-health.js'
import { ENDING_ORDER, ROLES, type Role } from './roles.js'
import { prepareSchema } from './schema-at-start.js'
import type { SupervisorVerbs, ThreadSettings, ThreadStats } from './settings.js'
import { meterThread } from './thread-meter.js'

/** A thread starts within a second; on a machine with much else to do it may take many. */
const READY_DEADLINE_MS = 60_000
const END_MIN_MS = 500
const LISTENER_WATCH_MS = 30_000

export class Supervisor {
  readonly #log: Log
  readonly #config: Config
  readonly #host: ThreadHost<ThreadSettings>
  readonly #descriptors: Descriptors
  /** Of the embedded store; undefined = there is none. */
  readonly #disk: Disk | undefined
  readonly #health: NodeHealth
  readonly #meter = meterThread('main')
  readonly #schemaEnd = new AbortController()
  #hasStarted = false
  #isStopping = false
  #listenerWatch: NodeJS.Timeout | undefined

  private constructor(config: Config, log: Log) {
    this.#log = log
    this.#config = config
    const topology = topologyOf(config)
    const socketBudget = createSocketBudget(topology.io.length)
    this.#descriptors = new Descriptors({
      sockets: new SocketBudget(socketBudget),
      maxConnections: config.maxConnections,
      threads: layOut(threadKinds(config)).length,
    })
    const { missing } = this.#descriptors.part()
    if (missing !== undefined) log.warn({ missing }, 'few file descriptors')
    const disk = config.usesRedis ? undefined : new Disk({ dir: config.dataDir })
    this.#disk = disk
    const verbs: SupervisorVerbs = {
      readiness: () => this.#health.readiness(),
      liveness: () => this.#health.liveness(),
    }
    this.#host = new ThreadHost({
      roles: threadKinds(config).map(
        (kind): HostedRole => ({
          name: kind.name,
          entry: entryUrl(),
          count: kind.count,
          linkedWith: linkedWith(kind, config),
          heapMb: config.threadHeapMb,
          youngHeapMb: Math.max(...kind.roles.map((role) => ROLES[role].youngHeapMb)),
          mustEndItself: kind.roles.some((role) => ROLES[role].mustEndItself),
          supervisor: kind.roles.some((role) => ROLES[role].asksSupervisor) ? verbs : undefined,
        }),
      ),
      settings: {
        config,
        topology,
        processId: randomUUID(),
        connectionCounts: createConnectionCounts(topology.io.length),
        socketBudget,
        apiConnectionsMax: sharesOf(this.#descriptors.max).api,
        rates: createRates(),
        databaseClock: createDatabaseClock(),
      },
      log,
      readyDeadlineMs: READY_DEADLINE_MS,
      onThreadReady: (thread) => {
        if (thread.role === homeOf('io', config)?.name) this.#boundReceiveBuffers()
      },
    })
    this.#health = new NodeHealth({
      threads: this.#host.threads.map((thread) => ({
        name: nameOf(thread),
        life: () => this.#host.control(thread),
      })),
      ownParts: () => [
        ...(this.#isStopping ? [{ name: 'node', ready: false, missing: 'it is stopping' }] : []),
        this.#descriptors.part(),
        ...(disk === undefined ? [] : [disk.part()]),
      ],
      metrics: () => this.#metrics(),
    })
    this.#meter.metrics.onSnapshot((report) => {
      report.level('descriptorsOpen', this.#descriptors.open)
      if (Number.isFinite(this.#descriptors.max)) report.level('descriptorsMax', this.#descriptors.max)
      for (const { name, silentMs } of this.#health.silences()) {
        report.level('threadSilentSeconds', silentMs / 1_000, { thread: name })
      }
      for (const [role, total] of Object.entries(this.#host.restarts)) {
        report.total('threadRestarts', total, { role })
      }
    })
  }

  /**
   * Start a node; resolves when its actors are up and its ports listen. Rejects with why it cannot be. When
   * `interrupted` settles first, it resolves at once with a node that is good for nothing but `stop`.
   */
  static async start(config: Config, log: Log, interrupted?: Promise<unknown>): Promise<Supervisor> {
    const supervisor = new Supervisor(await settle(config, log), log)
    try {
      await supervisor.#listen()
      const started = supervisor.#startThreads()
      await (interrupted === undefined ? started : Promise.race([started, interrupted]))
    } catch (error) {
      await supervisor.stop()
      throw error
    }
    return supervisor
  }

  async #startThreads(): Promise<void> {
    const { signal } = this.#schemaEnd
    await prepareSchema(this.#config, this.#log, signal)
    if (signal.aborted) return
    await this.#host.start()
    this.#hasStarted = true
    this.#watchListeners()
    // Not before: its directory is made by the thread that keeps the store.
    void this.#disk?.look()
  }

  get wsPort(): number {
    return this.#config.wsPort
  }

  get apiPort(): number {
    return this.#config.apiPort
  }

  get healthPort(): number {
    return this.#health.port
  }

  readiness(): Promise<Readiness> {
    return this.#health.readiness()
  }

  /** Threads by role, for drills and tests: `control(thread).fault('throw')`. */
  get host(): ThreadHost<ThreadSettings> {
    return this.#host
  }

  /**
   * Say that the node is not ready, wait SHUTDOWN_DELAY_MS, accept no more, send the clients away, see their graces end,
   * tell the store, end the threads. Beside the delay it takes at most about SHUTDOWN_TIMEOUT_MS. False = a thread did
   * not end, and only the end of the process ends it. Never rejects.
   */
  async stop(): Promise<boolean> {
    const plan = drainPlan(this.#config)
    this.#isStopping = true
    this.#schemaEnd.abort()
    clearInterval(this.#listenerWatch)
    // Before the node is up there is nothing to drain, and a thread ends only when it has loaded its code.
    const endMaxMs = this.#hasStarted ? plan.endMs : this.#config.shutdownTimeoutMs
    if (this.#hasStarted) {
      await pause(this.#config.shutdownDelayMs)
      for (const role of ENDING_ORDER) {
        const { drainTime } = ROLES[role]
        if (drainTime !== undefined) await this.#drain(role, plan[drainTime])
      }
    }
    const left = await this.#host.stop(ENDING_ORDER, Math.max(END_MIN_MS, endMaxMs / ENDING_ORDER.length))
    this.#descriptors.stop()
    this.#disk?.stop()
    await this.#health.close()
    if (left.length === 0) this.#log.info('stopped')
    else this.#log.error({ threads: left.map(nameOf) }, 'threads did not end in time')
    return left.length === 0
  }

  async #listen(): Promise<void> {
    const { healthHost: host, healthPort: port } = this.#config
    const options = { host, port, connectionsMax: sharesOf(this.#descriptors.max).health }
    await this.#health.listen(options).catch((error: NodeJS.ErrnoException) => {
      throw toListenError(host, port, error.code ?? error.message)
    })
  }

  /** Of all threads that answer. */
  async #metrics(): ReturnType<typeof mergeSnapshots> {
    const answers = await this.#host.each(async (control) => (await control.stats()) as ThreadStats)
    return mergeSnapshots([await this.#meter.snapshot(), ...answers.map(({ value }) => value.metrics)])
  }

  /** A new certificate brings a new listening socket. */
  #watchListeners(): void {
    const { tlsCertFile, transport, wsPort } = this.#config
    if (tlsCertFile === '' || transport !== 'uws' || this.#isStopping) return
    this.#listenerWatch = setInterval(() => boundReceiveBuffers(wsPort), LISTENER_WATCH_MS)
  }

  /** `ws` reads 64 KiB at a time, whatever waits. */
  #boundReceiveBuffers(): void {
    if (this.#config.transport !== 'uws' || boundReceiveBuffers(this.#config.wsPort) > 0) return
    this.#log.warn(
      { port: this.#config.wsPort },
      'receive buffers are not bounded: a client that sends fragments without end can hold up its io thread',
    )
  }

  async #drain(role: Role, deadlineMs: number): Promise<void> {
    await this.#host.each((control) => control.drain(role), homeOf(role, this.#config)!.name, deadlineMs)
  }
}

/** What the settings leave open: which ports are free, and which transport this machine can run. */
async function settle(config: Config, log: Log): Promise<Config> {
  const transport = loadTransport(config.transport)
  // Each thread that listens reads the files itself; here only their flaws are of interest, before anything starts.
  await tlsFilesOf(config)
  await wordListOf(config)
  if (transport.warning !== undefined) log.warn({ transport: transport.name }, transport.warning)
  // io threads share their port in a way that would let another process in as well, so its owner is asked first.
  for (const [setting, host, port] of portsOf(config)) {
    if (port !== 0) await assertPortFree(host, port, setting)
  }
  const [wsPort, apiPort] = await freePorts(config.host, 2)
  return {
    ...config,
    transport: transport.name,
    ioThreads: transport.sharesPort ? config.ioThreads : 1,
    wsPort: config.wsPort || wsPort!,
    apiPort: config.apiPort || apiPort!,
  }
}
