/** A node dies: who hears of it, and when. */
import t from 'tap'
import { GONE_CONFIRM_MS } from '../../src/rules/presence/watch-index.js'
import { APART, RecordedCluster, SETTINGS } from './cluster.js'

const NODES = 4
const VICTIM = 0
const TRIES = 30
const WATCH_TTL_S = 30
/** The promise: a lease and this. */
const LATE_MS = 5_000
/** From one node to another. */
const TOGETHER_MS = 50

t.test('all watchers hear of a death together, within a lease and five seconds', async (t) => {
  for (let seed = 1; seed <= TRIES; seed++) {
    const cluster = new RecordedCluster({
      seed,
      layout: APART,
      isOneServer: true,
      nodes: NODES,
      delayMaxMs: 10,
      presenceTtlS: 1_800,
      watchTtlS: 1_800,
    })
    // They begin together; their renewals are to come at different times.
    for (const node of [1, 2, 3]) {
      cluster.crash(node)
      await cluster.run(SETTINGS.nodeLeaseMs / 11)
      cluster.start(node)
    }
    // And those lives are marked dead.
    await cluster.run(SETTINGS.nodeLeaseMs * 2)
    cluster.enter('ann', 2, VICTIM, 0)
    const watchers = [1, 2, 3].map((node) => cluster.watch(['ann'], node, 0))
    // At any time between two renewals.
    await cluster.run(SETTINGS.nodeLeaseMs * (1 + seed / TRIES))
    const diedMs = cluster.nowMs
    cluster.crash(VICTIM)
    await cluster.run(SETTINGS.nodeLeaseMs * 2)
    const heardMs = watchers.map((watcher) => {
      const gone = cluster
        .toldOf(watcher!, 'ann')
        .find(({ atMs, platformIds }) => atMs > diedMs && platformIds.length === 0)
      return gone === undefined ? Number.POSITIVE_INFINITY : gone.atMs - diedMs
    })
    const [first, last] = [Math.min(...heardMs), Math.max(...heardMs)]
    t.ok(last <= SETTINGS.nodeLeaseMs + LATE_MS, `seed ${seed}: the last after ${last} ms`)
    t.ok(last - first <= TOGETHER_MS, `seed ${seed}: the first ${last - first} ms before the last`)
  }
})

t.test('a node that dies before an emptied store knows it again is found out all the same', async (t) => {
  let unknown = 0
  for (let seed = 1; seed <= TRIES; seed++) {
    const cluster = new RecordedCluster({
      seed,
      layout: APART,
      isOneServer: true,
      nodes: 3,
      delayMaxMs: 10,
      presenceTtlS: 1_800,
      watchTtlS: WATCH_TTL_S,
    })
    await cluster.run(SETTINGS.nodeLeaseMs * (1 + seed / TRIES))
    const watcher = cluster.watch(['ann'], 1, 0)
    await cluster.run(1_000)
    cluster.emptyStore()
    cluster.enter('ann', 2, VICTIM, 0)
    // A node that is just finding out that its lease is gone records a login a little later.
    do await cluster.run(200)
    while (cluster.backend.read('ann').claims.length === 0)
    const holder = cluster.backend.read('ann').claims[0]!.holder
    if (!cluster.backend.registry.living().includes(holder)) unknown++
    cluster.crash(VICTIM)
    await cluster.run(SETTINGS.nodeLeaseMs * 2 + GONE_CONFIRM_MS + (2 * WATCH_TTL_S * 1_000) / 3)
    t.same(cluster.toldOf(watcher!, 'ann').at(-1)?.platformIds, [], `seed ${seed}`)
    t.same(cluster.backend.read('ann').claims, [], `seed ${seed}: swept`)
  }
  t.ok(unknown > 0, `${unknown} of ${TRIES} in no registry`)
})
