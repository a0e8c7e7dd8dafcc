/** How long does an ask take from an actor on one thread to an actor on another and back? */
import { defineBenchmark, figure } from './support/figures.js'
import { interleave, mustBe, percentile, withCpu } from './support/measure.js'
import { withScope } from './support/scope.js'
import { ThreadPair, type Way } from './support/thread-pair.js'

export const roundTrip = defineBenchmark({
  name: 'round-trip',
  question: 'an ask from thread to thread and back, one after another',
  sizes: {
    /** A p99 of a round then rests on 50 trips. */
    trips: 5_000,
    rounds: 7,
  },
  fullSizes: { trips: 50_000, rounds: 15 },
  run: (sizes) =>
    withScope(async (scope) => {
      const pair = ThreadPair.start(scope)
      const measure = (way: Way) => async () => {
        const { result, cpuSeconds } = await withCpu(() => pair.ask(way, sizes.trips))
        mustBe(result.answered, sizes.trips, `${way}: answers`)
        const tripsUs = result.tripsUs.sort()
        return { tripsUs, cpuUs: (cpuSeconds * 1e6) / sizes.trips }
      }
      const ways = { runtime: measure('runtime'), bare: measure('postMessage') }
      await interleave(1, ways)
      const { runtime, bare } = await interleave(sizes.rounds, ways)
      const cpu = (all: typeof runtime) => all.map(({ cpuUs }) => cpuUs)
      const latenciesMs = runtime.flatMap(({ tripsUs }) => Array.from(tripsUs, (us) => us / 1_000))
      return [0.5, 0.99].map((part) => {
        const values = (all: typeof runtime) => all.map(({ tripsUs }) => percentile(tripsUs, part))
        return figure({
          name: `ask round trip, p${part * 100}`,
          unit: 'µs',
          ours: values(runtime),
          cpuUs: cpu(runtime),
          ...(part === 0.5 ? { latenciesMs } : {}),
          ceiling: { name: 'bare MessagePort', values: values(bare), cpuUs: cpu(bare) },
          goal: { atMost: 1.5 },
        })
      })
    }),
})
