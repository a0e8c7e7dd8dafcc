/** `npm run test:storms`: real nodes on a real Redis Cluster through every storm, each with a cluster of its own. */
import { parseArgs } from 'node:util'
import { withTeardown } from '../support/teardown.js'
import { hostileTable, runHostileLoad } from './hostile/hostile-load.js'
import { runMessageStorms } from './messages/run.js'
import { MESSAGE_STORMS } from './messages/storms.js'
import { StormCluster } from './storm-cluster.js'
import { type Outcome, runStorm, STORMS, type Storm } from './storms.js'
import { tableOf } from './table.js'

const HELP = `npm run test:storms -- [OPTION...]

  --users N     in the crowd; each tenth has two devices (default 3000)
  --only NAMES  these storms only, with commas between
  --pairs N     of users who send each other messages, in storms of messages (default 100)
  --rounds N    how often something breaks in each of these (default 20)
  --seconds N   how long the hostile load lasts (default 300)
  --seed S      of who breaks and where they go (default: a new one)
  --list        name the storms and end
  --help        this

Ends with 1 when somebody was shown offline who was not, when a socket was cut that should not have been, or when
sockets, watchers and Redis did not agree in time or did not stay so. Storms of messages: when an acknowledged message
was lost, doubled or changed, when numbers have holes, or when a client that was there was not pushed each message once
and in order. The hostile load: when honest users had to wait,
when the node grew too large or lost a thread, or when nothing was done about an attacker.`

/** As in production. */
const LEASE_MS = 10_000
const GRACE_MS = 5_000
const OUTAGE_MS = 60_000
const SETTLE_MS = 10_000
/** Of a hundred users. */
const CHURN_PER_S = 1
/** Not a storm of a cluster: one node, and attackers beside honest users. */
const HOSTILE = 'hostile'
const HOSTILE_WHAT = 'attackers of every class beside honest users, against one node'

const HEAD = [
  'Storm',
  'Users',
  'Watchers agree (s)',
  'All agree (s)',
  'Offlines told',
  'False',
  'Differences',
  'Pass',
]

const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '3000' },
    only: { type: 'string' },
    pairs: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string' },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})

if (values.help) console.log(HELP)
else if (values.list) {
  for (const { name, what } of [...STORMS, ...MESSAGE_STORMS, { name: HOSTILE, what: HOSTILE_WHAT }]) {
    console.log(`${name.padEnd(12)} ${what}`)
  }
} else await main()
// What hangs in a socket of the crowd is of no concern any more.
process.exit()

async function main(): Promise<void> {
  const users = Number(values.users)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  if (!Number.isSafeInteger(users) || users < 10 || !Number.isSafeInteger(seed)) {
    throw new RangeError('--users and --seed are whole numbers, --users at least 10')
  }
  console.log(`seed ${seed}`)
  const outcomes: Outcome[] = []
  const isKnown = (name: string) =>
    [...STORMS, ...MESSAGE_STORMS, { name: HOSTILE }].some((storm) => storm.name === name)
  const unknown = values.only?.split(',').find((name) => !isKnown(name))
  if (unknown !== undefined) throw new RangeError(`there is no storm ${unknown}; --list names them`)
  for (const storm of chosen(STORMS)) {
    const outcome = await alone(storm, users, seed)
    outcomes.push(outcome)
    for (const problem of outcome.problems) console.log(`  ${problem}`)
  }
  if (outcomes.length > 0) console.log(tableOf(HEAD, outcomes.map(rowOf)))
  const pairs = Number(values.pairs)
  const rounds = Number(values.rounds)
  const areStored = await runMessageStorms(chosen(MESSAGE_STORMS), { pairs, rounds, seed })
  const hasPassed = outcomes.every(({ problems }) => problems.length === 0) && areStored
  process.exitCode = (await hostile()) && hasPassed ? 0 : 1
}

/** True = it passed, or was not asked for. */
async function hostile(): Promise<boolean> {
  if (values.only !== undefined && !values.only.split(',').includes(HOSTILE)) return true
  return withTeardown(async (test) => {
    const outcome = await runHostileLoad(test, {
      seconds: Number(values.seconds),
      say: (line) => console.log(line),
    })
    console.log(hostileTable(outcome))
    console.log(
      `honest: ${outcome.logins} logins, p95 ${outcome.loginP95Ms.toFixed(1)} ms; changes p95 ` +
        `${outcome.changeP95Ms.toFixed(1)} ms; node at most ${outcome.rssMaxMb.toFixed(0)} MB`,
    )
    for (const failure of outcome.failures.slice(0, 10)) console.log(`  ${failure}`)
    for (const problem of outcome.problems) console.log(`PROBLEM ${problem}`)
    return outcome.problems.length === 0
  })
}

/** In the order of the list. */
function chosen<S extends { name: string }>(storms: readonly S[]): S[] {
  const names = values.only?.split(',')
  return storms.filter(({ name }) => names?.includes(name) ?? true)
}

/** In a cluster that no other storm has been through. */
async function alone(storm: Storm, users: number, seed: number): Promise<Outcome> {
  const startedMs = performance.now()
  const say = (line: string) =>
    console.log(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  const settings = {
    users,
    seed,
    leaseMs: LEASE_MS,
    graceMs: GRACE_MS,
    outageMs: OUTAGE_MS,
    churnPerS: Math.max(2, (users / 100) * CHURN_PER_S),
    settleMs: SETTLE_MS,
    say,
  }
  try {
    return await withTeardown(async (test) => {
      const cluster = await StormCluster.start(test, settings)
      say(`${users} users are in`)
      return runStorm(cluster, storm)
    })
  } catch (error) {
    const problems = [`broke off: ${(error as Error).message}`]
    const nothing = { watchersS: undefined, allS: undefined, offlines: 0, falseOfflines: 0, differences: 0 }
    return { storm: storm.name, users, ...nothing, problems }
  }
}

function rowOf(outcome: Outcome): string[] {
  const seconds = (s: number | undefined) => (s === undefined ? 'never' : s.toFixed(2))
  return [
    outcome.storm,
    String(outcome.users),
    seconds(outcome.watchersS),
    seconds(outcome.allS),
    String(outcome.offlines),
    String(outcome.falseOfflines),
    String(outcome.differences),
    outcome.problems.length === 0 ? 'yes' : 'NO',
  ]
}
