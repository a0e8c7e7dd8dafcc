/** The system is quiet and one user comes or goes: when does their watcher hear of it? */
import { defineBenchmark } from '../../support/figures.js'
import { percentile } from '../../support/measure.js'
import { withScope } from '../../support/scope.js'
import { contest, mustHaveTold, type Result, rowsOf, startContestant } from '../contest.js'
import { costOf } from '../cost.js'
import type { Peer } from '../peer.js'

const WATCHER = 'watcher'
/** Between changes, so that each finds a quiet system. */
const PAUSE_MS = 5

const common = {
  sizes: {
    /** Each comes once and leaves once in a round. */
    users: 50,
    rounds: 3,
  },
  fullSizes: { users: 200, rounds: 7 },
}

export const latencyOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'latency',
    question: 'from a connect or a goodbye until the watcher is told, on one node, system quiet',
    ...common,
    run: ({ users, rounds }) => latencies(peers, 1, users, rounds),
  })

export const latencyAcrossOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'latency-across',
    question: 'the same, the watcher being on another node',
    ...common,
    run: ({ users, rounds }) =>
      latencies(
        peers.filter(({ nodesMax }) => nodesMax > 1),
        2,
        users,
        rounds,
      ),
  })

function latencies(peers: readonly Peer[], nodes: 1 | 2, users: number, rounds: number) {
  return withScope(async (scope) => {
    const userIds = Array.from({ length: users }, (_, n) => `user-${n}`)
    const results = await contest(peers, { rounds }, async (peer) => {
      const contestant = await startContestant(scope, peer, nodes)
      const { running, crowd } = contestant
      const [watcher, ...accounts] = await running.enroll([
        { userId: WATCHER, watches: userIds },
        ...userIds.map((userId) => ({ userId, watches: [] })),
      ])
      await crowd.come({ accounts: [watcher!], node: nodes - 1, atOnce: 1, until: 'watching' })
      return async () => {
        const { result, cost } = await costOf(running, () =>
          crowd.toggle({ accounts, node: 0, told: 1, pauseMs: PAUSE_MS }),
        )
        await mustHaveTold(contestant, { online: users, offline: users })
        const at = (latenciesMs: Float64Array, part: number): Result => ({
          value: percentile(latenciesMs.toSorted(), part),
          latenciesMs: [...latenciesMs],
        })
        return {
          // Arrivals and departures were measured together, so their cost is told once.
          'arrival, p50': { ...at(result.arrivalsMs, 0.5), operations: 2 * users, cost },
          'arrival, p99': at(result.arrivalsMs, 0.99),
          'departure, p50': at(result.departuresMs, 0.5),
          'departure, p99': at(result.departuresMs, 0.99),
        }
      }
    })
    const where = nodes === 1 ? 'on one node' : 'across nodes'
    return (['arrival, p50', 'arrival, p99', 'departure, p50', 'departure, p99'] as const).flatMap((of) =>
      rowsOf(results, { of, name: `change to push ${where}, ${of}`, unit: 'ms' }),
    )
  })
}
