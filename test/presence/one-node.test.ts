import t from 'tap'
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
    const WEB = 5
    const ANDROID = 2

    t.test('a watcher is told of a login and of a clean close', async (t) => {
      const watcher = await node.login('watcher1', WEB)
      const reply = await watcher.subscribe(['ann'])
      t.same(reply, [{ userID: 'ann', onlinePlatformIDs: [] }])
      const ann = await node.login('ann', ANDROID)
      await seesOn(watcher, 'ann', [ANDROID])
      await ann.close()
      await seesOn(watcher, 'ann', [])
      t.same(toldOf(watcher, 'ann'), ['', '2', ''])
    })

    t.test('a broken socket is shown online until the grace is over', async (t) => {
      const watcher = await node.login('watcher2', WEB)
      const bob = await node.login('bob', ANDROID)
      await watcher.subscribe(['bob'])
      await seesOn(watcher, 'bob', [ANDROID])
      const brokenMs = performance.now()
      bob.terminate()
      await seesOn(watcher, 'bob', [])
      t.ok(performance.now() - brokenMs >= GRACE_MS - 1)
    })

    t.test('a user who is back within the grace never appears to leave', async (t) => {
      const watcher = await node.login('watcher3', WEB)
      const first = await node.login('cid', ANDROID)
      await watcher.subscribe(['cid'])
      await seesOn(watcher, 'cid', [ANDROID])
      const told = toldOf(watcher, 'cid')
      first.terminate()
      const second = await node.login('cid', ANDROID)
      await new Promise((resolve) => setTimeout(resolve, GRACE_MS * 2))
      t.same(toldOf(watcher, 'cid'), told)
      await second.logout()
      await seesOn(watcher, 'cid', [])
    })

    t.test('JSON, Gob and gzip clients are told the same facts', async (t) => {
      const watchers = await Promise.all([
        node.login('json', WEB, { sdkType: 'js' }),
        node.login('gob', WEB, { sdkType: 'go' }),
        node.login('gobzip', WEB, { sdkType: 'go', compression: true }),
        node.login('jsonzip', WEB, { sdkType: 'js', compression: true }),
      ])
      for (const watcher of watchers) await watcher.subscribe(['dan'])
      const phone = await node.login('dan', ANDROID)
      const web = await node.login('dan', WEB, { sdkType: 'go' })
      for (const watcher of watchers) await seesOn(watcher, 'dan', [ANDROID, WEB])
      await phone.close()
      await web.close()
      for (const watcher of watchers) await seesOn(watcher, 'dan', [])
      for (const watcher of watchers) t.same(toldOf(watcher, 'dan'), toldOf(watchers[0]!, 'dan'))
    })
  })
