/** The Redis back ends of the store's tests. */
import { randomUUID } from 'node:crypto'
import { PlatformTable } from '../../src/presence/platforms.js'
import type { NodeSettings } from '../../src/store/presence-store.js'
import { plainKeys } from '../../src/store/redis/keys.js'
import type { RedisStoreOptions } from '../../src/store/redis/options.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { Backend } from '../store/suite.js'
import { type RedisCluster, type RedisServer, startRedis, startRedisCluster } from './redis.js'

const TOKEN_STATE_NUMBERS = { normal: 0, invalid: 1, kicked: 2, expired: 3, unknown: -1 }

export function redisStore(options: Partial<RedisStoreOptions> & { nodeId: string }): RedisStore {
  return new RedisStore({
    processId: randomUUID(),
    presenceTtlS: 1800,
    watchTtlS: 1800,
    nodeLeaseMs: 10_000,
    offlineGraceMs: 0,
    openimCompat: false,
    platforms: new PlatformTable(),
    log: () => {},
    reconnectMaxMs: 100,
    ...options,
  })
}

export async function startRedisBackend(): Promise<Backend & { server: RedisServer }> {
  const server = await startRedis()
  const client = server.client()
  return {
    server,
    node: (settings: NodeSettings) => redisStore({ url: server.url, ...settings }),
    pass: () => {},
    endRefill: async (userId) => void (await client.zadd(plainKeys.claims(userId), 'XX', 1, 'p')),
    setToken: async (userId, platformId, token, state) => {
      const key = `UID_PID_TOKEN_STATUS:${userId}:${new PlatformTable().nameOf(platformId)}`
      await client.hset(key, token, TOKEN_STATE_NUMBERS[state])
    },
    stop: () => server.stop(),
  }
}

export async function startClusterBackend(): Promise<Backend & { cluster: RedisCluster }> {
  const cluster = await startRedisCluster()
  const client = cluster.client()
  return {
    cluster,
    node: (settings: NodeSettings) => redisStore({ clusterNodes: cluster.nodes.split(','), ...settings }),
    pass: () => {},
    endRefill: async (userId) => void (await client.zadd(plainKeys.claims(userId), 'XX', 1, 'p')),
    setToken: async (userId, platformId, token, state) => {
      const key = `UID_PID_TOKEN_STATUS:${userId}:${new PlatformTable().nameOf(platformId)}`
      await client.hset(key, token, TOKEN_STATE_NUMBERS[state])
    },
    stop: () => cluster.stop(),
  }
}
