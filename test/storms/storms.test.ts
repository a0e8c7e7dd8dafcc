/** Some of the storms at a small size, one after another on one cluster; `npm run test:storms` has all of them. */
import t from 'tap'
import { StormCluster } from './storm-cluster.js'
import { runStorm, STORMS } from './storms.js'

const SMALL = ['kill', 'freeze', 'scriptflush', 'flushall']

t.test('three nodes on a Redis Cluster', async (t) => {
  const seed = Number(process.env.STORM_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.comment(`seed ${seed}`)
  const cluster = await StormCluster.start(t, {
    users: 200,
    seed,
    leaseMs: 3_000,
    // The claims of a node that dies count for two thirds of a lease at least: the grace of its users is within that.
    graceMs: 1_500,
    outageMs: 5_000,
    churnPerS: 20,
    settleMs: 500,
    say: (line) => t.comment(line),
  })
  for (const name of SMALL) {
    const storm = STORMS.find((candidate) => candidate.name === name)!
    await t.test(storm.what, async (t) => {
      const { problems } = await runStorm(cluster, storm)
      t.same(problems, [])
    })
  }
})
