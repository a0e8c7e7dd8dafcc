import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { APART } from './cluster.js'
import type { Fault } from './faults.js'
import { carryOut, type Plan, simulate } from './scenario.js'

const SEEDS = 240

t.test(
  'whatever fails, every watcher comes to see what the sockets say, and none is told a lie',
  async (t) => {
    const from = 1 + Math.floor(Math.random() * 2 ** 30)
    t.comment(`seeds ${from} to ${from + SEEDS - 1}; npm run test:sim -- --replay SEED says more`)
    for (let seed = from; seed < from + SEEDS; seed++) {
      const { violations } = await simulate(seed)
      if (violations.length > 0) t.fail(`seed ${seed}`, { violations: violations.slice(0, 3) })
    }
  },
)

t.test('the same seed gives the same history', async (t) => {
  const [once, again] = [await simulate(8), await simulate(8)]
  t.same(again.history, once.history)
})

const plan = (steps: Plan['steps'], ...faults: Fault[]): Plan => ({
  seed: 1,
  layout: APART,
  isOneServer: false,
  delayMaxMs: 10,
  presenceTtlS: 1_800,
  watchTtlS: 1_800,
  steps,
  faults,
})

const fault = (name: Fault['name'], fromMs: number, toMs: number, degree = 0): Fault => ({
  name,
  node: 0,
  slot: 0,
  fromMs,
  toMs,
  degree,
})

/** Once a claim that a fail-over brought back was nobody's to withdraw. */
t.test('who says goodbye just before a fail-over that forgets it is gone after it', async (t) => {
  const { violations } = await carryOut(
    plan(
      [
        { atMs: 5_000, do: 'login', userId: 'ann', platformId: Platform.Android, node: 1, io: 0 },
        { atMs: 11_000, do: 'end', which: 0, clean: true },
      ],
      fault('loseLastWrites', 10_500, 15_000, 0.9),
    ),
  )
  t.same(violations, [])
})

/** Once the first node back marked those dead that renewed a moment later than itself, for all leases had ended. */
t.test('no outage of the store makes one node take another for dead, however long', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const outage = fault('storeDown', 5_000, 20_000 + 300 * seed)
    const { violations } = await carryOut({ ...plan([], outage), seed, delayMaxMs: 100 })
    t.same(violations, [], `seed ${seed}`)
  }
})

/** Once renewals that bunch after an outage counted as turns: three of them, and a node was dead that stood still. */
t.test('a node that stands still for a moment when the store is back is not taken for dead', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const outage = fault('storeDown', 28_000 + 330 * seed, 35_250)
    const pause = fault('pauseNode', 33_250, 36_900)
    const { violations } = await carryOut({ ...plan([], outage, pause), seed })
    t.same(violations, [], `seed ${seed}`)
  }
})
