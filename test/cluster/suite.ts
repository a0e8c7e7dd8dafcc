/** What two nodes on one store promise to watchers. Run on one Redis and on a Redis Cluster. */
import type { Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'

const GRACE_MS = 400

/** `env`: how a node reaches the store. */
export async function twoNodesSuite(t: Test, env: Record<string, string>): Promise<void> {
  const settings = { OFFLINE_GRACE_MS: String(GRACE_MS), ...env }
  const [a, b] = await Promise.all([TestNode.start(t, settings), TestNode.start(t, settings)])

  await t.test('a login on one node is pushed to a watcher on the other; so is a clean close', async (t) => {
    const watcher = await b.login('watcher-close', Platform.Web)
    t.same(await watcher.subscribe(['u-close']), [{ userID: 'u-close', onlinePlatformIDs: [] }])
    const user = await a.login('u-close', Platform.Android)
    await seesOn(watcher, 'u-close', [Platform.Android])
    await user.close()
    await seesOn(watcher, 'u-close', [])
    t.same(toldOf(watcher, 'u-close'), ['', '2', ''])
  })

  await t.test('a logout is pushed to the other node', async (t) => {
    const watcher = await b.login('watcher-logout', Platform.Web)
    const user = await a.login('u-logout', Platform.Android, { sdkType: 'go', compression: true })
    await watcher.subscribe(['u-logout'])
    await seesOn(watcher, 'u-logout', [Platform.Android])
    await user.logout()
    await seesOn(watcher, 'u-logout', [])
    t.ok(user.closeCode !== undefined || (await user.close()) === undefined, 'the node closed the socket')
  })

  await t.test(
    'a broken socket is pushed to the other node when the grace is over, not before',
    async (t) => {
      const watcher = await b.login('watcher-broken', Platform.Web)
      const user = await a.login('u-broken', Platform.Android)
      await watcher.subscribe(['u-broken'])
      await seesOn(watcher, 'u-broken', [Platform.Android])
      const brokenMs = performance.now()
      user.terminate()
      await seesOn(watcher, 'u-broken', [])
      t.ok(performance.now() - brokenMs >= GRACE_MS - 1, 'after the grace')
    },
  )

  await t.test(
    'two platforms on two nodes: closing one leaves the other, with no false offline',
    async (t) => {
      const watchers = [
        await a.login('watcher-two-a', Platform.Web),
        await b.login('watcher-two-b', Platform.Web),
      ]
      for (const watcher of watchers) await watcher.subscribe(['u-two'])
      const phone = await a.login('u-two', Platform.Android)
      const web = await b.login('u-two', Platform.Web)
      for (const watcher of watchers) await seesOn(watcher, 'u-two', [Platform.Android, Platform.Web])
      await phone.close()
      for (const watcher of watchers) await seesOn(watcher, 'u-two', [Platform.Web])
      await web.close()
      for (const watcher of watchers) await seesOn(watcher, 'u-two', [])
      for (const watcher of watchers) {
        const told = toldOf(watcher, 'u-two')
        t.same(told.slice(1, -1).includes(''), false, `never offline in between: ${told.join(' | ')}`)
        t.same(told.slice(-3), ['2,5', '5', ''])
      }
    },
  )

  await t.test('the same platform on two nodes: closing one changes nothing for watchers', async (t) => {
    const watcher = await b.login('watcher-same', Platform.Web)
    const first = await a.login('u-same', Platform.Android)
    await watcher.subscribe(['u-same'])
    await seesOn(watcher, 'u-same', [Platform.Android])
    const toldBefore = toldOf(watcher, 'u-same').length
    const second = await b.login('u-same', Platform.Android, {
      token: await a.token('u-same', Platform.Android),
    })
    await eventually(async () => ((await b.admin.connections('u-same')).length === 2 ? true : undefined))
    await first.close()
    // A change that comes after: what the close would have caused has been told by then.
    const marker = await a.login('u-same', Platform.Web)
    await seesOn(watcher, 'u-same', [Platform.Android, Platform.Web])
    await marker.close()
    await second.close()
    await seesOn(watcher, 'u-same', [])
    t.equal(toldOf(watcher, 'u-same')[toldBefore], '2,5', 'the next that the watcher was told')
  })

  await t.test('a user who moves to the other node within the grace never appears to leave', async (t) => {
    const watcher = await a.login('watcher-move', Platform.Web)
    const there = await a.login('u-move', Platform.Android)
    await watcher.subscribe(['u-move'])
    await seesOn(watcher, 'u-move', [Platform.Android])
    const toldBefore = toldOf(watcher, 'u-move').length
    there.terminate()
    const here = await b.login('u-move', Platform.Android, {
      token: await a.token('u-move', Platform.Android),
    })
    const marker = await b.login('u-move', Platform.Web)
    await seesOn(watcher, 'u-move', [Platform.Android, Platform.Web])
    await marker.close()
    await here.close()
    await seesOn(watcher, 'u-move', [])
    t.same(toldOf(watcher, 'u-move').slice(toldBefore, -1).includes(''), false)
  })

  await t.test('two hundred users at once: every watcher ends with what the sockets say', async (t) => {
    const ids = Array.from({ length: 200 }, (_, n) => `crowd-${n}`)
    const watchers = await Promise.all([
      a.login('watcher-crowd-a', Platform.Web),
      b.login('watcher-crowd-b', Platform.Web),
    ])
    for (const watcher of watchers) await watcher.subscribe(ids)
    const users = await Promise.all(ids.map((id, n) => (n % 2 === 0 ? a : b).login(id, Platform.Android)))
    for (const watcher of watchers) for (const id of ids) await seesOn(watcher, id, [Platform.Android])
    await Promise.all(users.map((user) => user.close()))
    for (const watcher of watchers) for (const id of ids) await seesOn(watcher, id, [])
    for (const watcher of watchers) {
      t.ok(
        ids.every((id) => toldOf(watcher, id).join() === ',2,'),
        'each told once of each change',
      )
    }
  })
}
