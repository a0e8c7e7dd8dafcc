/** How long does an ask take from an actor on one thread to an actor on another and back? */
import { defineBenchmark, figure, short } from './support/figures.js'
import { interleave, medianOf, mustBe, percentile, withCpu } from './support/measure.js'
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
  run: (sizes) =>
    withScope(async (scope) => {
      const pair = ThreadPair.start(scope)
      const measure = (way: Way) => async () => {
        const { result, cpuSeconds } = await withCpu(() => pair.ask(way, sizes.trips))
        mustBe(result.answered, sizes.trips, `${way}: answers`)
        const sorted = result.tripsUs.sort()
        return {
          p50: percentile(sorted, 0.5),
          p99: percentile(sorted, 0.99),
          cpuUs: (cpuSeconds * 1e6) / sizes.trips,
        }
      }
      const ways = { runtime: measure('runtime'), bare: measure('postMessage') }
      await interleave(1, ways)
      const { runtime, bare } = await interleave(sizes.rounds, ways)
      const cpu = (all: typeof runtime) => short(medianOf(all.map(({ cpuUs }) => cpuUs)))
      const name = 'bare MessagePort'
      return [
        figure({
          name: 'ask round trip, p50',
          unit: 'µs',
          ours: runtime.map(({ p50 }) => p50),
          ceiling: { name, values: bare.map(({ p50 }) => p50) },
          goal: { atMost: 1.5 },
          notes: [`CPU of both threads: ${cpu(runtime)} µs a round trip; bare ${cpu(bare)} µs`],
        }),
        figure({
          name: 'ask round trip, p99',
          unit: 'µs',
          ours: runtime.map(({ p99 }) => p99),
          ceiling: { name, values: bare.map(({ p99 }) => p99) },
          goal: { atMost: 1.5 },
        }),
      ]
    }),
})
