/** What goes wrong in a Redis Cluster, and what becomes of it. */

import slotOf from 'cluster-key-slot'
import t, { type Test } from 'tap'
import { type RedisCluster, startRedisCluster, until } from '../support/redis.js'
import { Mover } from '../support/slot-mover.js'
import { redisStore } from '../support/store-backends.js'
import { assertOne, claimsOf, fresh, Heard, holds } from './suite.js'

async function openNode(t: Test, cluster: RedisCluster, nodeId = fresh('node')) {
  // The table is read again only when an answer says that it is old: the tests are about those answers.
  const store = redisStore({ clusterNodes: cluster.nodes.split(','), nodeId, slotsRefreshMs: 600_000 })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

t.test('a Redis Cluster in trouble', async (t) => {
  const cluster = await startRedisCluster()
  t.teardown(() => cluster.stop())
  const mover = new Mover(cluster.masters)

  t.test('a batch crosses slots and masters', async (t) => {
    const a = await openNode(t, cluster)
    const b = await openNode(t, cluster)
    const users = Array.from({ length: 300 }, () => fresh('user'))
    t.equal((await b.store.presence.watch(users)).length, users.length)
    const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [1])))
    t.ok(outcomes.every((outcome) => outcome.ok && outcome.changed))
    await until('all are heard', () => b.heard.snapshots.length === users.length)
    t.same(b.heard.misses, [])
    for (const user of users.slice(0, 20)) await mover.ownerOf(`ONLINE:${user}`)
  })

  t.test('a slot that moved costs no user of the batch anything', async (t) => {
    const a = await openNode(t, cluster)
    const users = Array.from({ length: 200 }, () => fresh('user'))
    await a.store.presence.assert(users.map((user) => holds(user, [1])))
    for (const victim of [users[0]!, users[100]!]) {
      const slot = slotOf(`ONLINE:${victim}`)
      const from = await mover.ownerOf(`ONLINE:${victim}`)
      const to = (from + 1) % 3
      await mover.begin(slot, from, to)
      await mover.moveKeys(slot, from, to)
      await mover.finish(slot, from, to)
      const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [1, 2])))
      t.same(
        outcomes.filter((outcome) => !outcome.ok),
        [],
      )
      t.equal(
        (await a.store.presence.read(users)).filter((snapshot) => snapshot.claims.length === 2).length,
        users.length,
      )
      await a.store.presence.assert(users.map((user) => holds(user, [1])))
    }
  })

  t.test('a slot that is just moving serves its users from both sides', async (t) => {
    const a = await openNode(t, cluster)
    const b = await openNode(t, cluster)
    const users = Array.from({ length: 100 }, () => fresh('user'))
    const victim = users[50]!
    const slot = slotOf(`ONLINE:${victim}`)
    const from = await mover.ownerOf(`ONLINE:${victim}`)
    const to = (from + 1) % 3
    await b.store.presence.watch([victim])
    await assertOne(a.store, holds(victim, [1]))

    await mover.begin(slot, from, to)
    await mover.moveKeys(slot, from, to)
    const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [2])))
    t.same(
      outcomes.filter((outcome) => !outcome.ok),
      [],
      'all keys have gone, the slot has not',
    )
    t.same(claimsOf((await a.store.presence.watch([victim]))[0]), [`2@${a.holder}`])
    await mover.finish(slot, from, to)
    await assertOne(a.store, holds(victim, [3]))
    t.same(claimsOf((await b.store.presence.read([victim]))[0]), [`3@${a.holder}`])
    await until('all of it is heard', () => b.heard.of(victim).length === 3)
    t.same(b.heard.misses, [])
  })

  t.test('when the keys of a user are apart, the change waits and is lost to nobody', async (t) => {
    const a = await openNode(t, cluster)
    const b = await openNode(t, cluster)
    const victim = fresh('user')
    const slot = slotOf(`ONLINE:${victim}`)
    const from = await mover.ownerOf(`ONLINE:${victim}`)
    const to = (from + 1) % 3
    await b.store.presence.watch([victim])
    await assertOne(a.store, holds(victim, [1]))
    await mover.begin(slot, from, to)
    await mover.moveKeys(slot, from, to, 1)
    const asserting = a.store.presence.assert([holds(fresh('user'), [1]), holds(victim, [2])])
    await mover.moveKeys(slot, from, to)
    await mover.finish(slot, from, to)
    const [, outcome] = await asserting
    if (!outcome?.ok) await assertOne(a.store, holds(victim, [2]))
    await until('the change is heard', () => b.heard.of(victim).at(-1)?.claims[0]?.platformId === 2)
    t.same(claimsOf((await b.store.presence.read([victim]))[0]), [`2@${a.holder}`])
  })

  t.test('the subscription follows its slot, and what was missed meanwhile is said', async (t) => {
    const a = await openNode(t, cluster)
    const b = await openNode(t, cluster, 'follower')
    const user = fresh('user')
    await b.store.presence.watch([user])
    await assertOne(a.store, holds(user, [1]))
    await until('it is heard', () => b.heard.of(user).length)
    const slot = slotOf('PORCHLIGHT:NODE:follower')
    const from = await mover.ownerOf('PORCHLIGHT:NODE:follower')
    const to = (from + 1) % 3
    await mover.begin(slot, from, to)
    await mover.moveKeys(slot, from, to)
    await mover.finish(slot, from, to)
    await until('it is said', () => b.heard.misses.length)
    await assertOne(a.store, holds(user, [2]))
    await until('b hears again', () => b.heard.of(user).at(-1)?.claims[0]?.platformId === 2)
  })

  t.test('a master that dies fails its own users, and its return asks for everything again', async (t) => {
    const a = await openNode(t, cluster)
    const users = Array.from({ length: 60 }, () => fresh('user'))
    const registry = await mover.ownerOf('PORCHLIGHT:NODES')
    const dying = (registry + 1) % 3
    const owners = await Promise.all(users.map((user) => mover.ownerOf(`ONLINE:${user}`)))
    await a.store.presence.assert(users.map((user) => holds(user, [1])))
    await cluster.masters[dying]!.kill()
    const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [2])))
    for (const [i, outcome] of outcomes.entries()) t.equal(outcome.ok, owners[i] !== dying)
    await cluster.masters[dying]!.restart()
    await until('all are served again', async () => {
      const again = await a.store.presence.assert(users.map((user) => holds(user, [3])))
      return again.every((outcome) => outcome.ok)
    })
    await until('its return is told', () => a.heard.reaches.length)
    t.ok(a.heard.reaches.every((up) => up))
  })

  t.test('slots that nobody serves cost their own users alone, for as long as that lasts', async (t) => {
    const a = await openNode(t, cluster)
    const b = await openNode(t, cluster)
    const users = Array.from({ length: 300 }, () => fresh('user'))
    const owners = await Promise.all(users.map((user) => mover.ownerOf(`ONLINE:${user}`)))
    const registry = await mover.ownerOf('PORCHLIGHT:NODES')
    const loser = (registry + 1) % 3
    // As many as are there, so that they come first in some of the calls.
    const lost = new Set(
      users.filter((_, i) => owners[i] === loser && i % 4 === 0).map((user) => slotOf(`ONLINE:${user}`)),
    )
    const isLost = (user: string) => lost.has(slotOf(`ONLINE:${user}`))
    for (const kind of ['of which its master alone knows', 'of which all masters know']) {
      const knowing = kind.includes('alone') ? [cluster.masters[loser]!] : cluster.masters
      for (const master of knowing) await master.client().call('CLUSTER', 'DELSLOTS', ...lost)
      for (const round of [1, 2, 3]) {
        const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [round])))
        t.same(
          outcomes.filter(({ ok, userId }) => ok === isLost(userId)),
          [],
          `slots ${kind}: the others are recorded`,
        )
        t.ok(
          outcomes.every((outcome) => outcome.ok || !outcome.isAway),
          'nobody is held up for them',
        )
        t.equal(
          (await b.store.presence.watch(users)).filter(({ userId }) => !isLost(userId)).length,
          users.length - outcomes.filter(({ ok }) => !ok).length,
        )
      }
      const alone = users.filter(isLost)
      t.ok((await a.store.presence.assert(alone.map((user) => holds(user, [1])))).every(({ ok }) => !ok))
      await cluster.masters[loser]!.client().call('CLUSTER', 'ADDSLOTS', ...lost)
      await until('all are served again', async () => {
        const again = await a.store.presence.assert(users.map((user) => holds(user, [4])))
        return again.every((outcome) => outcome.ok)
      })
    }
  })

  t.test('a Cluster that dies as a whole is told, and so is its return', async (t) => {
    // A name that does not resolve when it has to be connected anew.
    const nodes = `redis-9.redis.invalid:6379,${cluster.nodes}`
    const a = await openNode(t, { ...cluster, nodes })
    const user = fresh('user')
    await assertOne(a.store, holds(user, [1]))
    await Promise.all(cluster.masters.map((master) => master.kill()))
    await until('its end is told', () => a.heard.reaches.length)
    await t.rejects(a.store.presence.assert([holds(user, [1])]), { code: 'STORE_UNAVAILABLE' })
    await Promise.all(cluster.masters.map((master) => master.restart()))
    await until('its return is told', () => a.heard.reaches.at(-1) && a.heard.misses.length)
    await until('it serves', async () => (await a.store.presence.assert([holds(user, [2])]))[0]?.ok)
    t.same(a.heard.reaches, [false, true])
  })
})
