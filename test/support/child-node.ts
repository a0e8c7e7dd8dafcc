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
    readonly wsUrl: string,
    readonly apiUrl: string,
    readonly nodeId: string,
  ) {}

  static async start(test: Teardown, env: Record<string, string>): Promise<ChildNode> {
    const [wsPort, apiPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
    const settings = testEnv({ ...env, WS_PORT: String(wsPort), API_PORT: String(apiPort) })
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    endsWithThisProcess(child)
    const apiUrl = `http://127.0.0.1:${apiPort}`
    const node = new ChildNode(child, `ws://127.0.0.1:${wsPort}`, apiUrl, settings.NODE_ID!)
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

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }
}
