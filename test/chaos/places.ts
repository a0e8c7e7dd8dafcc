/** Redis in each form, guarded, with two nodes on it. */
import { Keys } from '../../src/store/redis/keys.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { type Teardown, TestNode } from '../support/node.js'
import { type RedisServer, startRedis, startRedisCluster } from '../support/redis.js'
import { redisEnv } from '../support/redis-env.js'
import type { Guard } from '../support/redis-guard.js'
import { startRedisSentinel } from '../support/redis-sentinel.js'
import { Wire } from '../support/wire.js'

export const FORMS = ['single', 'cluster', 'sentinel'] as const
export type Form = (typeof FORMS)[number]

export interface Place {
  form: Form
  isCluster: boolean
  masters: RedisServer[]
  nodes: [TestNode, TestNode]
  /** Of a single server: the address that nodes know, and an empty server that it may lead to. */
  wire?: Wire
  spare?: RedisServer
}

const LEASE_MS = 2_000

export async function startPlace(test: Teardown, form: Form): Promise<Place> {
  const isCluster = form === 'cluster'
  const guard: Guard = { rules: aclRules({ keys: new Keys(), db: 0, isCluster, openimCompat: false }) }
  const { masters, env, ...more } = await startStore(test, form, guard)
  const settings = { ...env, NODE_LEASE_MS: String(LEASE_MS), OFFLINE_GRACE_MS: '0' }
  const nodes: Place['nodes'] = [await TestNode.start(test, settings), await TestNode.start(test, settings)]
  return { form, isCluster, masters, nodes, ...more }
}

async function startStore(
  test: Teardown,
  form: Form,
  guard: Guard,
): Promise<Pick<Place, 'masters' | 'wire' | 'spare'> & { env: Record<string, string> }> {
  if (form === 'cluster') {
    const cluster = await startRedisCluster({ guard })
    test.teardown(() => cluster.stop())
    return { masters: cluster.masters, env: redisEnv(cluster.access) }
  }
  if (form === 'sentinel') {
    const sentinel = await startRedisSentinel(guard)
    test.teardown(() => sentinel.stop())
    return { masters: [sentinel.master], env: redisEnv(sentinel.access) }
  }
  const [server, spare] = [await startRedis([], guard), await startRedis([], guard)]
  test.teardown(() => Promise.all([server.stop(), spare.stop()]))
  const wire = await Wire.start(test, server.servedPort)
  return { masters: [server], spare, wire, env: redisEnv({ ...server.access, url: wire.url }) }
}
