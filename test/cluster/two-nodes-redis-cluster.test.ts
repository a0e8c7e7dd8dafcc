import t from 'tap'
import { startRedisCluster } from '../support/redis.js'
import { twoNodesSuite } from './suite.js'

t.test('two nodes on a Redis Cluster of three masters', async (t) => {
  const redis = await startRedisCluster()
  t.teardown(() => redis.stop())
  await twoNodesSuite(t, { REDIS_CLUSTER_NODES: redis.nodes })
})
