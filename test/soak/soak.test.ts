/** The soak at its shortest: counts only. Time and memory are for `npm run test:soak`. */
import t from 'tap'
import { soak } from './soak.js'

// Most of it is waiting.
t.jobs = 2

for (const isOnRedis of [false, true]) {
  const node = isOnRedis ? 'a node on Redis' : 'a node with the embedded store'
  t.test(`after churn ${node} counts what is there, and nothing when all have left`, async (t) => {
    const { problems } = await soak(t, {
      users: 150,
      churnPerS: 40,
      roundMs: 3_000,
      rounds: 1,
      seed: 20,
      isOnRedis,
      say: (line) => t.comment(line),
    })
    t.same(problems, [])
  })
}
