/** The hostile load at a small size: a few attackers, some seconds. `npm run test:storms` has all of them for minutes. */
import t from 'tap'
import { runHostileLoad } from './hostile/hostile-load.js'

const NAMES = [
  'pings',
  'tiny-fragments',
  'text-pings',
  'ghosts',
  'watch-churn',
  'watch-churn-2',
  'gob-nameless-fields',
  'watch-one-often',
  'bad-tokens',
  'wrong-secrets',
]

t.test('honest users are served beside attackers, and no attacker goes unmet', async (t) => {
  const outcome = await runHostileLoad(t, { seconds: 15, names: NAMES, say: (line) => t.comment(line) })
  // How long they waited is for the long run: here other tests share the machine.
  t.same(
    outcome.problems.filter((problem) => !problem.includes('p95')),
    [],
  )
  t.same(outcome.failures, [])
})
