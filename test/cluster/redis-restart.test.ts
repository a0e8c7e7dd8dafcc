import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { startRedis } from '../support/redis.js'

t.test(
  'Redis goes away and comes back empty: no client is disconnected, and all is right again',
  async (t) => {
    const redis = await startRedis()
    t.teardown(() => redis.stop())
    const env = { REDIS_URL: redis.url, OFFLINE_GRACE_MS: '0' }
    const [a, b] = await Promise.all([TestNode.start(t, env), TestNode.start(t, env)])
    const watcher = await b.login('watcher', Platform.Web)
    const stays = await a.login('stays', Platform.Android)
    const leaves = await a.login('leaves', Platform.Android)
    await watcher.subscribe(['stays', 'leaves', 'comes'])
    for (const id of ['stays', 'leaves']) await seesOn(watcher, id, [Platform.Android])
    const comes = await a.token('comes', Platform.Android)

    await redis.kill()
    await leaves.close()
    await eventually(async () => {
      const response = await fetch(`${a.apiUrl}/readyz`)
      return response.status === 503 ? true : undefined
    })
    t.same(
      [watcher.closeCode, stays.closeCode],
      [undefined, undefined],
      'sockets stay while the store is away',
    )
    t.same(
      await watcher.subscribe(['watcher', 'nobody']),
      [
        { userID: 'watcher', onlinePlatformIDs: [Platform.Web] },
        { userID: 'nobody', onlinePlatformIDs: [] },
      ],
      'a subscription meanwhile is answered with what this node knows',
    )

    await redis.restart()
    await seesOn(watcher, 'leaves', [])
    const client = redis.client()
    t.teardown(() => client.disconnect())
    await eventually(async () => ((await client.zscore('ONLINE:stays', '2')) !== null ? true : undefined))
    t.equal(await client.exists('ONLINE:leaves'), 0)
    t.same(toldOf(watcher, 'stays'), ['2'], 'a user who stayed never appeared to leave')

    await client.hset('UID_PID_TOKEN_STATUS:comes:Android', comes, '0')
    await a.login('comes', Platform.Android, { token: comes })
    await seesOn(watcher, 'comes', [Platform.Android])
  },
)
