/** The main thread: hosts the others, answers for all of them, and brings them down in order. */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from './config.js'
import { createConnectionCounts } from './gateway/connection-counts.js'
import { createRates } from './gateway/rates.js'
import { loadTransport } from './gateway/transport/load-transport.js'
import { assertPortFree, freePort } from './gateway/transport/port-check.js'
import { boundReceiveBuffers } from './gateway/transport/receive-buffer.js'
import type { Log } from './observe/log.js'
import { type HostedRole, name as nameOf, ThreadHost } from './runtime/thread-host.js'
import { drainPlan } from './threads/drain-plan.js'
import { homeOf, linkedWith, type Role, threadKinds, topologyOf } from './threads/layout.js'
import {
  type SupervisorVerbs,
  type ThreadSettings,
  type ThreadStats,
  YOUNG_HEAP_MB,
} from './threads/settings.js'
import { meterThread } from './threads/thread-meter.js'
import { tlsFilesOf } from './threads/tls.js'

/** A thread starts within a second; on a machine with much else to do it may take many. */
const READY_DEADLINE_MS = 60_000
const END_MIN_MS = 500
const LISTENER_WATCH_MS = 30_000
/** In the order in which they end. */
const ROLES = ['api', 'io', 'shard', 'sync'] as const satisfies readonly Role[]

export class Supervisor {
  readonly #log: Log
  readonly #config: Config
  readonly #host: ThreadHost<ThreadSettings>
  readonly #meter = meterThread('main')
  #hasStarted = false
  #isStopping = false
  #listenerWatch: NodeJS.Timeout | undefined

  private constructor(config: Config, log: Log) {
    this.#log = log
    this.#config = config
    const topology = topologyOf(config)
    const verbs: SupervisorVerbs = { stats: () => this.stats() }
    this.#host = new ThreadHost({
      roles: threadKinds(config).map(
        (kind): HostedRole => ({
          name: kind.name,
          entry: new URL('./threads/thread.js', import.meta.url),
          count: kind.count,
          linkedWith: linkedWith(kind, config),
          heapMb: config.threadHeapMb,
          youngHeapMb: Math.max(...kind.roles.map((role) => YOUNG_HEAP_MB[role])),
          mustEndItself: kind.roles.includes('io'),
          supervisor: kind.roles.includes('api') ? verbs : undefined,
        }),
      ),
      settings: {
        config,
        topology,
        processId: randomUUID(),
        connectionCounts: createConnectionCounts(topology.io.length),
        rates: createRates(),
      },
      log,
      readyDeadlineMs: READY_DEADLINE_MS,
      onThreadReady: (thread) => {
        if (thread.role === homeOf('io', config).name) this.#boundReceiveBuffers()
      },
    })
    this.#meter.metrics.onSnapshot((report) => {
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
    const started = supervisor.#host.start().then(() => {
      supervisor.#hasStarted = true
      supervisor.#watchListeners()
    })
    try {
      await (interrupted === undefined ? started : Promise.race([started, interrupted]))
    } catch (error) {
      await supervisor.stop()
      throw error
    }
    return supervisor
  }

  get wsPort(): number {
    return this.#config.wsPort
  }

  get apiPort(): number {
    return this.#config.apiPort
  }

  /** Threads by role, for drills and tests: `control(thread).fault('throw')`. */
  get host(): ThreadHost<ThreadSettings> {
    return this.#host
  }

  async stats(): Promise<ThreadStats[]> {
    const answers = await this.#host.each(async (control) => (await control.stats()) as ThreadStats)
    const silent = this.#host.threads.filter((thread) => !answers.some((answer) => answer.thread === thread))
    const notReady = (name: string, missing: string) => ({ name, ready: false, missing })
    return [
      {
        parts: [
          ...(this.#isStopping ? [notReady('node', 'it is stopping')] : []),
          ...silent.map((thread) => notReady(nameOf(thread), 'the thread does not answer')),
        ],
        metrics: await this.#meter.snapshot(),
      },
      ...answers.map(({ value }) => value),
    ]
  }

  /**
   * Say that the node is not ready, wait SHUTDOWN_DELAY_MS, accept no more, send the clients away, see their graces end,
   * tell the store, end the threads. Beside the delay it takes at most about SHUTDOWN_TIMEOUT_MS. False = a thread did
   * not end, and only the end of the process ends it. Never rejects.
   */
  async stop(): Promise<boolean> {
    const { ioMs, shardMs, endMs } = drainPlan(this.#config)
    this.#isStopping = true
    clearInterval(this.#listenerWatch)
    // Before the node is up there is nobody to drain, and a thread ends only when it has loaded its code.
    const endMaxMs = this.#hasStarted ? endMs : this.#config.shutdownTimeoutMs / ROLES.length
    if (this.#hasStarted) {
      await pause(this.#config.shutdownDelayMs)
      await this.#drain('io', ioMs)
      await this.#drain('shard', shardMs)
    }
    const left = await this.#host.stop([...ROLES], Math.max(END_MIN_MS, endMaxMs))
    if (left.length === 0) this.#log.info('stopped')
    else this.#log.error({ threads: left.map(nameOf) }, 'threads did not end in time')
    return left.length === 0
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
    await this.#host.each((control) => control.drain(role), homeOf(role, this.#config).name, deadlineMs)
  }
}

/** What the settings leave open: which ports are free, and which transport this machine can run. */
async function settle(config: Config, log: Log): Promise<Config> {
  const transport = loadTransport(config.transport)
  // Each thread that listens reads the files itself; here only their flaws are of interest, before anything starts.
  await tlsFilesOf(config)
  if (transport.warning !== undefined) log.warn({ transport: transport.name }, transport.warning)
  // io threads share their port in a way that would let another process in as well, so its owner is asked first.
  for (const port of [config.wsPort, config.apiPort]) if (port !== 0) await assertPortFree(config.host, port)
  return {
    ...config,
    transport: transport.name,
    ioThreads: transport.sharesPort ? config.ioThreads : 1,
    wsPort: config.wsPort || (await freePort(config.host)),
    apiPort: config.apiPort || (await freePort(config.host)),
  }
}
