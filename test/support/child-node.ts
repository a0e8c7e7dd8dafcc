/** A node in a process of its own, started as an operator would, so that it can be stopped in the middle of things. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { COLLECTABLE, collectGarbage } from './collectable.js'
import { endsWithThisProcess } from './leftovers.js'
import { metricsText, readMetrics, sumOf } from './metrics.js'
import { type Teardown, testEnv } from './node.js'
import { until } from './redis.js'

const MAIN = fileURLToPath(new URL('../../server/main.js', import.meta.url))

/** On a machine with much else to do. */
const READY_WITHIN_MS = 60_000

export class ChildNode {
  private constructor(
    private readonly child: ChildProcess,
    readonly wsPort: number,
    readonly apiUrl: string,
    readonly healthPort: number,
    readonly nodeId: string,
  ) {}

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.wsPort}`
  }

  /** Of health and metrics. */
  get healthUrl(): string {
    return `http://127.0.0.1:${this.healthPort}`
  }

  get pid(): number {
    return this.child.pid!
  }

  /** On free ports, or on that of WS_PORT. `descriptorsMax`: files that it may have open. */
  static async start(
    test: Teardown,
    env: Record<string, string>,
    { descriptorsMax, isCollectable = false }: { descriptorsMax?: number; isCollectable?: boolean } = {},
  ): Promise<ChildNode> {
    const [anyPort, apiPort, healthPort] = await freePorts('127.0.0.1', 3)
    const wsPort = Number(env.WS_PORT ?? anyPort)
    const settings = testEnv({
      ...env,
      WS_PORT: String(wsPort),
      API_PORT: String(apiPort),
      HEALTH_PORT: String(healthPort),
    })
    const command = [process.execPath, ...(isCollectable ? COLLECTABLE : []), MAIN]
    // The shell lowers its own limit, hard and soft, and becomes the node.
    if (descriptorsMax !== undefined)
      command.unshift('sh', '-c', `ulimit -n ${descriptorsMax}; exec "$0" "$@"`)
    const child = spawn(command[0]!, command.slice(1), {
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    endsWithThisProcess(child)
    const apiUrl = `http://127.0.0.1:${apiPort}`
    const node = new ChildNode(child, wsPort, apiUrl, healthPort, settings.NODE_ID!)
    test.teardown(() => node.kill())
    const isReady = async () => (await fetch(`${apiUrl}/readyz`)).ok
    await until('the node is ready', isReady, READY_WITHIN_MS)
    return node
  }

  /** It hangs, all threads at once. */
  freeze(): void {
    this.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.child.kill('SIGCONT')
  }

  metricsText(): Promise<string> {
    return metricsText(this.healthUrl)
  }

  /** The sum of a metric over all its labels. */
  async metric(name: string): Promise<number> {
    return sumOf(name, await this.metricsText()) ?? 0
  }

  /** Several at one time, each of which it must have. */
  metrics<N extends string>(names: readonly N[]): Promise<Record<N, number>> {
    return readMetrics(this.healthUrl, names)
  }

  /** Have every thread collect its garbage, soon; only with `isCollectable`. */
  collectGarbage(): void {
    collectGarbage(this.child)
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** It is told to stop, and takes its time. */
  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill(signal)
    await exited
  }
}
