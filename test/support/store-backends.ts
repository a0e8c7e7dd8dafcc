/** The Redis back ends of the store's tests. */
import { randomUUID } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { NodeSettings } from '../../src/store/ports/store.js'
import { Keys } from '../../src/store/redis/keys.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { RedisAccess, RedisStoreOptions } from '../../src/store/redis/server/options.js'
import type { Backend } from '../store/suite.js'
import {
  type ClusterForm,
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from './redis.js'

const TOKEN_STATE_NUMBERS = { normal: 0, invalid: 1, kicked: 2, expired: 3, unknown: -1 }

export function redisStore(options: Partial<RedisStoreOptions> & { nodeId: string }): RedisStore {
  return new RedisStore({
    processId: randomUUID(),
    presenceTtlS: 1800,
    watchTtlS: 1800,
    nodeLeaseMs: 10_000,
    offlineGraceMs: 0,
    openimCompat: false,
    platforms: new PlatformTable(OPENIM_PLATFORMS),
    log: () => {},
    reconnectMaxMs: 100,
    ...options,
  })
}

export async function startRedisBackend(): Promise<Backend & { server: RedisServer }> {
  const server = await startRedis()
  return { server, ...backendOn(server.access, server.client()), stop: () => server.stop() }
}

export async function startClusterBackend(
  form: ClusterForm = {},
  prefix = '',
): Promise<Backend & { cluster: RedisCluster }> {
  const cluster = await startRedisCluster(form)
  return { cluster, ...backendOn(cluster.access, cluster.client(), prefix), stop: () => cluster.stop() }
}

/** `client`: in the database that the stores use. */
export function backendOn(access: RedisAccess, client: Redis | Cluster, prefix = ''): Omit<Backend, 'stop'> {
  const keys = new Keys(prefix)
  return {
    node: (settings: NodeSettings) => redisStore({ ...access, prefix, ...settings }),
    pass: () => {},
    endRefill: async (userId) => void (await client.zadd(keys.claims(userId), 'XX', 1, 'p')),
    setToken: async (userId, platformId, token, state) => {
      const key = keys.tokens(userId, new PlatformTable(OPENIM_PLATFORMS).nameOf(platformId)!)
      await client.hset(key, token, TOKEN_STATE_NUMBERS[state])
    },
  }
}
