/** Who is online, asked over REST of any node. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { seesOn, type TestNode } from '../support/node.js'
import { askRest } from '../support/rest.js'
import { startNodes, startStore } from './races.js'

t.test('any node answers where users are, by one call of the store', async (t) => {
  const { url, redis } = await startStore(t)
  const [a, b] = (await startNodes(t, 2, { REDIS_URL: url })) as [TestNode, TestNode]
  const watcher = await b.login('watcher', Platform.Web)
  await watcher.subscribe(['ann', 'bob'])
  await a.login('ann', Platform.Android)
  await b.login('ann', Platform.Web)
  await a.login('bob', Platform.Web)
  await seesOn(watcher, 'ann', [Platform.Android, Platform.Web])
  await seesOn(watcher, 'bob', [Platform.Web])
  const userIDs = ['bob', 'nobody', 'ann', ...Array.from({ length: 500 }, (_, n) => `stranger-${n}`)]
  const ask = (node: TestNode) => askRest(node, '/user/get_users_status', { userIDs })
  for (const node of [a, b]) {
    const { data } = await ask(node)
    const { statusList } = data as { statusList: object[] }
    t.equal(statusList.length, userIDs.length)
    t.same(statusList.slice(0, 4), [
      { userID: 'bob', status: 1, platformIDs: [Platform.Web] },
      { userID: 'nobody', status: 0, platformIDs: null },
      { userID: 'ann', status: 1, platformIDs: [Platform.Android, Platform.Web] },
      { userID: 'stranger-0', status: 0, platformIDs: null },
    ])
  }
  await redis.config('RESETSTAT')
  await ask(a)
  const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))
  t.ok(Number(calls?.[1]) <= 2, 'one for all, and perhaps a renewal of the lease')
})
