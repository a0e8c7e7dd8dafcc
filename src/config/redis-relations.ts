/** What the settings of Redis must have in common. */
import { parseRedisUrl } from '../net/redis-url.js'
import type { Relation } from './relation.js'
import type { Config } from './settings.js'

const FORMS = ['redisUrl', 'redisClusterNodes', 'redisSentinels'] as const
const TLS = ['redisTlsCaFile', 'redisTlsCertFile', 'redisTlsKeyFile', 'redisTlsServerName'] as const
const FOR_ANY_FORM = ['redisUser', 'redisPassword', 'redisTls', 'redisNatMap', 'redisPrefix', ...TLS] as const

export const redisRelations: readonly Relation[] = [
  {
    of: FORMS,
    holds: (config) => countSet(config, FORMS) <= 1,
    sentence: 'REDIS_URL, REDIS_CLUSTER_NODES and REDIS_SENTINELS: two of them are set, or all. Set one.',
  },
  {
    of: [...FORMS, ...FOR_ANY_FORM],
    holds: (config) => countSet(config, FORMS) > 0 || countSet(config, FOR_ANY_FORM) === 0,
    sentence:
      'REDIS_USER, REDIS_PASSWORD, REDIS_TLS..., REDIS_NAT_MAP and REDIS_PREFIX say more of a Redis: set REDIS_URL, ' +
      'REDIS_CLUSTER_NODES or REDIS_SENTINELS too.',
  },
  {
    of: ['redisSentinels', 'redisSentinelName', 'redisSentinelUser', 'redisSentinelPassword', 'redisDb'],
    holds: (config) =>
      isSet(config.redisSentinels) ||
      countSet(config, ['redisSentinelName', 'redisSentinelUser', 'redisSentinelPassword', 'redisDb']) === 0,
    sentence:
      'REDIS_SENTINEL_NAME, REDIS_SENTINEL_USER, REDIS_SENTINEL_PASSWORD and REDIS_DB go with REDIS_SENTINELS.',
  },
  {
    of: ['redisSentinels', 'redisSentinelName'],
    holds: (config) => !isSet(config.redisSentinels) || config.redisSentinelName !== '',
    sentence: 'REDIS_SENTINEL_NAME is not set: the Sentinels are asked for the master of that name.',
  },
  {
    of: ['redisUser', 'redisPassword'],
    holds: (config) => config.redisUser === '' || config.redisPassword !== '',
    sentence: 'REDIS_PASSWORD is not set: REDIS_USER needs it.',
  },
  {
    of: ['redisSentinelUser', 'redisSentinelPassword'],
    holds: (config) => config.redisSentinelUser === '' || config.redisSentinelPassword !== '',
    sentence: 'REDIS_SENTINEL_PASSWORD is not set: REDIS_SENTINEL_USER needs it.',
  },
  {
    of: ['redisUrl', 'redisUser', 'redisPassword'],
    holds: ({ redisUrl: url, redisUser, redisPassword }) => {
      const parsed = url === '' ? {} : parseRedisUrl(url)
      const username = 'username' in parsed ? parsed.username : ''
      // A user of the URL has the password of REDIS_PASSWORD, which may come from a file.
      return !(username && redisUser) && !('password' in parsed && parsed.password && redisPassword)
    },
    sentence:
      'REDIS_URL has a user or password, and so has REDIS_USER or REDIS_PASSWORD: set each in one place.',
  },
  {
    of: ['redisUrl', 'redisTls'],
    holds: ({ redisUrl: url, redisTls }) => !redisTls || url === '' || /^rediss:/i.test(url),
    sentence: 'REDIS_TLS is true and REDIS_URL begins with redis://: write rediss:// for TLS.',
  },
  {
    of: ['redisUrl', 'redisTls', ...TLS],
    holds: (config) =>
      countSet(config, FORMS) === 0 ||
      countSet(config, TLS) === 0 ||
      config.redisTls ||
      /^rediss:/i.test(config.redisUrl),
    sentence: 'REDIS_TLS_... are set without TLS: set REDIS_TLS=true, or write rediss:// in REDIS_URL.',
  },
  {
    of: ['redisTlsCertFile', 'redisTlsKeyFile'],
    holds: (config) => (config.redisTlsCertFile === '') === (config.redisTlsKeyFile === ''),
    sentence: 'REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE go together.',
  },
  {
    of: ['redisUrl', 'redisNatMap'],
    holds: (config) => config.redisUrl === '' || !isSet(config.redisNatMap),
    sentence:
      'REDIS_NAT_MAP is for REDIS_CLUSTER_NODES and REDIS_SENTINELS: the server of REDIS_URL announces nothing.',
  },
  {
    of: ['redisPrefix'],
    holds: (config) => config.redisPrefix === '' || !config.openimCompat,
    sentence: "REDIS_PREFIX does not go with OPENIM_COMPAT: OpenIM's services know of no prefix.",
  },
]

function isSet(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}

function countSet(config: Config, names: readonly (keyof Config)[]): number {
  return names.filter((name) => isSet(config[name])).length
}
