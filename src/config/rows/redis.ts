/** The rows of the settings table that say which Redis serves, and how to get in. */
import { type Endpoint, parseEndpoint, parseRedisUrl } from '../../net/redis-url.js'
import {
  flag,
  int,
  listReader,
  path,
  type Row,
  reader,
  type Setting,
  serverUrl,
  setting,
  text,
} from '../kinds.js'

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
  redisUrl: serverUrl({
    env: 'REDIS_URL',
    parse: parseRedisUrl,
    expected: '`redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS',
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
