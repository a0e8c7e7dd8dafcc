/**
 * Real Redis servers for tests: one, or a Cluster of three masters, on free ports of the loopback address, with
 * nothing on disk that outlives them. REDIS_SERVER names another binary than the `redis-server` of the PATH.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import type { Endpoint } from '../../src/net/redis-url.js'
import type { RedisAccess } from '../../src/store/redis/server/options.js'
import { endsWithThisProcess, removeFolder, temporaryFolder } from './leftovers.js'
import { adminOptions, type Guard, guardAccess, guardArgs, guardCommands } from './redis-guard.js'

export interface RedisServer {
  /** How a store gets in. */
  access: RedisAccess
  url: string
  port: number
  /** The port that a store uses: that of TLS where there is any. */
  servedPort: number
  /** The port of the bus of a Cluster. */
  busPort: number
  /** Where it saves. */
  folder: string
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
  /** How a store gets in. */
  access: RedisAccess
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
/** A port that was free may be taken a moment later, by another test. */
const START_ATTEMPTS = 3
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
  const answer = until(
    `redis-server answers on port ${port}`,
    async () => child.exitCode !== null || answers(port),
  )
  await Promise.race([failed, answer])
  if (child.exitCode !== null)
    throw new Error(`redis-server ended with ${child.exitCode}, port ${port}: may be taken`)
  return child
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** `extra`: arguments of the server. */
export async function startRedis(extra: string[] = [], guard: Guard = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnFreePorts(extra, guard)
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error
    }
  }
}

async function startOnFreePorts(extra: string[], guard: Guard): Promise<RedisServer> {
  const dir = temporaryFolder('redis')
  const [port, tlsPort, busPort] = (await freePorts('127.0.0.1', 3)) as [number, number, number]
  const servedPort = guard.tls ? tlsPort : port
  const clients: Redis[] = []
  const start = async () => {
    // The usual port of the bus, 10,000 above, is one of those that any connection may get.
    const more = ['--cluster-port', String(busPort), ...extra, ...guardArgs(guard, servedPort)]
    const started = await launch(port, dir, more)
    const asAdmin = new Redis({ port, host: '127.0.0.1', ...adminOptions(guard) })
    for (const [name = '', ...args] of guardCommands(guard)) await asAdmin.call(name, ...args)
    asAdmin.disconnect()
    return started
  }
  let child = await start()
  return {
    access: { url: `redis${guard.tls ? 's' : ''}://127.0.0.1:${servedPort}`, ...guardAccess(guard) },
    url: `redis://127.0.0.1:${port}`,
    port,
    servedPort,
    busPort,
    folder: dir,
    get pid() {
      return child.pid!
    },
    client() {
      const client = new Redis({ port, host: '127.0.0.1', ...adminOptions(guard) })
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: () => end(child),
    async restart() {
      await end(child)
      child = await start()
    },
    async stop() {
      for (const client of clients) client.disconnect()
      await end(child)
      removeFolder(dir)
    },
  }
}

export interface ClusterForm {
  /** One for each master, which takes its place some seconds after it died. */
  replicas?: boolean
  guard?: Guard
  /** What servers say of their address; `unreachable`: an address where nobody listens, which a map makes good. */
  announces?: 'address' | 'nothing' | 'unreachable'
}

export async function startRedisCluster(form: ClusterForm = {}): Promise<RedisCluster> {
  const { replicas = false, guard = {}, announces = 'address' } = form
  const options = [
    '--cluster-enabled',
    'yes',
    ...(announces === 'nothing' ? ['--cluster-preferred-endpoint-type', 'unknown-endpoint'] : []),
    ...(guard.tls ? ['--tls-cluster', 'yes'] : []),
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
  const servers = await startAll(count, () => startRedis(options, guard))
  const masters = servers.slice(0, MASTERS)
  const clients: Cluster[] = []
  const natMap = new Map<string, Endpoint>()
  const stopAll = () => Promise.all(servers.map((server) => server.stop()))
  try {
    await join(servers)
    if (announces === 'unreachable') await announceUnreachable(servers, natMap)
  } catch (error) {
    await stopAll()
    throw error
  }
  return {
    access: {
      ...guardAccess(guard),
      clusterNodes: masters.map((master) => `127.0.0.1:${master.servedPort}`),
      natMap,
    },
    nodes: masters.map((master) => `127.0.0.1:${master.servedPort}`).join(),
    masters,
    replicas: servers.slice(MASTERS),
    client() {
      const redisOptions = adminOptions(guard, guard.tls)
      const client = new Cluster(
        masters.map(({ servedPort }) => ({ host: '127.0.0.1', port: servedPort })),
        { redisOptions, natMap: (key) => natMap.get(key) ?? null },
      )
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

/** All, or none: those that did start are stopped when one could not. */
async function startAll(count: number, start: () => Promise<RedisServer>): Promise<RedisServer[]> {
  const starts = await Promise.allSettled(Array.from({ length: count }, start))
  const servers = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failed = starts.find((each) => each.status === 'rejected')
  if (failed === undefined) return servers
  await Promise.all(servers.map((server) => server.stop()))
  throw failed.reason
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
  for (const { servedPort, busPort } of servers.slice(1))
    await each[0]!.call('CLUSTER', 'MEET', '127.0.0.1', servedPort, busPort)
  for (const client of each) {
    await until('the Cluster is complete', async () => {
      const info = String(await client.call('CLUSTER', 'INFO'))
      // A Cluster that needs no full coverage is ok before a server has heard of all slots.
      return (
        info.includes('cluster_state:ok') &&
        info.includes(`cluster_slots_ok:${SLOTS}`) &&
        info.includes(`cluster_known_nodes:${servers.length}`)
      )
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

/** Let each server announce a port where nobody listens. Between themselves they know the true one of their bus. */
async function announceUnreachable(
  servers: readonly RedisServer[],
  natMap: Map<string, Endpoint>,
): Promise<void> {
  const announced = await freePorts('127.0.0.1', servers.length)
  for (const [i, { servedPort, busPort, client }] of servers.entries()) {
    natMap.set(`127.0.0.1:${announced[i]}`, { host: '127.0.0.1', port: servedPort })
    await client().config('SET', 'cluster-announce-bus-port', busPort)
    await client().config('SET', 'cluster-announce-port', announced[i]!)
  }
  for (const { client } of servers) {
    await until('all know what the others announce', async () => {
      const known = String(await client().call('CLUSTER', 'NODES'))
      return announced.every((port) => known.includes(`:${port}@`))
    })
  }
}
