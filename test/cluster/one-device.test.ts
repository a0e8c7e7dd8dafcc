/**
 * Several connections of one device: two tabs, a desktop app and its updater, a phone that left a socket half open.
 * Each that answers stays, whatever the policy; one that does not goes in silence.
 */
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { Device } from '../support/device.js'
import { eventually } from '../support/eventually.js'
import { seesOn, type TestNode, toldOf } from '../support/node.js'
import { recordedState } from '../support/tokens.js'
import { allNodesList, GOOD, newDevice, startNodes, startStore } from './races.js'

const ROUNDS = 3

/** A connection more with the token of a device. */
function tabOf({ userId, platformId, token }: Device): Device {
  return new Device(userId, platformId, token)
}

/** A tab as the js SDK keeps it: whenever its connection ends it comes back, to any node. */
function keepIn(t: Test, tab: Device, nodes: TestNode[]): () => void {
  let isOver = false
  const comeBack = async () => {
    if (isOver) return
    await tab.login(t, nodes[tab.logins % nodes.length]!).catch(() => {})
    tab.client!.once('close', () => void comeBack())
  }
  tab.client!.once('close', () => void comeBack())
  return () => {
    isOver = true
  }
}

/** Resolves when one connection of the cluster was found half open. */
async function replaced(nodes: TestNode[], count = 1): Promise<void> {
  await eventually(async () => {
    const counts = await Promise.all(
      nodes.map((node) => node.metric('porchlight_closes_total', 'reason="replaced"')),
    )
    return counts.reduce((sum, one) => sum + one, 0) === count || undefined
  })
}

/** Every policy, without a store at a distance: `test/logins/policy-table.test.ts`. */
const SETTINGS: Record<string, string>[] = [
  { LOGIN_POLICY: '1' },
  { LOGIN_POLICY: '1', LOGIN_CONFLICT: 'refuse-new' },
  { LOGIN_POLICY: '5', MAX_CONNECTIONS_PER_USER: '4', MAX_CONNECTIONS_PER_USER_PLATFORM: '4' },
]

for (const env of SETTINGS) {
  const what = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  t.test(
    `tabs of one browser that come back by themselves stay beside each other: ${what.join(', ')}`,
    async (t) => {
      const { url, redis } = await startStore(t)
      const nodes = await startNodes(t, 2, { REDIS_URL: url, ...env })
      const watcher = await nodes[1]!.login('watcher', Platform.Web)
      await watcher.subscribe(['ann'])
      const tabs = [await newDevice(redis, 'ann', Platform.Web)]
      tabs.push(tabOf(tabs[0]!), tabOf(tabs[0]!))
      const half = tabOf(tabs[0]!)
      await half.login(t, nodes[0]!)
      half.client!.pause()
      // Two on the node of the half-open one, one on the other.
      for (const [n, tab] of tabs.entries()) t.ok(await tab.login(t, nodes[n % 2]!))
      const ends = tabs.map((tab) => keepIn(t, tab, nodes))
      t.teardown(() => {
        for (const end of ends) end()
      })
      await seesOn(watcher, 'ann', [Platform.Web])

      for (let round = 0; round < ROUNDS; round++) {
        const tab = tabs[round % tabs.length]!
        const before = tab.logins
        await tab.client!.terminate()
        await eventually(() => (tab.logins > before && tab.isIn) || undefined)
      }
      // By then all half-open connections have been found.
      await replaced(nodes)
      half.client!.resume()
      await eventually(() => half.client!.closeCode)
      t.same([half.kicks, half.client!.isKicked], [0, false], 'the half-open one went in silence')
      t.same(
        tabs.map(({ logins }) => logins),
        tabs.map((_, n) => 1 + (n < ROUNDS ? 1 : 0)),
        'nobody came back more often than their network broke',
      )
      for (const tab of tabs) {
        t.equal(await tab.client!.ping('still here'), 'still here')
        t.equal(tab.kicks, 0)
      }
      t.equal(await recordedState(redis, tabs[0]!), GOOD)
      t.same(await allNodesList(nodes, 'ann'), [3, 3])
      const phone = await newDevice(redis, 'bob', Platform.IOS)
      await watcher.subscribe(['bob'])
      await phone.login(t, nodes[0]!)
      await seesOn(watcher, 'bob', [Platform.IOS])
      t.same(toldOf(watcher, 'ann').slice(-1), ['5'])
      t.ok(toldOf(watcher, 'ann').length <= 2, 'and watchers heard of one device that came')
    },
  )
}

t.test('at a cap each connection of a device counts, and a half-open one makes room', async (t) => {
  const { url, redis } = await startStore(t)
  const env = { REDIS_URL: url, LOGIN_POLICY: '1', MAX_CONNECTIONS_PER_USER_PLATFORM: '2' }
  const nodes = await startNodes(t, 2, env)
  const tabs = [await newDevice(redis, 'ann', Platform.Web)]
  tabs.push(tabOf(tabs[0]!))
  for (const [n, tab] of tabs.entries()) t.ok(await tab.login(t, nodes[n]!))
  const third = tabOf(tabs[0]!)
  for (const node of nodes) t.notOk(await third.login(t, node), 'both answer')
  t.same(third.refusals, [WireCode.TooManyConnectionsOfUser, WireCode.TooManyConnectionsOfUser])
  for (const [n, tab] of tabs.entries()) {
    tab.client!.pause()
    t.ok(
      await tabOf(tab).login(t, nodes[n]!),
      `one that does not answer makes room, on node ${n} or the other`,
    )
    await replaced(nodes, n + 1)
    tab.client!.resume()
    await eventually(() => tab.client!.closeCode)
    t.same([tab.kicks, await allNodesList(nodes, 'ann')], [0, [2, 2]])
  }
})

t.test('another token, and a kick by hand, end every tab of a device on every node', async (t) => {
  const { url, redis } = await startStore(t)
  const nodes = await startNodes(t, 2, { REDIS_URL: url, LOGIN_POLICY: '1' })
  const ends: Record<string, (first: Device) => Promise<unknown>> = {
    'another token': async ({ userId }) => (await newDevice(redis, userId, Platform.Web)).login(t, nodes[1]!),
    'a kick of the token': ({ userId, token }) => nodes[1]!.admin.kick(userId, { token }),
    'a kick of the user': ({ userId }) => nodes[1]!.admin.kick(userId),
  }
  for (const [name, end] of Object.entries(ends)) {
    const tabs = [await newDevice(redis, name.replaceAll(' ', '-'), Platform.Web)]
    tabs.push(tabOf(tabs[0]!), tabOf(tabs[0]!))
    for (const [n, tab] of tabs.entries()) await tab.login(t, nodes[n % 2]!)
    await eventually(async () => (await allNodesList(nodes, tabs[0]!.userId)).join() === '3,3' || undefined)
    await end(tabs[0]!)
    await eventually(() => tabs.every(({ isIn }) => !isIn) || undefined)
    t.same(
      tabs.map(({ kicks }) => kicks),
      [1, 1, 1],
      name,
    )
  }
})
