/** How long until a change is told while the nodes do half of what they can? */
import { startRedis } from '../test/support/redis.js'
import { Changes, type ChangesDone, type Clients } from './support/changes.js'
import { defineBenchmark, figure, type Goal } from './support/figures.js'
import { cpuSecondsOf, type Gateway, startGateway } from './support/gateway.js'
import { mustBe, percentile } from './support/measure.js'
import { makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'

const ANDROID = 2
const WEB = 5
/** What one connection may watch by default. */
const WATCHES_MAX = 1_000
/** Between changes of the quiet system, so that each finds it quiet. */
const QUIET_MS = 5

export const halfRate = defineBenchmark({
  name: 'half-rate',
  question:
    'from a login or a close on one node to the push at a watcher on another, at half of the full rate',
  sizes: {
    /** They take turns: many enough that nobody is to change again before his last change was told. */
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
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const [a, b] = await Promise.all(
        ['a', 'b'].map((name) =>
          startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID: `bench-${name}` } }),
        ),
      )
      const clients = async (
        word: string,
        count: number,
        at: Gateway,
        platformId: number,
      ): Promise<Clients> => {
        const accounts = await makeTokens(
          Array.from({ length: count }, (_, n) => `${word}-${n}`),
          platformId,
        )
        await recordTokens(redis.client(), accounts)
        return { port: at.wsPort, accounts }
      }
      const changes = await Changes.start(
        scope,
        await clients('user', sizes.users, a!, ANDROID),
        await clients('watcher', Math.ceil(sizes.users / WATCHES_MAX), b!, WEB),
      )
      const counted = async (work: () => Promise<ChangesDone>) => {
        const cpuBefore = cpuSecondsOf(a!.pid) + cpuSecondsOf(b!.pid)
        const before = await a!.metric('porchlight_logins_total')
        const done = await work()
        const cpuSeconds = cpuSecondsOf(a!.pid) + cpuSecondsOf(b!.pid) - cpuBefore
        mustBe((await a!.metric('porchlight_logins_total')) - before, done.logins, 'logins by the gateway')
        return partOf(done, cpuSeconds)
      }
      const round = async () => {
        const quiet = await counted(() => changes.oneByOne(sizes.quietChanges, QUIET_MS))
        const full = await counted(() => changes.saturate(sizes.changes, sizes.inFlight))
        const half = await counted(() => changes.atRate(sizes.changes, full.perSecond / 2))
        return { quiet, full, half }
      }
      // Everybody has come and gone once.
      await changes.saturate(sizes.users * 2, sizes.inFlight)
      const rounds: Awaited<ReturnType<typeof round>>[] = []
      for (let n = 0; n < sizes.rounds; n++) rounds.push(await round())
      const parts = (of: keyof (typeof rounds)[number]) => rounds.map((one) => one[of])
      const generator = (all: Part[]) => ({
        name: 'who makes the changes',
        ours: all.map(({ generatorPart }) => generatorPart),
      })
      const [quiet, full, half] = [parts('quiet'), parts('full'), parts('half')]
      const latency = (part: number, more: { goal?: Goal; notes?: string[] } = {}) =>
        figure({
          name: `change to push at half of that rate, p${part * 100}`,
          unit: 'ms',
          ours: half.map(({ sortedMs }) => percentile(sortedMs, part)),
          cpuUs: half.map(({ cpuUs }) => cpuUs),
          latenciesMs: half.flatMap(({ sortedMs }) => [...sortedMs]),
          ceiling: {
            name: 'itself quiet, p50',
            values: quiet.map(({ sortedMs }) => percentile(sortedMs, 0.5)),
          },
          generator: generator(half),
          ...more,
        })
      return [
        figure({
          name: 'changes told across nodes, as many as can be',
          unit: '/s',
          ours: full.map(({ perSecond }) => perSecond),
          cpuUs: full.map(({ cpuUs }) => cpuUs),
          generator: generator(full),
          notes: [`${sizes.inFlight} under way at any time; CPU is that of both nodes`],
        }),
        latency(0.5, { notes: ['from the time when a change was due, whether or not it could begin then'] }),
        latency(0.95),
        latency(0.99, { goal: { atMost: 10 } }),
      ]
    }),
})

interface Part {
  perSecond: number
  /** Of the nodes, for each change. */
  cpuUs: number
  sortedMs: Float64Array
  /** Of a core, by who makes the changes. */
  generatorPart: number
}

function partOf({ seconds, latenciesMs, cpuSeconds }: ChangesDone, nodesCpuSeconds: number): Part {
  const count = latenciesMs.length
  return {
    perSecond: count / seconds,
    cpuUs: (nodesCpuSeconds * 1e6) / count,
    sortedMs: latenciesMs.sort(),
    generatorPart: cpuSeconds / seconds,
  }
}
