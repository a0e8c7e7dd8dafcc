import t from 'tap'
import { plainKeys } from '../../src/store/redis/keys.js'
import { assertPresence, defineScripts, runScript } from '../../src/store/redis/scripts/scripts.js'
import { until } from '../support/redis.js'
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
  const isMarked = async () => (await redis.zscore(plainKeys.claims(user), 'p')) !== null
  await assertOne(store, holds(user, [1, 5]))
  await assertOne(store, holds(user, [1, 5]))
  t.equal(await isMarked(), true, 'its time is not over')
  await backend.endRefill(user)
  t.notOk('changed' in (await assertOne(store, holds(user, [1, 5]))), 'no news')
  t.equal(await isMarked(), false)
})

t.test('a change is told in the step that records it, whether or not its node hears of that', async (t) => {
  const backend = await startRedisBackend()
  t.teardown(() => backend.stop())
  const store = backend.node(nodeSettings())
  t.teardown(() => store.close(true))
  const heard = new Heard()
  await store.open(heard)
  const [user, other] = [fresh('user'), fresh('user')]
  await store.presence.watch([user, other])
  // As a node that dies when it has sent this.
  const dying = backend.server.client()
  defineScripts(dying)
  const settings = {
    keys: plainKeys,
    holder: 'dying#1',
    presenceTtlS: 60,
    openimCompat: false,
    tellsNodes: true,
  }
  await runScript(dying, assertPresence([holds(user, [1, 5]), holds(other, [2])], settings))
  await until('it is heard', () => heard.of(other).length)
  const claims = (...platformIds: number[]) =>
    platformIds.map((platformId) => ({ platformId, holder: 'dying#1' }))
  t.match(heard.of(user), [{ claims: claims(1, 5), isPartial: true }])
  t.match(heard.of(other), [{ claims: claims(2) }])
  t.same(heard.misses, [])
})
