/** A whole gateway in a process of its own, as an operator would start it. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { Admin } from '../../src/sdk/admin.js'
import { inParallel } from '../../test/support/in-parallel.js'
import type { Scope } from './scope.js'

const READY_MS = 20_000
const LOOK_MS = 25
const OUTPUT_LENGTH_MAX = 2_000
const MAIN = new URL('../../src/main.js', import.meta.url)
/** Tokens asked for at once. */
const TOKENS_IN_FLIGHT = 16

/** One secret for all gateways of a run, so that nodes take each other's tokens. */
export const GATEWAY_SECRET = randomBytes(32).toString('base64')

export interface Gateway {
  readonly wsPort: number
  readonly wsUrl: string
  readonly pid: number
  /** Ends the process as a crash would, and starts it anew on the same ports; resolves when it is ready. */
  restart(): Promise<void>
  /** Tokens of users of one platform, in order. */
  tokens(userIds: readonly string[], platformId: number): Promise<string[]>
  /** The sum of a metric over all its labels. */
  metric(name: string): Promise<number>
  /** Several at one time. */
  metrics<N extends string>(names: readonly N[]): Promise<Record<N, number>>
  /** Have every thread collect its garbage, soon; only with `collectable`. */
  collectGarbage(): void
}

interface Options {
  env?: Record<string, string>
  collectable?: boolean
  /** Put something into its data directory, which is its own, before it starts. */
  prepare?: (dataDir: string) => Promise<void>
}

/** Resolves when `/readyz` says so. Ended with the scope. */
export async function startGateway(
  scope: Scope,
  { env = {}, collectable = false, prepare = async () => {} }: Options = {},
): Promise<Gateway> {
  const cwd = scope.folder()
  const dataDir = join(cwd, 'data')
  await prepare(dataDir)
  const [wsPort, apiPort, healthPort] = (await freePorts('127.0.0.1', 3)) as [number, number, number]
  const settings = {
    PATH: process.env.PATH,
    WS_PORT: String(wsPort),
    API_PORT: String(apiPort),
    HEALTH_PORT: String(healthPort),
    DATA_DIR: dataDir,
    AUTH_SECRET: GATEWAY_SECRET,
    LOG_LEVEL: 'warn',
    // Not what is measured, and low enough by default to stop a crowd that comes at once.
    HANDSHAKES_PER_S_MAX: '1000000',
    MAX_CONNECTIONS_PER_ADDRESS: '100000',
    LOGINS_PER_MIN_PER_ADDRESS: '10000000',
    LOGINS_PER_MIN_PER_USER: '1000000',
    // Crowds are silent: nobody is to be taken for dead.
    READ_TIMEOUT_MS: '600000',
    ...env,
  }
  const apiUrl = `http://127.0.0.1:${apiPort}`
  const healthUrl = `http://127.0.0.1:${healthPort}`
  const launch = async () => {
    const child = scope.fork(MAIN, [], { cwd, execArgv: collectable ? COLLECTABLE : [], env: settings })
    explainWith(scope, child)
    await untilReady(child, apiUrl)
    return child
  }
  let child = await launch()
  const admin = new Admin(apiUrl, GATEWAY_SECRET)
  return {
    wsPort,
    wsUrl: `ws://127.0.0.1:${wsPort}`,
    get pid() {
      return child.pid!
    },
    restart: async () => {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
      child = await launch()
    },
    tokens: (userIds, platformId) =>
      inParallel(userIds, TOKENS_IN_FLIGHT, (userId) => admin.userToken(userId, platformId)),
    metric: async (name) => (await readMetrics(healthUrl, [name]))[name]!,
    metrics: (names) => readMetrics(healthUrl, names),
    collectGarbage: () => collectGarbage(child),
  }
}

/** Process options that let `collectGarbage` reach every thread of a child. */
export const COLLECTABLE = [
  '--expose-gc',
  '--import',
  new URL('./collect-on-signal.js', import.meta.url).href,
]

/** The child's threads hear of it in their own time; there is no answer to wait for. */
export function collectGarbage(child: ChildProcess): void {
  child.kill('SIGUSR2')
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  return memoryBytes(pid, 'VmRSS')
}

/** The most that it ever was. */
export function peakResidentBytes(pid: number): number {
  return memoryBytes(pid, 'VmHWM')
}

function memoryBytes(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(status)![1]) * 1024
}

/** CPU seconds that a process has used, all threads that still run, user and system. */
export function cpuSecondsOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce((sum, thread) => sum + onCpuNs(`/proc/${pid}/task/${thread}`), 0) / 1e9
  } catch {
    return countedCpuSecondsOf(pid)
  }
}

/** As the scheduler knows it. Not every kernel tells. */
function onCpuNs(thread: string): number {
  return Number(readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0])
}

/** Linux counts CPU time in hundredths of a second for everyone to see. */
const TICKS_PER_S = 100

function countedCpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name may hold blanks; what follows its parenthesis does not. `state` is field 3, `utime` 14, `stime` 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

/** A failure beside a gateway shows what the gateway said last. */
function explainWith(scope: Scope, child: ChildProcess): void {
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_LENGTH_MAX)
    })
  }
  scope.explanations.push(() => (output === '' ? '' : `the gateway said:\n${output}`))
}

async function untilReady(child: ChildProcess, apiUrl: string): Promise<void> {
  const deadlineMs = Date.now() + READY_MS
  while (Date.now() < deadlineMs && child.exitCode === null) {
    const isReady = await fetch(`${apiUrl}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new Error(`the gateway is not ready within ${READY_MS} ms`)
}

async function readMetrics<N extends string>(
  healthUrl: string,
  names: readonly N[],
): Promise<Record<N, number>> {
  const text = await (await fetch(`${healthUrl}/metrics`)).text()
  return Object.fromEntries(names.map((name) => [name, sumOf(name, text)])) as Record<N, number>
}

function sumOf(name: string, text: string): number {
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  if (values.length === 0) throw new Error(`the gateway has no metric ${name}`)
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}
