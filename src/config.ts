/**
 * Loads and checks every setting. Nothing else reads values of the environment.
 *
 * Blanks around a value do not count, and an empty variable counts as unset, as in most compose files.
 */
import { availableParallelism, hostname } from 'node:os'
import { BadSettingError } from './errors.js'
import type { Setting } from './setting-kinds.js'
import { BY_THE_MACHINE, settings } from './settings.js'

type Value<K extends keyof typeof settings> = (typeof settings)[K] extends Setting<infer T> ? T : never
type Values = { readonly [K in keyof typeof settings]: Value<K> }

/** Every setting, checked. Frozen and plain: it may be posted to other threads. */
export interface Config extends Values {
  /** No secret was given and none is needed: `authSecret` is empty until `withAuthSecret` puts one in. */
  readonly developmentMode: boolean
  /** Else the store is the embedded one, and no other node is there. */
  readonly usesRedis: boolean
}

/** Enough to spread users evenly over threads. With 16 a login costs 6 % more CPU (`bench/SPEED.md`). */
const SHARDS_PER_THREAD = 4
/** The life of a record where its readers know of leases: renewals are rare. */
const LEASED_TTL_S = 43_200
/** The same as OpenIM's own: to its services an entry that has not expired is a device to be reached. */
const OPENIM_TTL_S = 1_800

/** With fewer cores a thread more only makes a change pass one more (`threads` in `bench/RESULTS.md`). */
const CORES_FOR_SHARD_THREADS = 4

/** What some defaults depend on. */
export interface Machine {
  hostname: string
  pid: number
  cores: number
}

function thisMachine(): Machine {
  return { hostname: hostname(), pid: process.pid, cores: availableParallelism() }
}

/**
 * Check every setting and every relation between them.
 * Throws BadSettingError, whose message has a line for each fault; no line repeats a secret.
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>>,
  machine: Machine = thisMachine(),
): Config {
  const { values, faults } = readRows(env)
  const usesRedis = values.redisUrl !== '' || values.redisClusterNodes.length > 0
  const mayGoWithoutSecret = isLoopback(values.host) && !usesRedis && !isProduction(env.NODE_ENV)
  const shardThreads =
    values.shardThreads === BY_THE_MACHINE ? defaultShardThreads(machine) : values.shardThreads
  const config: Config = {
    ...values,
    shardThreads,
    presenceShards:
      values.presenceShards || threadsWithShards({ ...values, shardThreads }) * SHARDS_PER_THREAD,
    nodeId: values.nodeId || defaultNodeId(machine, values.wsPort),
    presenceTtlS: values.presenceTtlS || (values.openimCompat ? OPENIM_TTL_S : LEASED_TTL_S),
    developmentMode: values.authSecret === '' && mayGoWithoutSecret,
    usesRedis,
  }
  // A relation says nothing while one of its sides is at fault itself.
  const broken = relations.filter(({ of, holds }) => !of.some((name) => faults.has(name)) && !holds(config))
  const lines = [...faults.values(), ...broken.map(({ sentence }) => sentence)]
  if (lines.length > 0) throw new BadSettingError(lines.join('\n'))
  return deepFreeze(config)
}

function readRows(env: Readonly<Record<string, string | undefined>>) {
  const values: Record<string, unknown> = {}
  const faults = new Map<string, string>()
  for (const [name, row] of Object.entries<Setting<unknown>>(settings)) {
    const given = env[row.env]?.trim() || row.default
    values[name] = row.absent
    if (given === undefined) continue
    const parsed = row.schema.safeParse(given)
    if (parsed.success) values[name] = parsed.data
    else faults.set(name, describeFault(row, given, parsed.error.issues[0]?.message))
  }
  // Each row's own schema made its value, or its own kind the value for an absent one.
  return { values: values as unknown as Values, faults }
}

/** The same settings with a signing secret: how development mode's own secret gets in. */
export function withAuthSecret(config: Config, authSecret: string): Config {
  return deepFreeze({ ...config, authSecret })
}

/** The settings as a Markdown table, in the order of the rows. */
export function configTable(): string {
  const lines = Object.values<Setting<unknown>>(settings).map((row) => {
    const byDefault = row.defaultDoc ?? (row.default === undefined ? 'none' : `\`${row.default}\``)
    return `| \`${row.env}\` | ${byDefault} | ${row.doc} Expected: ${row.expected}. |`
  })
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...lines].join('\n')
}

interface Relation {
  of: readonly (keyof Values)[]
  holds(config: Config): boolean
  sentence: string
}

