/** The soak at its shortest: counts only. Time and memory are for `npm run test:soak`. */
import t from 'tap'
import { soak } from './soak.js'

for (const isOnRedis of [false, true]) {
  t.test(
    `after churn a node ${isOnRedis ? 'on Redis' : 'with the embedded store'} counts what is there, and nothing when all have left`,
    async (t) => {
      const { problems } = await soak({
        users: 150,
        churnPerS: 40,
        roundMs: 1_500,
        rounds: 2,
        seed: 20,
        isOnRedis,
        say: (line) => t.comment(line),
      })
      t.same(problems, [])
    },
  )
}
