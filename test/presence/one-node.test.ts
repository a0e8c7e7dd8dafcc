import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'

/** Long beside a login on a machine that is busy. */
const GRACE_MS = 1000

const LAYOUTS = [
  { name: 'shards on threads of their own', shardThreads: '2' },
  { name: 'shards on the io threads', shardThreads: '0' },
]

for (const { name, shardThreads } of LAYOUTS)
  t.test(`one node on the embedded store, ${name}`, async (t) => {
    const node = await TestNode.start(t, {
      OFFLINE_GRACE_MS: String(GRACE_MS),
      SHARD_THREADS: shardThreads,
      IO_THREADS: '2',
    })

    t.test('a watcher is told of a login and of a clean close', async (t) => {
      const watcher = await node.login('watcher1', Platform.Web)
      const reply = await watcher.subscribe(['ann'])
      t.same(reply, [{ userID: 'ann', onlinePlatformIDs: [] }])
      const ann = await node.login('ann', Platform.Android)
      await seesOn(watcher, 'ann', [Platform.Android])
      await ann.close()
      await seesOn(watcher, 'ann', [])
      t.same(toldOf(watcher, 'ann'), ['', '2', ''])
    })

    t.test('a broken socket is shown online until the grace is over', async (t) => {
      const watcher = await node.login('watcher2', Platform.Web)
      const bob = await node.login('bob', Platform.Android)
      await watcher.subscribe(['bob'])
      await seesOn(watcher, 'bob', [Platform.Android])
      const brokenMs = performance.now()
      bob.terminate()
      await seesOn(watcher, 'bob', [])
      t.ok(performance.now() - brokenMs >= GRACE_MS - 1)
    })

    t.test('a user who is back within the grace never appears to leave', async (t) => {
      const watcher = await node.login('watcher3', Platform.Web)
      const first = await node.login('cid', Platform.Android)
      await watcher.subscribe(['cid'])
      await seesOn(watcher, 'cid', [Platform.Android])
      const told = toldOf(watcher, 'cid')
      first.terminate()
      const second = await node.login('cid', Platform.Android)
      await new Promise((resolve) => setTimeout(resolve, GRACE_MS * 2))
      t.same(toldOf(watcher, 'cid'), told)
      await second.logout()
      await seesOn(watcher, 'cid', [])
    })

    t.test('JSON, Gob and gzip clients are told the same facts', async (t) => {
      const watchers = await Promise.all([
        node.login('json', Platform.Web, { sdkType: 'js' }),
        node.login('gob', Platform.Web, { sdkType: 'go' }),
        node.login('gobzip', Platform.Web, { sdkType: 'go', compression: true }),
        node.login('jsonzip', Platform.Web, { sdkType: 'js', compression: true }),
      ])
      for (const watcher of watchers) await watcher.subscribe(['dan'])
      const phone = await node.login('dan', Platform.Android)
      const web = await node.login('dan', Platform.Web, { sdkType: 'go' })
      for (const watcher of watchers) await seesOn(watcher, 'dan', [Platform.Android, Platform.Web])
      await phone.close()
      await web.close()
      for (const watcher of watchers) await seesOn(watcher, 'dan', [])
      for (const watcher of watchers) t.same(toldOf(watcher, 'dan'), toldOf(watchers[0]!, 'dan'))
    })
  })