const relations: readonly Relation[] = [
  {
    of: ['redisUrl', 'redisClusterNodes'],
    holds: (config) => config.redisUrl === '' || config.redisClusterNodes.length === 0,
    sentence: 'REDIS_URL and REDIS_CLUSTER_NODES are both set: set one of them.',
  },
  {
    of: ['authSecret', 'host', 'redisUrl', 'redisClusterNodes'],
    holds: (config) => config.authSecret !== '' || config.developmentMode,
    sentence:
      'AUTH_SECRET is not set: set it. Only development mode goes without (HOST is a loopback address, no Redis ' +
      `is set, NODE_ENV is not production). Expected ${settings.authSecret.expected}.`,
  },
  {
    of: ['authAlgorithm', 'authPublicKeys'],
    holds: (config) => config.authAlgorithm === 'HS256' || config.authPublicKeys !== '',
    sentence:
      'AUTH_PUBLIC_KEYS is not set: AUTH_ALGORITHM RS256 or ES256 checks tokens with the keys of that file.',
  },
  {
    of: ['authAlgorithm', 'authPublicKeys', 'authPrivateKey'],
    holds: (config) =>
      config.authAlgorithm !== 'HS256' || (config.authPublicKeys === '' && config.authPrivateKey === ''),
    sentence:
      'AUTH_PUBLIC_KEYS and AUTH_PRIVATE_KEY go with AUTH_ALGORITHM RS256 or ES256: HS256 signs and checks tokens ' +
      'with AUTH_SECRET alone.',
  },
  {
    of: ['presenceShards', 'shardThreads', 'ioThreads'],
    holds: (config) => config.presenceShards >= threadsWithShards(config),
    sentence:
      'PRESENCE_SHARDS must be at least SHARD_THREADS, or IO_THREADS where that is 0: each of these threads has some.',
  },
  {
    of: ['inflatedBytesMax', 'messageBytesMax'],
    holds: (config) => config.inflatedBytesMax >= config.messageBytesMax,
    sentence: 'INFLATED_BYTES_MAX must be at least MESSAGE_BYTES_MAX.',
  },
  {
    of: ['backpressureBytesMax', 'messageBytesMax'],
    holds: (config) => config.backpressureBytesMax >= config.messageBytesMax,
    sentence: 'BACKPRESSURE_BYTES_MAX must be at least MESSAGE_BYTES_MAX: one long message must fit.',
  },
  {
    of: ['apiConnectionsPerAddressMax', 'apiConnectionsMax'],
    holds: (config) => config.apiConnectionsPerAddressMax <= config.apiConnectionsMax,
    sentence: 'API_CONNECTIONS_PER_ADDRESS_MAX must be at most API_CONNECTIONS_MAX.',
  },
  {
    of: ['mergeIntervalMs', 'presenceTtlS'],
    holds: (config) => config.mergeIntervalMs * 3 <= config.presenceTtlS * 1000,
    sentence: 'MERGE_INTERVAL_MS must be at most a third of PRESENCE_TTL_S: renewals wait that long too.',
  },
  {
    of: ['mergeIntervalMs', 'watchTtlS'],
    holds: (config) => config.mergeIntervalMs * 3 <= config.watchTtlS * 1000,
    sentence: 'MERGE_INTERVAL_MS must be at most a third of WATCH_TTL_S: renewals wait that long too.',
  },
  {
    of: ['nodeLeaseMs', 'presenceTtlS'],
    holds: (config) => config.nodeLeaseMs <= config.presenceTtlS * 1000,
    sentence: 'NODE_LEASE_MS must be at most PRESENCE_TTL_S.',
  },
  {
    of: ['wsPort', 'apiPort'],
    holds: (config) => config.wsPort === 0 || config.wsPort !== config.apiPort,
    sentence: 'WS_PORT and API_PORT must differ, or be 0.',
  },
  {
    of: ['transport', 'ioThreads'],
    holds: (config) => config.transport !== 'ws' || config.ioThreads === 1,
    sentence: 'IO_THREADS must be 1 with TRANSPORT=ws: that transport cannot share a port between threads.',
  },
  {
    of: ['allowedOrigins'],
    holds: (config) => config.allowedOrigins.length < 2 || !config.allowedOrigins.includes('*'),
    sentence: 'ALLOWED_ORIGINS must be either * or a list of origins, not both.',
  },
]

function defaultShardThreads({ cores }: Machine): number {
  return cores < CORES_FOR_SHARD_THREADS ? 0 : 1
}

function threadsWithShards({ ioThreads, shardThreads }: Pick<Config, 'ioThreads' | 'shardThreads'>): number {
  return shardThreads || ioThreads
}

function isProduction(nodeEnv: string | undefined): boolean {
  return nodeEnv?.trim().toLowerCase() === 'production'
}

function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i.test(address)
}

/** Port 0 names no port that the other nodes of this machine lack, so the process ID stands in. */
function defaultNodeId(machine: Machine, wsPort: number): string {
  const suffix = wsPort === 0 ? `-p${machine.pid}` : `-${wsPort}`
  const name = machine.hostname.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 64 - suffix.length)
  return (name || 'node') + suffix
}

function describeFault(row: Setting<unknown>, given: string, reason: string | undefined): string {
  const shown = given.length > 60 ? `${given.slice(0, 60)}...` : given
  const isWhat = row.secret ? `is refused (${reason})` : `is ${JSON.stringify(shown)}`
  return `${row.env} ${isWhat}; expected ${row.expected}.`
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
