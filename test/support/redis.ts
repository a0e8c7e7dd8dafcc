/**
 * Real Redis servers for tests: one, or a Cluster of three masters, on free ports of the loopback address, with
 * nothing on disk that outlives them. REDIS_SERVER names another binary than the `redis-server` of the PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { freePort } from '../../src/gateway/transport/port-check.js'
import { endsWithThisProcess, removeFolder, temporaryFolder } from './leftovers.js'

export interface RedisServer {
  url: string
  port: number
  pid: number
  /** It hangs; `thaw` ends that. */
  freeze(): void
  thaw(): void
  /** A new client; `stop` ends it. */
  client(): Redis
  /** Ends the process as a crash would, and starts it anew, empty, on the same port. */
  restart(): Promise<void>
  /** Ends the process as a crash would. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export interface RedisCluster {
  /** `host:port` of all masters, separated by commas. */
  nodes: string
  masters: RedisServer[]
  /** In the order of their masters; none unless asked for. */
  replicas: RedisServer[]
  /** A new client; `stop` ends it. */
  client(): Cluster
  stop(): Promise<void>
}

const READY_WITHIN_MS = 20_000
const MASTERS = 3
const SLOTS = 16_384

/** Ask again and again until the answer is true; what it asks may also fail for a while. */
export async function until(
  what: string,
  condition: () => unknown,
  withinMs = READY_WITHIN_MS,
): Promise<void> {
  const deadline = performance.now() + withinMs
  let last: unknown
  for (;;) {
    try {
      if (await condition()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > deadline)
      throw new Error(`Not within ${withinMs} ms: ${what} (${last ?? 'false'})`)
    await sleep(10)
  }
}

/** Whether a server is there and ready, also one that asks for a password first. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return /^(\+PONG|-NOAUTH)/.test(answer.toString())
  } finally {
    socket.destroy()
  }
}

async function launch(port: number, dir: string, extra: string[]): Promise<ChildProcess> {
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const child = spawn(process.env.REDIS_SERVER ?? 'redis-server', [...args, ...extra], { stdio: 'ignore' })
  endsWithThisProcess(child)
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  await Promise.race([failed, until(`redis-server answers on port ${port}`, () => answers(port))])
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

export async function startRedis(extra: string[] = []): Promise<RedisServer> {
  const dir = temporaryFolder('redis')
  const port = await freePort('127.0.0.1')
  const clients: Redis[] = []
  let child = await launch(port, dir, extra)
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid!
    },
    client() {
      const client = new Redis({ port, host: '127.0.0.1' })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: () => end(child),
    async restart() {
      await end(child)
      child = await launch(port, dir, extra)
    },
    async stop() {
      for (const client of clients) client.disconnect()
      await end(child)
      removeFolder(dir)
    },
  }
}

/** `replicas`: one for each master, which takes its place some seconds after it died. */
export async function startRedisCluster({ replicas = false } = {}): Promise<RedisCluster> {
  const options = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-node-timeout',
    '2000',
    // A master that is away takes its own slots with it, not the whole Cluster.
    '--cluster-require-full-coverage',
    'no',
    '--repl-diskless-sync-delay',
    '0',
  ]
  const count = replicas ? 2 * MASTERS : MASTERS
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis(options)))
  const masters = servers.slice(0, MASTERS)
  const clients: Cluster[] = []
  const stopAll = () => Promise.all(servers.map((server) => server.stop()))
  try {
    await join(servers)
  } catch (error) {
    await stopAll()
    throw error
  }
  return {
    nodes: masters.map((master) => `127.0.0.1:${master.port}`).join(),
    masters,
    replicas: servers.slice(MASTERS),
    client() {
      const client = new Cluster(masters.map(({ port }) => ({ host: '127.0.0.1', port })))
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    async stop() {
      for (const client of clients) client.disconnect()
      await stopAll()
    },
  }
}

/** Make one Cluster of them: the first become masters, each of the others a replica of one. */
async function join(servers: readonly RedisServer[]): Promise<void> {
  const each = servers.map((server) => server.client())
  const masters = each.slice(0, MASTERS)
  for (const [i, client] of masters.entries()) {
    const first = Math.floor((i * SLOTS) / MASTERS)
    const last = Math.floor(((i + 1) * SLOTS) / MASTERS) - 1
    await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last)
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
  }
  for (const other of servers.slice(1)) await each[0]!.call('CLUSTER', 'MEET', '127.0.0.1', other.port)
  for (const client of each) {
    await until('the Cluster is complete', async () => {
      const info = String(await client.call('CLUSTER', 'INFO'))
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${servers.length}`)
    })
  }
  for (const [i, replica] of each.slice(MASTERS).entries()) {
    const id = await masters[i]!.call('CLUSTER', 'MYID')
    await until('a replica has found its master', () => replica.call('CLUSTER', 'REPLICATE', String(id)))
    await until('it has what its master has', async () =>
      (await replica.info('replication')).includes('master_link_status:up'),
    )
  }
}
