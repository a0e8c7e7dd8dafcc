/** A master with a replica and three Sentinels that watch over them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePorts } from '../../src/doors/websocket/transport/port-check.js'
import type { RedisAccess } from '../../src/store/redis/server/options.js'
import { certificates } from './certificates.js'
import { endsWithThisProcess, removeFolder, temporaryFolder } from './leftovers.js'
import { type RedisServer, startRedis, until } from './redis.js'
import { ADMIN, adminOptions, type Guard, guardAccess } from './redis-guard.js'

const NAME = 'main'
const SENTINELS = 3
const FAIL_OVER_TIMEOUT_MS = 5_000
/** By then an attempt that came to nothing is over. */
const ATTEMPT_MS = 3 * FAIL_OVER_TIMEOUT_MS
const ATTEMPTS = 3
const SENTINEL_PASSWORD = 'of the sentinels'

export interface RedisSentinel {
  /** How a store gets in. */
  access: RedisAccess
  master: RedisServer
  replica: RedisServer
  /** The port of the server that Sentinel takes for the master. */
  masterPort(): Promise<number>
  /** Have the replica take over while both live. */
  failOver(): Promise<void>
  /** End one of the Sentinels. */
  loseSentinel(): void
  stop(): Promise<void>
}

export async function startRedisSentinel(guard: Guard = {}): Promise<RedisSentinel> {
  const linked = [
    ...(guard.tls ? ['--tls-replication', 'yes'] : []),
    ...(guard.rules ? ['--masteruser', ADMIN, '--masterauth', 'any'] : []),
  ]
  const master = await startRedis(['--repl-diskless-sync-delay', '0', ...linked], guard)
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.servedPort), ...linked], guard)
  const replicaClient = replica.client()
  await until('the replica follows', async () =>
    (await replicaClient.info('replication')).includes('master_link_status:up'),
  )
  const folder = temporaryFolder('sentinel')
  const ports = await freePorts('127.0.0.1', SENTINELS)
  const children = ports.map((port) => launchSentinel(folder, port, master.servedPort, guard))
  const { tls } = adminOptions(guard, guard.tls)
  const clients = ports.map((port) => new Redis({ port, password: SENTINEL_PASSWORD, ...(tls && { tls }) }))
  for (const client of clients) client.on('error', () => {})
  const stop = async () => {
    for (const client of clients) client.disconnect()
    await Promise.all(children.map(end))
    removeFolder(folder)
    await Promise.all([master.stop(), replica.stop()])
  }
  const masterPort = async () => {
    const address = (await clients[0]!.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[]
    return Number(address[1])
  }
  try {
    for (const client of clients) {
      await until('the Sentinels know each other and the replica', async () => {
        const fields = (await client.call('SENTINEL', 'MASTER', NAME)) as string[]
        const field = (name: string) => Number(fields[fields.indexOf(name) + 1])
        return field('num-other-sentinels') === SENTINELS - 1 && field('num-slaves') === 1
      })
    }
  } catch (error) {
    await stop()
    throw error
  }
  return {
    access: {
      ...guardAccess(guard),
      sentinels: ports.map((port) => `127.0.0.1:${port}`),
      sentinelName: NAME,
      sentinelPassword: SENTINEL_PASSWORD,
    },
    master,
    replica,
    masterPort,
    failOver: async () => {
      const isOver = async () => (await masterPort()) === replica.servedPort
      // Where processes wait long for their turn, Sentinel gives an attempt up, and begins no other of its own accord.
      for (let attempt = 1; ; attempt++) {
        await until('Sentinel begins', () => clients[0]!.call('SENTINEL', 'FAILOVER', NAME).catch(isOver))
        try {
          return await until('the replica is the master', isOver, ATTEMPT_MS)
        } catch (error) {
          if (attempt === ATTEMPTS) throw error
        }
      }
    },
    loseSentinel: () => void children.at(-1)!.kill('SIGKILL'),
    stop,
  }
}

function launchSentinel(folder: string, port: number, masterPort: number, guard: Guard): ChildProcess {
  const file = join(folder, `${port}.conf`)
  const lines = [
    ...(guard.tls ? [`port 0`, ...tlsLines(port, guard)] : [`port ${port}`]),
    'bind 127.0.0.1',
    `dir ${folder}`,
    `requirepass "${SENTINEL_PASSWORD}"`,
    `sentinel sentinel-pass "${SENTINEL_PASSWORD}"`,
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} ${FAIL_OVER_TIMEOUT_MS}`,
    ...(guard.rules ? [`sentinel auth-user ${NAME} ${ADMIN}`, `sentinel auth-pass ${NAME} any`] : []),
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child = spawn(process.env.REDIS_SERVER ?? 'redis-server', [file, '--sentinel'], { stdio: 'ignore' })
  endsWithThisProcess(child)
  return child
}

function tlsLines(port: number, { tls }: Guard): string[] {
  const { ca, serverCert, serverKey } = certificates()
  return [
    `tls-port ${port}`,
    `tls-ca-cert-file ${ca}`,
    `tls-cert-file ${serverCert}`,
    `tls-key-file ${serverKey}`,
    `tls-auth-clients ${tls === 'mutual' ? 'yes' : 'no'}`,
    'tls-replication yes',
  ]
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
