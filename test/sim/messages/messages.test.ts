import t from 'tap'
import { simulateMessages } from './scenario.js'

const SEEDS = 8

t.test(
  'whatever fails, what was acknowledged is stored once, and every device comes to know it',
  async (t) => {
    const from = 1 + Math.floor(Math.random() * 2 ** 30)
    t.comment(
      `seeds ${from} to ${from + SEEDS - 1}; npm run test:sim -- --of messages --replay SEED says more`,
    )
    for (let seed = from; seed < from + SEEDS; seed++) {
      const { violations } = await simulateMessages(seed)
      if (violations.length > 0) t.fail(`seed ${seed}`, { violations: violations.slice(0, 3) })
    }
  },
)

t.test('the same seed gives the same history', async (t) => {
  const [once, again] = [await simulateMessages(8), await simulateMessages(8)]
  t.same(again.history, once.history)
})
