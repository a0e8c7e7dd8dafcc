import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode } from '../support/node.js'
import { startRedis } from '../support/redis.js'

const TTL_S = 1800

t.test("beside OpenIM's own services on one Redis", async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = server.client()
  const subscriber = server.client()
  t.teardown(() => [redis.disconnect(), subscriber.disconnect()])
  const notices: string[] = []
  await subscriber.subscribe('online_change')
  subscriber.on('message', (_channel, payload) => notices.push(payload))

  const env = { REDIS_URL: server.url, OPENIM_COMPAT: 'true', OFFLINE_GRACE_MS: '0' }
  const a = await TestNode.start(t, env)
  const b = await TestNode.start(t, env)

  /** Platforms in OpenIM's record that are still good, as its services read them. */
  async function record(userId: string): Promise<string[]> {
    const [nowS] = await redis.time()
    return redis.zrangebyscore(`ONLINE:${userId}`, nowS, '+inf')
  }
  const becomes = (userId: string, platforms: string[]) =>
    eventually(async () =>
      (await record(userId)).sort().join() === platforms.sort().join() ? true : undefined,
    )

  await t.test('the record and the notices are what OpenIM would have made, step by step', async (t) => {
    const phone = await a.login('ann', Platform.Android)
    await becomes('ann', ['2'])
    const score = Number(await redis.zscore('ONLINE:ann', '2'))
    const [nowS] = await redis.time()
    t.ok(
      Math.abs(score - (Number(nowS) + TTL_S)) <= 2,
      'the score is the second at which the platform expires',
    )
    t.ok(Math.abs((await redis.ttl('ONLINE:ann')) - TTL_S) <= 2, 'the key lives as long')

    const web = await b.login('ann', Platform.Web)
    await becomes('ann', ['2', '5'])
    await phone.close()
    await becomes('ann', ['5'])
    await web.close()
    await becomes('ann', [])
    t.equal(await redis.exists('ONLINE:ann'), 0, 'an empty record is no record')
    await eventually(() => (notices.includes('ann') ? true : undefined))
    t.same(
      notices.filter((notice) => notice.endsWith('ann')),
      ['2:ann', '2:5:ann', '5:ann', 'ann'],
    )
  })

  await t.test("a device on an OpenIM gateway is shown to this gateway's watchers", async (t) => {
    const watcher = await a.login('watcher', Platform.Web)
    await watcher.subscribe(['bob'])
    const [nowS] = await redis.time()
    await redis.zadd('ONLINE:bob', Number(nowS) + TTL_S, String(Platform.IOS))
    await redis.publish('online_change', '1:bob')
    await seesOn(watcher, 'bob', [Platform.IOS])
    const here = await b.login('bob', Platform.Web)
    await seesOn(watcher, 'bob', [Platform.IOS, Platform.Web])
    await here.close()
    await seesOn(watcher, 'bob', [Platform.IOS])
    t.same(await record('bob'), ['1'], "OpenIM's own device is left alone")
    await redis.del('ONLINE:bob')
    await redis.publish('online_change', 'bob')
    await seesOn(watcher, 'bob', [])
  })

  await t.test('a notice that overlooks a device here is answered by asserting it again', async (t) => {
    const user = await a.login('cid', Platform.Android)
    await becomes('cid', ['2'])
    await redis.del('ONLINE:cid')
    await redis.publish('online_change', 'cid')
    await becomes('cid', ['2'])
    t.same(await record('cid'), ['2'])
    await user.close()
  })

  await t.test(
    "a token that OpenIM's auth service put on record is accepted, a kicked one is not",
    async (t) => {
      const token = await a.token('dan', Platform.Android)
      const key = 'UID_PID_TOKEN_STATUS:dan:Android'
      t.equal(await redis.hget(key, token), '0', 'ours is where theirs are')
      await b.login('dan', Platform.Android, { token })
      await redis.hset(key, token, '2')
      await t.rejects(b.login('dan', Platform.Android, { token }), /1506/)
      await redis.del(key)
      await t.rejects(b.login('dan', Platform.Android, { token }), /1507/)
    },
  )
})
