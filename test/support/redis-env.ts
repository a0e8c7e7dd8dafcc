/** How a store gets in, as the settings of a node say it. */
import type { RedisAccess } from '../../src/store/redis/server/options.js'

export function redisEnv(access: RedisAccess): Record<string, string> {
  const { url, clusterNodes, sentinels, tls, tlsFiles = {}, natMap = new Map() } = access
  const settings = {
    REDIS_URL: url,
    REDIS_CLUSTER_NODES: clusterNodes?.join(),
    REDIS_SENTINELS: sentinels?.join(),
    REDIS_SENTINEL_NAME: access.sentinelName,
    REDIS_SENTINEL_USER: access.sentinelUsername,
    REDIS_SENTINEL_PASSWORD: access.sentinelPassword,
    REDIS_USER: access.username,
    REDIS_PASSWORD: access.password,
    REDIS_TLS: tls ? 'true' : undefined,
    REDIS_TLS_CA_FILE: tlsFiles.caFile,
    REDIS_TLS_CERT_FILE: tlsFiles.certFile,
    REDIS_TLS_KEY_FILE: tlsFiles.keyFile,
    REDIS_NAT_MAP: [...natMap].map(([announced, { host, port }]) => `${announced}=${host}:${port}`).join(),
  }
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  )
}
