/**
 * Loads and checks every setting. Nothing else reads values of the environment.
 *
 * Blanks around a value do not count, and an empty variable counts as unset, as in most compose files. Every name may
 * be written with the prefix PORCHLIGHT_, and a secret may be in a file (`given-values.ts`).
 */
import { availableParallelism, hostname } from 'node:os'
import { BadSettingError } from '../errors/errors.js'
import { watchAnswerBytes, watchRequestBytes } from '../rules/presence/watch-list.js'
import { type Env, type Given, givenValue } from './given-values.js'
import { redisRelations } from './redis-settings.js'
import type { Setting } from './setting-kinds.js'
import { settings, WORKED_OUT } from './settings.js'

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

/** Of a thread with shards: half of its heap, where a watched user takes a KiB. */
const WATCHED_USERS_PER_HEAP_MB = 512

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
 * Throws BadSettingError, whose message has a line for each fault; no line repeats a secret. `ignored` hears of values
 * that are taken for another program's.
 */
export function loadConfig(
  env: Env,
  machine: Machine = thisMachine(),
  ignored: (note: string) => void = () => {},
): Config {
  const { values, faults } = readRows(env, machine.hostname, ignored)
  const usesRedis =
    values.redisUrl !== '' || values.redisClusterNodes.length > 0 || values.redisSentinels.length > 0
  const mayGoWithoutSecret = isLoopback(values.host) && !usesRedis && !isProduction(env.NODE_ENV)
  const shardThreads = values.shardThreads === WORKED_OUT ? defaultShardThreads(machine) : values.shardThreads
  const config: Config = {
    ...values,
    shardThreads,
    healthPort: values.healthPort === WORKED_OUT ? defaultHealthPort(values) : values.healthPort,
    watchedUsersMax:
      values.watchedUsersMax === WORKED_OUT
        ? watchedUsersThatFit({ ...values, shardThreads })
        : values.watchedUsersMax,
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

function readRows(env: Env, hostname: string, ignored: (note: string) => void) {
  const values: Record<string, unknown> = {}
  const faults = new Map<string, string>()
  for (const [name, row] of Object.entries<Setting<unknown>>(settings)) {
    const given = givenValue(env, row, hostname, ignored)
    values[name] = row.absent
    if (given.fault !== undefined) faults.set(name, given.fault)
    const value = given.value ?? row.default
    if (value === undefined) continue
    const parsed = row.schema.safeParse(value)
    if (parsed.success) values[name] = parsed.data
    else faults.set(name, describeFault(row, given, value, parsed.error.issues[0]?.message))
  }
  // Each row's own schema made its value, or its own kind the value for an absent one.
  return { values: values as unknown as Values, faults }
}

/** Where the gateway listens: the setting of each port, its address, and the port. */
export function portsOf(config: Config): [setting: string, host: string, port: number][] {
  return [
    [settings.wsPort.env, config.host, config.wsPort],
    [settings.apiPort.env, config.host, config.apiPort],
    [settings.healthPort.env, config.healthHost, config.healthPort],
  ]
}

/** The same settings with a signing secret: how development mode's own secret gets in. */
export function withAuthSecret(config: Config, authSecret: string): Config {
  return deepFreeze({ ...config, authSecret })
}

/** The settings as a Markdown table, in the order of the rows. */
export function configTable(): string {
  const lines = Object.values<Setting<unknown>>(settings).map((row) => {
    const byDefault = row.defaultDoc ?? (row.default === undefined ? 'none' : `\`${row.default}\``)
    const orFile = row.secret ? ` Or \`${row.env}_FILE\`: a file with it.` : ''
    return `| \`${row.env}\` | ${byDefault} | ${row.doc}${orFile} Expected: ${row.expected}. |`
  })
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...lines].join('\n')
}

interface Relation {
  of: readonly (keyof Values)[]
  holds(config: Config): boolean
  sentence: string
}

const relations: readonly Relation[] = [
  ...redisRelations,
  {
    of: ['authSecret', 'host', 'redisUrl', 'redisClusterNodes', 'redisSentinels'],
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
    of: ['messageBytesMax', 'watchesPerConnectionMax'],
    holds: (config) => config.messageBytesMax >= watchRequestBytes(config.watchesPerConnectionMax),
    sentence:
      'MESSAGE_BYTES_MAX must hold a request that lists WATCHES_PER_CONNECTION_MAX users: 88 bytes each (an ID of 64 in ' +
      'base64), and 1,024.',
  },
  {
    of: ['backpressureBytesMax', 'watchesPerConnectionMax'],
    holds: (config) => config.backpressureBytesMax >= watchAnswerBytes(config.watchesPerConnectionMax),
    sentence:
      'BACKPRESSURE_BYTES_MAX must hold the answer to a request that lists WATCHES_PER_CONNECTION_MAX users: 115 bytes ' +
      'each, and 1,024.',
  },
  {
    of: ['newWatchesPerMin', 'watchesPerConnectionMax'],
    holds: (config) => config.newWatchesPerMin >= config.watchesPerConnectionMax,
    sentence:
      'NEW_WATCHES_PER_MIN must be at least WATCHES_PER_CONNECTION_MAX: one request may list so many.',
  },
  {
    of: ['newWatchesPerMinPerUser', 'newWatchesPerMin'],
    holds: (config) => config.newWatchesPerMinPerUser >= config.newWatchesPerMin,
    sentence: 'NEW_WATCHES_PER_MIN_PER_USER must be at least NEW_WATCHES_PER_MIN.',
  },
  {
    of: ['watchesWaitingMax', 'watchesPerConnectionMax'],
    holds: (config) => config.watchesWaitingMax >= config.watchesPerConnectionMax,
    sentence:
      'WATCHES_WAITING_MAX must be at least WATCHES_PER_CONNECTION_MAX: one request may list so many.',
  },
  {
    of: ['watchedUsersMax', 'watchesPerConnectionMax', 'ioThreads'],
    holds: (config) => config.watchedUsersMax >= config.ioThreads * config.watchesPerConnectionMax,
    sentence:
      'WATCHED_USERS_MAX must be at least WATCHES_PER_CONNECTION_MAX for each of IO_THREADS, which share it evenly.',
  },
  {
    of: ['watchedUsersMax', 'threadHeapMb', 'shardThreads', 'ioThreads'],
    holds: (config) => config.watchedUsersMax <= watchedUsersThatFit(config),
    sentence:
      'WATCHED_USERS_MAX must be at most 512 for each MiB of THREAD_HEAP_MB, on each thread with shards: a thread that ' +
      'needs more heap is ended.',
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
    of: ['healthPort', 'wsPort', 'apiPort'],
    holds: ({ healthPort, wsPort, apiPort }) =>
      healthPort === 0 || (healthPort !== wsPort && healthPort !== apiPort),
    sentence: 'HEALTH_PORT must differ from WS_PORT and API_PORT, or be 0.',
  },
  {
    of: ['transport', 'ioThreads'],
    holds: (config) => config.transport !== 'ws' || config.ioThreads === 1,
    sentence: 'IO_THREADS must be 1 with TRANSPORT=ws: that transport cannot share a port between threads.',
  },
  {
    of: ['tlsCertFile', 'tlsKeyFile'],
    holds: (config) => (config.tlsCertFile === '') === (config.tlsKeyFile === ''),
    sentence: 'TLS_CERT_FILE and TLS_KEY_FILE go together: set both of them, or neither.',
  },
  {
    of: ['proxyProtocol', 'trustedProxies'],
    holds: (config) => config.proxyProtocol === 'off' || config.trustedProxies.length > 0,
    sentence: 'PROXY_PROTOCOL needs TRUSTED_PROXIES: from anybody else such a header could say anything.',
  },
  {
    of: ['proxyProtocol', 'transport'],
    holds: (config) => config.proxyProtocol !== 'v1' || config.transport === 'ws',
    sentence: 'PROXY_PROTOCOL=v1 needs TRANSPORT=ws: the native transport reads version 2 only.',
  },
  {
    of: ['proxyProtocol', 'tlsCertFile', 'transport'],
    holds: (config) =>
      config.proxyProtocol === 'off' || config.tlsCertFile === '' || config.transport === 'ws',
    sentence:
      'PROXY_PROTOCOL with TLS_CERT_FILE needs TRANSPORT=ws: the native transport reads no such header before TLS.',
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

/** The last port there is, and room for one that the sockets have taken. */
const PORT_MAX = 65_534
const HEALTH_PORT_DISTANCE = 1_000

function defaultHealthPort({ apiPort, wsPort }: Pick<Config, 'apiPort' | 'wsPort'>): number {
  if (apiPort === 0) return 0
  const port = apiPort + (apiPort + HEALTH_PORT_DISTANCE > PORT_MAX ? -1 : 1) * HEALTH_PORT_DISTANCE
  return port === wsPort ? port + 1 : port
}

function threadsWithShards({ ioThreads, shardThreads }: Pick<Config, 'ioThreads' | 'shardThreads'>): number {
  return shardThreads || ioThreads
}

function watchedUsersThatFit(config: Pick<Config, 'threadHeapMb' | 'ioThreads' | 'shardThreads'>): number {
  return config.threadHeapMb * WATCHED_USERS_PER_HEAP_MB * threadsWithShards(config)
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

function describeFault(
  row: Setting<unknown>,
  { name }: Given,
  value: string,
  reason: string | undefined,
): string {
  const shown = value.length > 60 ? `${value.slice(0, 60)}...` : value
  const isWhat = row.secret ? `is refused (${reason})` : `is ${JSON.stringify(shown)}`
  return `${name} ${isWhat}; expected ${row.expected}.`
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
