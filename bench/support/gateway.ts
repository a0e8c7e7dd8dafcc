/** A whole gateway in a process of its own, as an operator would start it. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import { Admin } from '../../src/sdk/admin.js'
import { CROWD_LIMITS } from '../../test/crowd/limits.js'
import { COLLECTABLE, collectGarbage } from '../../test/support/collectable.js'
import { inParallel } from '../../test/support/in-parallel.js'
import { readMetrics } from '../../test/support/metrics.js'
import type { Scope } from './scope.js'

const READY_MS = 20_000
const LOOK_MS = 25
const OUTPUT_LENGTH_MAX = 2_000
const MAIN = new URL('../../server/main.js', import.meta.url)
/** Tokens asked for at once. */
const TOKENS_IN_FLIGHT = 16

/** One secret for all gateways of a run, so that nodes take each other's tokens. */
export const GATEWAY_SECRET = randomBytes(32).toString('base64')

export interface Gateway {
  readonly wsPort: number
  readonly wsUrl: string
  readonly apiUrl: string
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
    ...CROWD_LIMITS,
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
    apiUrl,
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
