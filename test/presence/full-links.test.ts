/**
 * Links so narrow that they refuse much of what is told. What was refused is made good: in the end every watcher knows
 * the truth. The bug: a status that a full link refused was noted as told, and never told again.
 */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import { SETTINGS } from '../logins/login-cluster.js'
import type { VirtualClient } from '../world/client.js'
import { APART, VirtualCluster } from '../world/cluster.js'

const USERS = 60
const ROUNDS = 4
const HOUR_S = 3_600
const linkLimits = { windowBytes: 400, heldCountMax: 8 }

t.test('watchers on this node and on another learn what full links refused at first', async (t) => {
  const cluster = new VirtualCluster({
    seed: 1,
    layout: APART,
    settings: { ...SETTINGS, needsRecord: () => false },
    linkLimits,
    linkDelayMs: () => 10,
  })
  const nodes = [cluster.addNode(), cluster.addNode()]
  await cluster.run(1_000)
  const users = Array.from({ length: USERS }, (_, n) => `user-${n}`)
  const login = (node: number, userId: UserId): VirtualClient => {
    const jti = `${userId} ${cluster.nowMs}`
    const token = cluster.spell({ userId, platformId: Platform.Android, issuedAtS: 0, jti }, HOUR_S)
    return cluster.connect({ node }, userId, Platform.Android, token)
  }
  const told: Map<UserId, string>[] = []
  for (const node of [0, 1]) {
    const known = new Map<UserId, string>()
    told.push(known)
    const watcher = login(node, `watcher-${node}`)
    watcher.events.told = (userId, platformIds) => known.set(userId, platformIds.join())
    await cluster.run(1_000)
    // Few at a time, so that the watches themselves get through.
    for (let from = 0; from < USERS; from += 4) {
      watcher.watch(users.slice(from, from + 4))
      await cluster.run(500)
    }
    t.equal(known.size, USERS, 'each user has an answer')
  }

  for (let round = 0; round < ROUNDS; round++) {
    const here: VirtualClient[] = []
    for (const userId of users) {
      here.push(login(0, userId))
      await cluster.run(20)
    }
    await cluster.run(30_000)
    const online = here.filter(({ state }) => state === 'in').map(({ userId }) => userId)
    t.ok(online.length > USERS / 2, `${online.length} got in`)
    for (const known of told) {
      const shown = users.filter((userId) => known.get(userId) === String(Platform.Android))
      t.same(shown, online, 'everybody in is shown online, and nobody else')
    }
    // All at once, and each is a change of its own.
    for (const client of here) client.close(true)
    await cluster.run(30_000)
    for (const known of told) {
      t.same(
        users.filter((userId) => known.get(userId) !== ''),
        [],
        'nobody is shown online for ever',
      )
    }
  }
  const refused = nodes.map((node) => node.refused)
  t.ok(refused[0]! > 0, `links have refused ${refused.join(' and ')} messages`)
})
