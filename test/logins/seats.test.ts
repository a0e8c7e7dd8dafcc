/** Where a login may be refused: who gets a seat, and when a seat is free again. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { LoginCluster, type LoginOptions } from './login-cluster.js'

const SETTLE_MS = 500
/** For a connection that does not answer. */
const PROBED_MS = 7_000

async function start(options: Partial<LoginOptions>): Promise<LoginCluster> {
  const cluster = new LoginCluster({ seed: 1, nodes: 2, policy: 1, delayMaxMs: 4, ...options })
  await cluster.run(SETTLE_MS)
  return cluster
}

for (const node of [0, 1]) {
  const where = node === 0 ? 'the same node' : 'another node'
  t.test(
    `at a cap, connections of one device on ${where} that answer stay, and the next is told at once`,
    async (t) => {
      const cluster = await start({ perPlatformMax: 2 })
      const token = await cluster.grant('ann', Platform.Android)
      const tabs = [
        cluster.login(0, 'ann', Platform.Android, token),
        cluster.login(node, 'ann', Platform.Android, token),
      ]
      await cluster.run(SETTLE_MS)
      const third = cluster.login(node, 'ann', Platform.Android, token)
      await cluster.run(SETTLE_MS)
      t.same(
        [...tabs, third].map(({ state }) => state),
        ['in', 'in', 'refused'],
      )
      t.equal(third.errCode, WireCode.TooManyConnectionsOfUser)
    },
  )

  t.test(
    `at a cap, a half-open connection on ${where} makes room for its device and for no other`,
    async (t) => {
      const cluster = await start({ policy: 0, perPlatformMax: 1 })
      const [token, other] = [
        await cluster.grant('ann', Platform.Android),
        await cluster.grant('ann', Platform.Android),
      ]
      const old = cluster.login(0, 'ann', Platform.Android, token)
      await cluster.run(SETTLE_MS)
      old.isHalfOpen = true
      const stranger = cluster.login(node, 'ann', Platform.Android, other)
      await cluster.run(PROBED_MS)
      t.same(
        [old.state, stranger.state, stranger.errCode],
        ['in', 'refused', WireCode.TooManyConnectionsOfUser],
      )
      const back = cluster.login(node, 'ann', Platform.Android, token)
      await cluster.run(PROBED_MS)
      t.same([old.state, old.kicks, back.state], ['closed', 0, 'in'])
    },
  )

  t.test(
    `refuse-new: a device may have a second connection on ${where}, and another device none`,
    async (t) => {
      const cluster = await start({ refusesNew: true })
      const [token, other] = [
        await cluster.grant('ann', Platform.Android),
        await cluster.grant('ann', Platform.Android),
      ]
      const first = cluster.login(0, 'ann', Platform.Android, token)
      await cluster.run(SETTLE_MS)
      const second = cluster.login(node, 'ann', Platform.Android, token)
      const stranger = cluster.login(node, 'ann', Platform.Android, other)
      await cluster.run(SETTLE_MS)
      t.same(
        [first, second, stranger].map(({ state }) => state),
        ['in', 'in', 'refused'],
      )
      t.equal(stranger.errCode, WireCode.LoginConflict)
      // What its network has left half open does not keep another device out once it has said goodbye.
      first.isHalfOpen = true
      second.close(false)
      await cluster.run(SETTLE_MS)
      const third = cluster.login(node, 'ann', Platform.Android, token)
      await cluster.run(PROBED_MS)
      t.same([first.state, third.state], ['closed', 'in'])
      third.close(true)
      await cluster.run(SETTLE_MS)
      const next = cluster.login(node, 'ann', Platform.Android, other)
      await cluster.run(SETTLE_MS)
      t.equal(next.state, 'in')
    },
  )
}

t.test('a client that has gone before the verdict keeps no seat', async (t) => {
  const cluster = await start({ perUserMax: 1, delayMaxMs: 100 })
  const token = await cluster.grant('ann', Platform.Android)
  const hasty = cluster.login(0, 'ann', Platform.Android, token)
  await cluster.run(1)
  t.equal(hasty.state, 'knocking')
  hasty.close(false)
  await cluster.run(SETTLE_MS)
  const again = cluster.login(1, 'ann', Platform.Android, token)
  await cluster.run(SETTLE_MS)
  t.equal(again.state, 'in')
})
