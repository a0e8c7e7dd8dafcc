import t from 'tap'
import { claimsKey } from '../../src/store/redis/keys.js'
import { startRedisBackend } from '../support/store-backends.js'
import { assertOne, conformance, fresh, Heard, holds, nodeSettings } from './suite.js'

conformance('one Redis server', startRedisBackend)

t.test('the mark of a record that is partial goes with the first renewal after its time', async (t) => {
  const backend = await startRedisBackend()
  t.teardown(() => backend.stop())
  const store = backend.node(nodeSettings())
  t.teardown(() => store.close(true))
  await store.open(new Heard())
  const redis = backend.server.client()
  const user = fresh('user')
  const isMarked = async () => (await redis.zscore(claimsKey(user), 'p')) !== null
  await assertOne(store, holds(user, [1, 5]))
  await assertOne(store, holds(user, [1, 5]))
  t.equal(await isMarked(), true, 'its time is not over')
  await backend.endRefill(user)
  t.notOk('changed' in (await assertOne(store, holds(user, [1, 5]))), 'no news')
  t.equal(await isMarked(), false)
})
