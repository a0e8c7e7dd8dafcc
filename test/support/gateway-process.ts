/** The gateway as its own process, started and ended as supervisors do it. */
import { type ChildProcess, type StdioOptions, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { Platform } from '../../src/openim/platforms.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { endsWithThisProcess, temporaryFolder } from './leftovers.js'
import { SECRET, type Teardown } from './node.js'

export const MAIN = fileURLToPath(new URL('../../server/main.js', import.meta.url))

/** Longer than a start takes on a machine with much else to do, shorter than the test runner's patience. */
const TIMEOUT_MS = 150_000

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Launch {
  env?: Record<string, string>
  args?: string[]
  cwd?: string
  stdio?: StdioOptions
  /** What is run; default: node with the compiled entry. */
  command?: string[]
}

export class GatewayProcess {
  readonly exit: Promise<Exit>
  #output = ''

  private constructor(
    readonly child: ChildProcess,
    readonly wsPort: number,
    readonly apiPort: number,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    }
    this.exit = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })))
  }

  /** On free ports, with a secret and a folder of its own. */
  static async launch(test: Teardown, launch: Launch = {}): Promise<GatewayProcess> {
    const [wsPort, apiPort] = (await freePorts('127.0.0.1', 2)) as [number, number]
    const cwd = launch.cwd ?? temporaryFolder('gateway')
    const ports = { WS_PORT: `${wsPort}`, API_PORT: `${apiPort}` }
    // Whoever is given a token is a user, as in development mode.
    const env = { ...ports, AUTH_SECRET: SECRET, USERS: 'open', ...launch.env }
    const command = launch.command ?? [process.execPath, MAIN]
    // The test runner has children load a module of its own, which hears signals before the gateway does.
    const child = spawn('env', ['-u', 'NODE_OPTIONS', ...command, ...(launch.args ?? [])], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, ...env },
      stdio: launch.stdio ?? ['ignore', 'pipe', 'pipe'],
      // With what it starts: npm, when it is killed, would leave the gateway behind.
      detached: true,
    })
    endsWithThisProcess(child)
    test.teardown(() => killGroup(child.pid!))
    return new GatewayProcess(child, wsPort, apiPort)
  }

  static async ready(test: Teardown, launch: Launch = {}): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.launch(test, launch)
    await gateway.isReady()
    return gateway
  }

  /** Standard output and error. */
  get output(): string {
    return this.#output
  }

  async isReady(): Promise<void> {
    await this.#until('ready', async () => (await this.readiness()).status === 200)
  }

  async says(pattern: RegExp): Promise<void> {
    await this.#until(`${pattern}`, () => pattern.test(this.#output))
  }

  async #until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
    const deadlineMs = Date.now() + TIMEOUT_MS
    while (!(await holds())) {
      if (this.child.exitCode !== null || Date.now() > deadlineMs) {
        throw new Error(`not ${what}; it said:\n${this.#output}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** `status` 0 = nobody answers. */
  async readiness(): Promise<{ status: number; body: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.apiPort}/readyz`)
      return { status: response.status, body: await response.text() }
    } catch {
      return { status: 0, body: '' }
    }
  }

  async login(userId: string, secret = SECRET): Promise<OpenimClient> {
    const token = await new Admin(`http://127.0.0.1:${this.apiPort}`, secret).userToken(
      userId,
      Platform.Android,
    )
    return OpenimClient.connect({
      url: `ws://127.0.0.1:${this.wsPort}`,
      token,
      userId,
      platformId: Platform.Android,
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

/** Begins a command as process 1 of a PID namespace; undefined where that is not allowed. */
export function asProcessOne(): string[] | undefined {
  const ways = [[], ['--user', '--map-root-user']].map((way) => [
    'unshare',
    ...way,
    '--pid',
    '--fork',
    '--mount-proc',
  ])
  return ways.find(([file, ...args]) => spawnSync(file!, [...args, 'true']).status === 0)
}

/** The only child of a process; undefined before there is one. */
export function childOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()) || undefined
  } catch {
    return undefined
  }
}

/**
 * Whether the entry of a gateway hears signals yet. Node itself catches SIGTERM from the beginning, to die of it; SIGHUP
 * is the last one that the entry catches. Before that, in the first 50 ms or so, nobody can help process 1.
 */
export function hearsSignals(pid: number): boolean {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  // Between fork and exec it has the handlers of its parent still.
  if (!read('cmdline').startsWith(`${process.execPath}\0${MAIN}`)) return false
  const caught = BigInt(`0x${/^SigCgt:\s*([0-9a-f]+)$/m.exec(read('status'))?.[1] ?? '0'}`)
  return (caught & (1n << BigInt(constants.signals.SIGHUP - 1))) !== 0n
}
