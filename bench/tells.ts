/** How many tells a second cross from an actor on one thread to an actor on another? */
import { defineBenchmark, figure } from './support/figures.js'
import { interleave, mustBe, withCpu } from './support/measure.js'
import { withScope } from './support/scope.js'
import { ThreadPair, type Way } from './support/thread-pair.js'

export const tells = defineBenchmark({
  name: 'tells',
  question: 'tells a second from an actor on one thread to an actor on another',
  sizes: {
    /** About a fifth of a second in the fastest way: long enough for the clock, short enough to repeat. */
    tells: 1_000_000,
    /** The slowest way gets fewer, to take about as long. */
    slowTells: 250_000,
    rounds: 7,
  },
  fullSizes: { tells: 5_000_000, slowTells: 1_000_000, rounds: 15 },
  run: (sizes) =>
    withScope(async (scope) => {
      const pair = ThreadPair.start(scope)
      const measure = (way: Way) => async () => {
        const count = way === 'postMessage' ? sizes.slowTells : sizes.tells
        const { result, cpuSeconds } = await withCpu(() => pair.tell(way, count))
        mustBe(result.received, count, `${way}: messages received`)
        mustBe(result.sum, (count * (count - 1)) / 2, `${way}: sum of what was received`)
        return { perSecond: count / result.seconds, cpuUs: (cpuSeconds * 1e6) / count }
      }
      const ways = {
        runtime: measure('runtime'),
        postMessage: measure('postMessage'),
        batches: measure('batches'),
      }
      await interleave(1, ways)
      const { runtime, postMessage, batches } = await interleave(sizes.rounds, ways)
      const rate = (all: typeof runtime) => all.map(({ perSecond }) => perSecond)
      const cpu = (all: typeof runtime) => all.map(({ cpuUs }) => cpuUs)
      const row = (beside: string, ceiling: typeof runtime, atLeast: number) =>
        figure({
          name: 'tells across threads',
          unit: '/s',
          ours: rate(runtime),
          cpuUs: cpu(runtime),
          ceiling: { name: beside, values: rate(ceiling), cpuUs: cpu(ceiling) },
          goal: { atLeast },
          notes: ['CPU of both threads'],
        })
      return [
        row('one object a postMessage', postMessage, 5),
        row('raw msgpack batches of 256', batches, 0.6),
      ]
    }),
})
