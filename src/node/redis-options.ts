/** The settings of Redis in the terms of its store. */
import type { Config } from '../config/config.js'
import { type Endpoint, endpointText } from '../net/redis-url.js'
import type { RedisAccess } from '../store/redis/server/options.js'

/** Which Redis, how to get in, and what names begin with. One of its forms is set. */
export function redisOptions(config: Config): RedisAccess & { prefix: string } {
  const texts = (endpoints: readonly Endpoint[]) => endpoints.map(endpointText)
  return {
    ...(config.redisUrl !== '' && { url: config.redisUrl }),
    ...(config.redisClusterNodes.length > 0 && { clusterNodes: texts(config.redisClusterNodes) }),
    ...(config.redisSentinels.length > 0 && { sentinels: texts(config.redisSentinels) }),
    sentinelName: config.redisSentinelName,
    sentinelUsername: config.redisSentinelUser,
    sentinelPassword: config.redisSentinelPassword,
    db: config.redisDb,
    username: config.redisUser,
    password: config.redisPassword,
    tls: config.redisTls,
    tlsFiles: {
      caFile: config.redisTlsCaFile,
      certFile: config.redisTlsCertFile,
      keyFile: config.redisTlsKeyFile,
      serverName: config.redisTlsServerName,
    },
    natMap: new Map(config.redisNatMap.map(({ announced, reached }) => [endpointText(announced), reached])),
    prefix: config.redisPrefix,
  }
}
