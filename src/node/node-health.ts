/**
 * The health of a node: the main thread asks the other threads, adds the parts of the process itself, and answers
 * `/healthz`, `/readyz` and `/metrics`.
 */
import { type HealthServer, type HealthServerOptions, serveHealth } from '../doors/health/health-server.js'
import { type Liveness, type Readiness, type ReadyPart, verdictOn } from '../health/readiness.js'
import { type Asked, ThreadBeats } from '../health/thread-beats.js'

/** A thread that hangs for so long is given up: its clients have been lost by then. ms */
const HUNG_MS = 60_000

export interface NodeHealthOptions {
  threads: Asked[]
  /** Parts that belong to no thread. */
  ownParts: () => ReadyPart[]
  metrics: () => Promise<{ contentType: string; body: string }>
}

export class NodeHealth {
  readonly #options: NodeHealthOptions
  readonly #beats: ThreadBeats
  #server: HealthServer | undefined
  #scrape: ReturnType<NodeHealthOptions['metrics']> | undefined

  constructor(options: NodeHealthOptions) {
    this.#options = options
    this.#beats = new ThreadBeats(options.threads)
  }

  /** Rejects with the system's error when it cannot listen. */
  async listen(options: HealthServerOptions): Promise<void> {
    this.#server = await serveHealth(
      {
        liveness: () => this.liveness(),
        readiness: () => this.readiness(),
        metrics: () => this.#metrics(),
      },
      options,
    )
  }

  /** Of the listener; 0 before it listens. */
  get port(): number {
    return this.#server?.port ?? 0
  }

  async readiness(): Promise<Readiness> {
    const parts = await this.#beats.parts()
    return verdictOn([...this.#options.ownParts(), ...parts])
  }

  /** The process lives while this thread turns and no other has hung for a minute. */
  async liveness(): Promise<Liveness> {
    await this.#beats.parts()
    const hung = this.#beats.silences().find(({ silentMs }) => silentMs >= HUNG_MS)
    if (hung === undefined) return { alive: true }
    return { alive: false, missing: `${hung.name} has hung for ${Math.round(hung.silentMs / 1_000)} s` }
  }

  silences(): ReturnType<ThreadBeats['silences']> {
    return this.#beats.silences()
  }

  async close(): Promise<void> {
    this.#beats.stop()
    await this.#server?.close()
  }

  /** Requests that come while one is being answered share its answer, so threads count for one at a time. */
  #metrics(): ReturnType<NodeHealthOptions['metrics']> {
    this.#scrape ??= this.#options.metrics().finally(() => {
      this.#scrape = undefined
    })
    return this.#scrape
  }
}
