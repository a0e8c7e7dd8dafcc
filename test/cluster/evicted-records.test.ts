/** Redis has no room, and throws away or refuses what it is told. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { startStore } from './races.js'

t.test('records that Redis has thrown away are asserted again, and nobody seems to leave', async (t) => {
  const { url, redis } = await startStore(t)
  const [a, b] = [await TestNode.start(t, { REDIS_URL: url }), await TestNode.start(t, { REDIS_URL: url })]
  const watcher = await b.login('watcher', Platform.Web)
  await watcher.subscribe(['ann'])
  await a.login('ann', Platform.Android)
  await seesOn(watcher, 'ann', [Platform.Android])
  const told = toldOf(watcher, 'ann')
  await redis.del('ONLINE:ann', 'PRESENCE:{ONLINE:ann}')
  // A gap in what b heard: it reads again what it watches, and finds nothing of her.
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await eventually(async () =>
    (await redis.zscore('ONLINE:ann', String(Platform.Android))) === null ? undefined : true,
  )
  t.same(toldOf(watcher, 'ann'), told)
})

t.test(
  'a user who leaves one of two nodes after the loss of their record is still shown on the other',
  async (t) => {
    const { url, redis } = await startStore(t)
    const [a, b] = [await TestNode.start(t, { REDIS_URL: url }), await TestNode.start(t, { REDIS_URL: url })]
    const watcher = await b.login('watcher', Platform.Web)
    await watcher.subscribe(['ann'])
    const here = await b.login('ann', Platform.Web)
    await a.login('ann', Platform.Android)
    await seesOn(watcher, 'ann', [Platform.Android, Platform.Web])
    const told = toldOf(watcher, 'ann')
    await redis.del('ONLINE:ann', 'PRESENCE:{ONLINE:ann}')
    // The answer to what b says now holds nothing of what a had said.
    await here.close()
    await eventually(async () =>
      (await redis.zscore('ONLINE:ann', String(Platform.Android))) === null ? undefined : true,
    )
    await seesOn(watcher, 'ann', [Platform.Android])
    t.same(toldOf(watcher, 'ann'), [...told, String(Platform.Android)])
  },
)

t.test(
  'a Redis that refuses writes keeps nobody out of their connection, and is told all once it has room',
  async (t) => {
    const { url, redis } = await startStore(t)
    const [a, b] = [
      await TestNode.start(t, { REDIS_URL: url, OFFLINE_GRACE_MS: '0' }),
      await TestNode.start(t, { REDIS_URL: url, OFFLINE_GRACE_MS: '0' }),
    ]
    const watcher = await b.login('watcher', Platform.Web)
    await watcher.subscribe(['ann', 'bob'])
    const ann = await a.login('ann', Platform.Android)
    const bob = await a.login('bob', Platform.Android)
    for (const userId of ['ann', 'bob']) await seesOn(watcher, userId, [Platform.Android])
    const token = await a.token('bob', Platform.Web)
    await redis.config('SET', 'maxmemory', '1')
    await bob.close()
    await eventually(async () =>
      (await a.metric('porchlight_assertion_errors_total')) > 0 ? true : undefined,
    )
    t.equal(await ann.ping('here'), 'here')
    t.equal(await watcher.ping('here'), 'here')
    await redis.config('SET', 'maxmemory', '0')
    await seesOn(watcher, 'bob', [])
    t.same(toldOf(watcher, 'ann').at(-1), String(Platform.Android))
    await a.login('bob', Platform.Web, { token })
    await seesOn(watcher, 'bob', [Platform.Web])
  },
)

t.test('a node notices that Redis has thrown records away, and asserts all again', async (t) => {
  const { url, redis } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: url, WATCH_TTL_S: '10' })
  await node.login('ann', Platform.Android)
  const isRecorded = async () => (await redis.zscore('ONLINE:ann', String(Platform.Android))) !== null
  await eventually(async () => (await isRecorded()) || undefined)
  await redis.config('SET', 'maxmemory-policy', 'volatile-random')
  await redis.config('SET', 'maxmemory', '1')
  await eventually(async () => {
    await redis.set('one', 'more').catch(() => {})
    return !(await isRecorded()) || undefined
  })
  await redis.config('SET', 'maxmemory', '0')
  await eventually(async () => (await isRecorded()) || undefined)
  t.ok((await node.metric('porchlight_store_discards_total')) > 0)
})
