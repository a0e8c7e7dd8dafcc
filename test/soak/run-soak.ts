/** `npm run test:soak`: a node under churn for as long as you like; its memory and its tables must stay as they are. */
import { parseArgs } from 'node:util'
import { withTeardown } from '../support/teardown.js'
import { type SoakResult, soak } from './soak.js'

const HELP = `npm run test:soak -- [OPTION...]

  --minutes M  how long (default 10)
  --users N    in the crowd, at any time (default 2000)
  --churn C    clients that come or go in a second (default 50)
  --round S    seconds of churn before each look (default 15)
  --redis      a node on a real Redis instead of the embedded store
  --seed S     of who comes and goes (default: a new one)
  --json       print the samples and the result as JSON at the end
  --help       this

Ends with 1 when a gauge is not what it should be at rest, or when memory grows: over the samples after the warm-up
(the first 30 %), a line is fitted, and it rises by more than 5 % of the heap (8 % of the resident memory) and by more
than three times the scatter about it. Fewer than 8 such samples say nothing of memory.`

/** A rest and its look take about so long. */
const REST_S = 9

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    users: { type: 'string', default: '2000' },
    churn: { type: 'string', default: '50' },
    round: { type: 'string', default: '15' },
    redis: { type: 'boolean', default: false },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
})

if (values.help) console.log(HELP)
else await main()
process.exit()

async function main(): Promise<void> {
  const [minutes, users, churnPerS, roundS] = [values.minutes, values.users, values.churn, values.round].map(
    Number,
  ) as [number, number, number, number]
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  if (
    ![minutes, churnPerS, roundS].every((value) => value > 0) ||
    !(Number.isSafeInteger(users) && users > 0)
  ) {
    throw new RangeError('--minutes, --users, --churn and --round are numbers above 0')
  }
  if (!Number.isSafeInteger(seed)) throw new RangeError('--seed is a whole number')
  console.log(`seed ${seed}`)
  const result = await withTeardown((test) =>
    soak(test, {
      users,
      churnPerS,
      roundMs: roundS * 1_000,
      rounds: Math.max(1, Math.round((minutes * 60) / (roundS + REST_S))),
      seed,
      isOnRedis: values.redis,
      say: console.log,
    }),
  )
  report(result)
  if (values.json) console.log(JSON.stringify({ seed, ...result }))
  process.exitCode = result.problems.length === 0 ? 0 : 1
}

function report({ slopes, problems }: SoakResult): void {
  for (const [name, { slope, level, scatter, count }] of Object.entries(slopes)) {
    const around = `about ${level.toFixed(1)}, scatter ${scatter.toFixed(2)}, ${count} samples`
    console.log(`${name.padEnd(12)} ${slope.toFixed(3).padStart(8)} a minute, ${around}`)
  }
  for (const problem of problems) console.log(problem)
  console.log(problems.length === 0 ? 'all as it should be' : `${problems.length} problems`)
}
