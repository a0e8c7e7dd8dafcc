/** A node dies; on every other node watchers hear of it at the same time, and soon enough. */
import t from 'tap'
import { Cluster, SETTINGS } from './cluster.js'

const NODES = 4
const VICTIM = 0
const TRIES = 30
/** The promise: a lease and this. */
const LATE_MS = 5_000
/** From one node to another. */
const TOGETHER_MS = 50

t.test('all watchers hear of a death together, within a lease and five seconds', async (t) => {
  for (let seed = 1; seed <= TRIES; seed++) {
    const cluster = new Cluster({ seed, nodes: NODES, delayMaxMs: 10, presenceTtlS: 1_800 })
    // They begin together; their renewals are to come at different times.
    for (const node of [1, 2, 3]) {
      cluster.crash(node)
      await cluster.run(SETTINGS.nodeLeaseMs / 11)
      cluster.start(node)
    }
    // And those lives are buried.
    await cluster.run(SETTINGS.nodeLeaseMs * 2)
    cluster.enter('ann', 2, VICTIM, 0)
    const watchers = [1, 2, 3].map((node) => cluster.watch(['ann'], node, 0))
    // At any time between two renewals.
    await cluster.run(SETTINGS.nodeLeaseMs * (1 + seed / TRIES))
    const diedMs = cluster.nowMs
    cluster.crash(VICTIM)
    await cluster.run(SETTINGS.nodeLeaseMs * 2)
    const heardMs = watchers.map((watcher) => {
      const gone = cluster.events.find(
        (event) =>
          event.kind === 'told' &&
          event.watcher === watcher &&
          event.atMs > diedMs &&
          event.platformIds.length === 0,
      )
      return gone === undefined ? Number.POSITIVE_INFINITY : gone.atMs - diedMs
    })
    const [first, last] = [Math.min(...heardMs), Math.max(...heardMs)]
    t.ok(last <= SETTINGS.nodeLeaseMs + LATE_MS, `seed ${seed}: the last after ${last} ms`)
    t.ok(last - first <= TOGETHER_MS, `seed ${seed}: the first ${last - first} ms before the last`)
  }
})
