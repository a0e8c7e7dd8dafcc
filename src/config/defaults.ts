/** Defaults that depend on the machine or on other settings. */
import { availableParallelism, hostname } from 'node:os'
import { WORKED_OUT } from './kinds.js'
import type { Config, Values } from './settings.js'

/** Enough to spread users evenly over threads. With 16 a login costs 6 % more CPU (`bench/SPEED.md`). */
const SHARDS_PER_THREAD = 4
/** Lifetime of a presence record where all readers go by leases: renewals are rare. */
const LEASED_TTL_S = 43_200
/** OpenIM's own lifetime: its services take every entry that has not expired for a device that is online. */
const OPENIM_TTL_S = 1_800

/** With fewer cores, threads for shards only add a crossing to each change (`threads` in `bench/RESULTS.md`). */
const CORES_FOR_SHARD_THREADS = 4

/** A watched user takes a KiB; half of the heap of a thread with shards is for them. */
const WATCHED_USERS_PER_HEAP_MB = 512

/** The facts of the machine that defaults depend on. */
export interface Machine {
  hostname: string
  pid: number
  cores: number
}

export function thisMachine(): Machine {
  return { hostname: hostname(), pid: process.pid, cores: availableParallelism() }
}

/** The given settings, with the missing ones worked out. */
export function withDefaults(values: Values, machine: Machine, nodeEnv: string | undefined): Config {
  const usesRedis =
    values.redisUrl !== '' || values.redisClusterNodes.length > 0 || values.redisSentinels.length > 0
  const mayGoWithoutSecret = isLoopback(values.host) && !usesRedis && !isProduction(nodeEnv)
  const orElse = (value: number, byDefault: () => number) => (value === WORKED_OUT ? byDefault() : value)
  const shardThreads = orElse(values.shardThreads, () => defaultShardThreads(machine))
  const threads = { ...values, shardThreads }
  const developmentMode = values.authSecret === '' && mayGoWithoutSecret
  return {
    ...threads,
    healthPort: orElse(values.healthPort, () => defaultHealthPort(values)),
    watchedUsersMax: orElse(values.watchedUsersMax, () => watchedUsersThatFit(threads)),
    presenceShards: values.presenceShards || threadsWithShards(threads) * SHARDS_PER_THREAD,
    nodeId: values.nodeId || defaultNodeId(machine, values.wsPort),
    presenceTtlS: values.presenceTtlS || (values.openimCompat ? OPENIM_TTL_S : LEASED_TTL_S),
    developmentMode,
    usesRedis,
    servesMessages:
      values.messages === 'on' || (values.messages === 'auto' && (values.databaseUrl !== '' || !usesRedis)),
    isOpenToAll: values.users === 'open' || (values.users === 'auto' && developmentMode),
  }
}

function defaultShardThreads({ cores }: Machine): number {
  return cores < CORES_FOR_SHARD_THREADS ? 0 : 1
}

/** The last port but one: HEALTH_PORT takes the next one where WS_PORT is in its way. */
const PORT_MAX = 65_534
const HEALTH_PORT_DISTANCE = 1_000

function defaultHealthPort({ apiPort, wsPort }: Pick<Config, 'apiPort' | 'wsPort'>): number {
  if (apiPort === 0) return 0
  const port = apiPort + (apiPort + HEALTH_PORT_DISTANCE > PORT_MAX ? -1 : 1) * HEALTH_PORT_DISTANCE
  return port === wsPort ? port + 1 : port
}

export function threadsWithShards({
  ioThreads,
  shardThreads,
}: Pick<Config, 'ioThreads' | 'shardThreads'>): number {
  return shardThreads || ioThreads
}

export function watchedUsersThatFit(
  config: Pick<Config, 'threadHeapMb' | 'ioThreads' | 'shardThreads'>,
): number {
  return config.threadHeapMb * WATCHED_USERS_PER_HEAP_MB * threadsWithShards(config)
}

function isProduction(nodeEnv: string | undefined): boolean {
  return nodeEnv?.trim().toLowerCase() === 'production'
}

function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i.test(address)
}

/** The port tells nodes of one machine apart; with port 0 the process ID does. */
function defaultNodeId(machine: Machine, wsPort: number): string {
  const suffix = wsPort === 0 ? `-p${machine.pid}` : `-${wsPort}`
  const name = machine.hostname.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 64 - suffix.length)
  return (name || 'node') + suffix
}
