/**
 * The relations between settings, each with the sentence that says what is wrong. A relation says nothing while one of
 * its sides is at fault itself.
 */
import { watchAnswerBytes, watchRequestBytes } from '../rules/presence/watch-list.js'
import { threadsWithShards, watchedUsersThatFit } from './defaults.js'
import { redisRelations } from './redis-relations.js'
import type { Relation } from './relation.js'
import { settings } from './settings.js'

export const relations: readonly Relation[] = [
  ...redisRelations,
  {
    of: ['authSecret', 'host', 'redisUrl', 'redisClusterNodes', 'redisSentinels'],
    holds: (config) => config.authSecret !== '' || config.developmentMode,
    sentence:
      'AUTH_SECRET is not set: set it. Only development mode goes without (HOST is a loopback address, no Redis ' +
      `is set, NODE_ENV is not production). Expected ${settings.authSecret.expected}.`,
  },
  {
    of: ['messages', 'databaseUrl', 'redisUrl', 'redisClusterNodes', 'redisSentinels'],
    holds: (config) => config.messages !== 'on' || !config.usesRedis || config.databaseUrl !== '',
    sentence:
      'MESSAGES=on needs DATABASE_URL where REDIS_URL, REDIS_CLUSTER_NODES or REDIS_SENTINELS is set: several nodes share ' +
      'the messages.',
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
