/** How many tells a second cross from an actor on one thread to an actor on another? */
import { defineBenchmark, figure, short } from './support/figures.js'
import { interleave, medianOf, mustBe, withCpu } from './support/measure.js'
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
      const cpu = (all: typeof runtime) => short(medianOf(all.map(({ cpuUs }) => cpuUs)))
      const notes = [
        `CPU of both threads: ${cpu(runtime)} µs a tell; one object a postMessage ${cpu(postMessage)} µs, ` +
          `batches of 256 ${cpu(batches)} µs`,
      ]
      const common = { unit: '/s', ours: rate(runtime) }
      return [
        figure({
          ...common,
          name: 'tells across threads',
          ceiling: { name: 'one object a postMessage', values: rate(postMessage) },
          goal: { atLeast: 5 },
          notes,
        }),
        figure({
          ...common,
          name: 'the same',
          ceiling: { name: 'raw msgpack batches of 256', values: rate(batches) },
          goal: { atLeast: 0.6 },
        }),
      ]
    }),
})
