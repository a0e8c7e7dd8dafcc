/** The rows of the settings table that say which Redis serves, and how to get in; and what they must have in common. */
import { z } from 'zod'
import { type Endpoint, parseEndpoint, parseRedisUrl } from '../../net/redis-url.js'
import { flag, int, listReader, path, type Row, reader, type Setting, setting, text } from '../kinds.js'
import type { Relation } from '../relations.js'
import type { Config } from '../settings.js'

/** A Redis URL. It may hold a password, so it counts as a secret. */
function redisUrl(row: Row): Setting<string> {
  const schema = z.string().superRefine((value, context) => {
    const parsed = parseRedisUrl(value)
    if ('fault' in parsed) context.addIssue({ code: 'custom', message: `it ${parsed.fault}` })
  })
  const expected = '`redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS'
  return setting(row, '', expected, schema, true)
}

/** Comma-separated `host:port`; an IPv6 address stands in brackets. */
function endpoints(row: Row): Setting<readonly Endpoint[]> {
  const inBrackets = (item: string) => (/^[^[\]]*:[^[\]]*:/.test(item) ? undefined : parseEndpoint(item))
  return setting(row, [], '`host:port,host:port,...`, IPv6 in brackets', listReader(inBrackets))
}

export interface NatEntry {
  announced: Endpoint
  reached: Endpoint
}

/** Comma-separated `announced:port=reachable:port`. */
function natMap(row: Row): Setting<readonly NatEntry[]> {
  const schema = listReader((item): NatEntry | undefined => {
    const [announced, reached, ...rest] = item.split('=').map((side) => parseEndpoint(side.trim()))
    return announced && reached && rest.length === 0 ? { announced, reached } : undefined
  })
  return setting(row, [], '`announced:port=reachable:port,...`', schema)
}

function nameWithoutBlanks(row: Row): Setting<string> {
  return text({ ...row, accepts: (value) => /^\S{1,256}$/.test(value), expected: 'a name without blanks' })
}

function password(row: Row): Setting<string> {
  const schema = reader((value) => (/^[^\p{Cc}]{1,1024}$/u.test(value) ? value : undefined))
  return setting(row, '', 'at most 1024 characters', schema, true)
}

export const redisSettings = {
  redisUrl: redisUrl({
    env: 'REDIS_URL',
    doc:
      'One Redis server. Without this, REDIS_CLUSTER_NODES and REDIS_SENTINELS, the embedded store serves this node ' +
      'alone.',
  }),
  redisClusterNodes: endpoints({
    env: 'REDIS_CLUSTER_NODES',
    doc: 'Some nodes of a Redis Cluster; the others are found through them.',
  }),
  redisSentinels: endpoints({
    env: 'REDIS_SENTINELS',
    doc: 'Some Sentinels that know the master; they are asked whenever a connection is made.',
  }),
  redisSentinelName: nameWithoutBlanks({
    env: 'REDIS_SENTINEL_NAME',
    doc: 'The name of the master in the configuration of Sentinel.',
  }),
  redisSentinelUser: nameWithoutBlanks({
    env: 'REDIS_SENTINEL_USER',
    doc: 'ACL user of the Sentinels themselves.',
  }),
  redisSentinelPassword: password({
    env: 'REDIS_SENTINEL_PASSWORD',
    doc: 'Password of the Sentinels themselves.',
  }),
  redisDb: int({
    env: 'REDIS_DB',
    default: 0,
    min: 0,
    max: 999_999_999,
    doc: 'Database of a master behind Sentinel. REDIS_URL names its own, and a Cluster has only 0.',
  }),
  redisUser: nameWithoutBlanks({ env: 'REDIS_USER', doc: 'ACL user, where REDIS_URL does not name one.' }),
  redisPassword: password({ env: 'REDIS_PASSWORD', doc: 'Password, where REDIS_URL does not hold one.' }),
  redisTls: flag({
    env: 'REDIS_TLS',
    default: false,
    doc: 'TLS to a Cluster, or to Sentinel and its master. REDIS_URL says it with `rediss://`.',
  }),
  redisTlsCaFile: path({
    env: 'REDIS_TLS_CA_FILE',
    defaultDoc: 'those that Node.js trusts',
    doc: 'Certificates of the authorities (PEM) that servers must be certified by. Read for each connection.',
  }),
  redisTlsCertFile: path({
    env: 'REDIS_TLS_CERT_FILE',
    doc: 'Certificate (PEM) that this node shows to servers. Read for each connection.',
  }),
  redisTlsKeyFile: path({
    env: 'REDIS_TLS_KEY_FILE',
    doc: 'Its private key (PEM). Read for each connection.',
  }),
  redisTlsServerName: text({
    env: 'REDIS_TLS_SERVER_NAME',
    defaultDoc: 'the host that is dialled',
    accepts: (value) => /^[A-Za-z0-9.-]{1,253}$/.test(value),
    expected: 'a host name',
    doc: "The name in the servers' certificates, where it differs from the one in their address.",
  }),
  redisNatMap: natMap({
    env: 'REDIS_NAT_MAP',
    doc: 'Addresses for servers of a Cluster, masters and Sentinels whose announced address cannot be reached.',
  }),
  redisPrefix: text({
    env: 'REDIS_PREFIX',
    accepts: (value) => /^[A-Za-z0-9._:-]{1,64}$/.test(value),
    expected: '1 to 64 letters, digits, `.`, `_`, `-` or `:`',
    doc: 'What all keys and channels begin with, so that several deployments share a Redis. Not with OPENIM_COMPAT.',
  }),
}

type Name = keyof typeof redisSettings

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

function countSet(config: Config, names: readonly Name[]): number {
  return names.filter((name) => isSet(config[name])).length
}
