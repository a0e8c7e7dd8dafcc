/** What logins cost the cluster, counted in calls of the store and in messages that nodes hear of each other. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { Traffic } from '../world/network.js'
import { LoginCluster } from './login-cluster.js'

const LOGINS = 40
const SETTLE_MS = 2_000

interface Cost {
  /** Calls of the store a login, by method. */
  calls: Record<string, number>
  heard: number
}

/** Each user logs in on one node after the other: `moves` + 1 logins, all but the first with one to remove. */
async function costOfLogins(nodes: number, moves: number): Promise<Cost> {
  const cluster = new LoginCluster({ seed: 1, nodes, policy: 1, delayMaxMs: 2 })
  await cluster.run(SETTLE_MS)
  const tokens: string[][] = []
  for (let user = 0; user < LOGINS; user++) {
    tokens[user] = []
    for (let login = 0; login <= moves; login++)
      tokens[user]!.push(await cluster.grant(`u${user}`, Platform.IOS))
  }
  await cluster.run(SETTLE_MS)
  const before = structuredClone(cluster.network.traffic)
  for (let login = 0; login <= moves; login++) {
    for (let user = 0; user < LOGINS; user++) {
      cluster.login((user + login) % nodes, `u${user}`, Platform.IOS, tokens[user]![login]!)
      // One by one: logins that gather in a batch would cost less.
      await cluster.run(50)
    }
  }
  return perLogin(before, cluster.network.traffic, LOGINS * (moves + 1))
}

function perLogin(before: Cost, after: Traffic, logins: number): Cost {
  // What a node does by the clock costs the same without logins.
  const methods = Object.keys(after.calls).filter((method) => !['renewLease', 'ping'].includes(method))
  const each = methods.map((method): [string, number] => [
    method,
    (after.calls[method]! - (before.calls[method] ?? 0)) / logins,
  ])
  return {
    calls: Object.fromEntries(each.filter(([, count]) => count > 0)),
    heard: (after.heard - before.heard) / logins,
  }
}

t.test(
  'a login that conflicts with none is two calls of the store, however many nodes there are',
  async (t) => {
    for (const nodes of [2, 4, 8]) {
      t.same(
        await costOfLogins(nodes, 0),
        { calls: { tokenState: 1, assert: 1 }, heard: 0 },
        `${nodes} nodes`,
      )
    }
  },
)

t.test('a second connection of a device costs one question to the node of the first', async (t) => {
  for (const policy of [0, 1] as const) {
    const cluster = new LoginCluster({ seed: 1, nodes: 4, policy, delayMaxMs: 2 })
    await cluster.run(SETTLE_MS)
    const token = await cluster.grant('ann', Platform.IOS)
    cluster.login(0, 'ann', Platform.IOS, token)
    await cluster.run(SETTLE_MS)
    const before = structuredClone(cluster.network.traffic)
    cluster.login(1, 'ann', Platform.IOS, token)
    await cluster.run(SETTLE_MS)
    t.same(
      perLogin(before, cluster.network.traffic, 1),
      { calls: { tokenState: 1, assert: 1, send: 2 }, heard: 2 },
      `policy ${policy}`,
    )
    t.equal(cluster.inside('ann').length, 2)
  }
})

t.test('a login that removes one elsewhere concerns two nodes, however many there are', async (t) => {
  const costs = await Promise.all([2, 4, 8].map((nodes) => costOfLogins(nodes, 1)))
  t.same(costs[1], costs[0])
  t.same(costs[2], costs[0])
  // Of two logins a user, one removes the other: an eviction there and an answer back; a token flagged, of which both
  // nodes hear that have used one of this user and platform; and a record that follows.
  t.same(costs[0], { calls: { tokenState: 1, assert: 1.5, send: 1, kickTokens: 0.5 }, heard: 2 })
})
