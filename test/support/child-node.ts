/** A node in a process of its own, started as an operator would, so that it can be stopped in the middle of things. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../src/gateway/transport/port-check.js'
import { endsWithThisProcess } from './leftovers.js'
import { type Teardown, testEnv } from './node.js'
import { until } from './redis.js'

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url))

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

  get pid(): number {
    return this.child.pid!
  }

  /** On free ports, or on that of WS_PORT. */
  static async start(test: Teardown, env: Record<string, string>): Promise<ChildNode> {
    const [wsPort, apiPort] = [
      Number(env.WS_PORT ?? (await freePort('127.0.0.1'))),
      await freePort('127.0.0.1'),
    ]
    const healthPort = await freePort('127.0.0.1')
    const settings = testEnv({
      ...env,
      WS_PORT: String(wsPort),
      API_PORT: String(apiPort),
      HEALTH_PORT: String(healthPort),
    })
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    endsWithThisProcess(child)
    const apiUrl = `http://127.0.0.1:${apiPort}`
    const node = new ChildNode(child, wsPort, apiUrl, healthPort, settings.NODE_ID!)
    test.teardown(() => node.kill())
    await until('the node is ready', async () => (await fetch(`${apiUrl}/readyz`)).ok)
    return node
  }

  /** It hangs, all threads at once. */
  freeze(): void {
    this.child.kill('SIGSTOP')
  }

  thaw(): void {
    this.child.kill('SIGCONT')
  }

  async metricsText(): Promise<string> {
    return (await fetch(`${this.apiUrl}/metrics`)).text()
  }

  /** The sum of a metric over all its labels. */
  async metric(name: string): Promise<number> {
    const text = await this.metricsText()
    const lines = text.split('\n').filter((line) => /^\w+/.exec(line)?.[0] === name)
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
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
