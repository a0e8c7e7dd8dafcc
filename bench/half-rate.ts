/** How fast do watchers hear of a change while the nodes work at half of their full rate? */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../src/openim/platforms.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { startRedis } from '../test/support/redis.js'
import { type ChangesDone, ChangingCrowd, type Clients } from './crowd/changing.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import { type Gateway, startGateway } from './support/gateway.js'
import { medianOf, mustBe, percentile } from './support/measure.js'
import { PUBLISH, RawTrips } from './support/raw-trips.js'
import { makeTokens, recordTokens } from './support/records.js'
import { type Scope, withScope } from './support/scope.js'

/** What one connection may watch by default. */
const WATCHES_MAX = 1_000
/** Between changes of the quiet system, so that each finds it quiet. */
const QUIET_MS = 5
/** Between bare messages: few beside the changes. */
const TRIP_EVERY_MS = 10

export const halfRate = defineBenchmark({
  name: 'half-rate',
  question:
    'from a login or a close on one node to the push at a watcher on another, at half of the full rate',
  sizes: {
    /** They take turns: many enough that nobody is to change again before their last change was told. */
    users: 1_000,
    /** One after another on the quiet system, in each round. */
    quietChanges: 200,
    /** As many to find the full rate, which takes seconds, as then at half of it. */
    changes: 20_000,
    /** Under way at one time while the full rate is looked for. */
    inFlight: 256,
    rounds: 3,
  },
  fullSizes: { quietChanges: 500, changes: 100_000, rounds: 7 },
  run: (sizes) =>
    withScope(async (scope) => {
      const { changes, counted, trips } = await startCluster(scope, sizes.users)
      // Everybody comes and goes once.
      await changes.saturate(sizes.users * 2, sizes.inFlight)
      const rounds: Round[] = []
      for (let n = 0; n < sizes.rounds; n++) {
        const quiet = await counted(() => changes.oneByOne(sizes.quietChanges, QUIET_MS))
        const tripsQuiet = await trips.during(sleep(sizes.quietChanges * QUIET_MS), QUIET_MS)
        const full = await counted(() => changes.saturate(sizes.changes, sizes.inFlight))
        const halfDone = counted(() => changes.atRate(sizes.changes, full.perSecond / 2))
        const tripsAtHalf = await trips.during(halfDone, TRIP_EVERY_MS)
        rounds.push({ quiet, full, half: await halfDone, tripsQuiet, tripsAtHalf })
      }
      return figuresOf(rounds, sizes.inFlight)
    }),
})

interface Part {
  perSecond: number
  /** Of the nodes, for each change. */
  cpuUs: number
  sortedMs: Float64Array
  /** What a late begin is of that, p99. */
  lateMs: number
  /** Of a core, by who makes the changes. */
  generatorPart: number
}

function partOf({ seconds, latenciesMs, lateMs, cpuSeconds }: ChangesDone, nodesCpuSeconds: number): Part {
  const count = latenciesMs.length
  return {
    perSecond: count / seconds,
    cpuUs: (nodesCpuSeconds * 1e6) / count,
    sortedMs: latenciesMs.sort(),
    lateMs: percentile(lateMs.sort(), 0.99),
    generatorPart: cpuSeconds / seconds,
  }
}

interface Round {
  quiet: Part
  full: Part
  half: Part
  /** Of bare messages, ms. */
  tripsQuiet: number[]
  tripsAtHalf: number[]
}

/** Two nodes: watchers on one, the users that change on the other. */
async function startCluster(scope: Scope, users: number) {
  const redis = await startRedis()
  scope.defer(() => redis.stop())
  const start = (name: string) =>
    startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID: `bench-${name}` } })
  const [a, b] = await Promise.all([start('a'), start('b')])
  const clients = async (at: Gateway, word: string, count: number, platformId: number): Promise<Clients> => {
    const userIds = Array.from({ length: count }, (_, n) => `${word}-${n}`)
    const accounts = await makeTokens(userIds, platformId)
    await recordTokens(redis.client(), accounts)
    return { port: at.wsPort, accounts }
  }
  const changes = await ChangingCrowd.start(
    scope,
    await clients(a, 'user', users, Platform.Android),
    await clients(b, 'watcher', Math.ceil(users / WATCHES_MAX), Platform.Web),
  )
  const cpuSeconds = () => cpuSecondsOf(a.pid) + cpuSecondsOf(b.pid)
  const counted = async (work: () => Promise<ChangesDone>): Promise<Part> => {
    const loginsBefore = await a.metric('porchlight_logins_total')
    const cpuBefore = cpuSeconds()
    const done = await work()
    const used = cpuSeconds() - cpuBefore
    mustBe((await a.metric('porchlight_logins_total')) - loginsBefore, done.logins, 'logins by the gateway')
    return partOf(done, used)
  }
  return { changes, counted, trips: await RawTrips.start(redis) }
}

function figuresOf(rounds: Round[], inFlight: number): Figure[] {
  const parts = (of: 'quiet' | 'full' | 'half') => rounds.map((round) => round[of])
  const [quiet, full, half] = [parts('quiet'), parts('full'), parts('half')]
  const percentiles = (all: Part[], part: number) => all.map(({ sortedMs }) => percentile(sortedMs, part))
  const common = (all: Part[]) => ({
    cpuUs: all.map(({ cpuUs }) => cpuUs),
    generator: { name: 'who makes the changes', ours: all.map(({ generatorPart }) => generatorPart) },
  })
  const tripOf = (of: 'tripsQuiet' | 'tripsAtHalf', part: number) =>
    rounds.map((round) => percentile(Float64Array.from(round[of]).sort(), part))
  const lateMs = short(medianOf(half.map((one) => one.lateMs)))
  return [
    figure({
      ...common(full),
      name: 'changes told across nodes, as many as can be',
      unit: '/s',
      ours: full.map(({ perSecond }) => perSecond),
      notes: [`${inFlight} under way at any time; CPU is that of both nodes`],
    }),
    figure({
      ...common(half),
      name: 'change to push across nodes at half of that rate, p99',
      unit: 'ms',
      ours: percentiles(half, 0.99),
      latenciesMs: half.flatMap(({ sortedMs }) => [...sortedMs]),
      ceiling: { name: 'itself quiet, p50', values: percentiles(quiet, 0.5) },
      goal: { atMost: 10 },
      notes: [
        'from the time when a change was due, whether or not it could begin then; ' +
          `99 of 100 began at most ${lateMs} ms late`,
      ],
    }),
    figure({
      name: `${PUBLISH} meanwhile, p99`,
      unit: 'ms',
      ours: tripOf('tripsAtHalf', 0.99),
      latenciesMs: rounds.flatMap(({ tripsAtHalf }) => tripsAtHalf),
      ceiling: { name: 'itself quiet, p50', values: tripOf('tripsQuiet', 0.5) },
      notes: ['how long the machine, so busy, takes for two of the wake-ups of a change'],
    }),
  ]
}
