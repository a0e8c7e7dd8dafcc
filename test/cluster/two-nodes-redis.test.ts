import t from 'tap'
import { startRedis } from '../support/redis.js'
import { twoNodesSuite } from './suite.js'

t.test('two nodes on one Redis', async (t) => {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  await twoNodesSuite(t, { REDIS_URL: redis.url })
})
