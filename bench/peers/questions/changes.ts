/** Many come and go while others watch: what does it take to tell them? */
import { defineBenchmark } from '../../support/figures.js'
import { withScope } from '../../support/scope.js'
import { contest, mustHaveTold, rowsOf, startContestant } from '../contest.js'
import { costOf } from '../cost.js'
import type { Peer } from '../peer.js'

export const changesOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'changes',
    question: 'messages a second to watchers, while those whom they watch log in and leave',
    sizes: {
      watchers: 500,
      /** How many users each watches. */
      watch: 10,
      /** Users who come and go, and watch nobody; every watch is of one of them. */
      changing: 500,
      atOnce: 64,
      rounds: 3,
    },
    fullSizes: { watchers: 2_000, changing: 2_000, rounds: 7 },
    run: (sizes) =>
      withScope(async (scope) => {
        const { watchers, watch, changing, atOnce } = sizes
        const changingIds = Array.from({ length: changing }, (_, n) => `changing-${n}`)
        const watched = Math.min(watch, changing)
        const told = watchers * watched
        const results = await contest(peers, sizes, async (peer) => {
          const contestant = await startContestant(scope, peer)
          const { running, crowd } = contestant
          const enrolled = await running.enroll([
            ...changingIds.map((userId) => ({ userId, watches: [] })),
            ...Array.from({ length: watchers }, (_, n) => ({
              userId: `watcher-${n}`,
              watches: Array.from({ length: watched }, (_, k) => changingIds[(n * watched + k) % changing]!),
            })),
          ])
          const accounts = enrolled.slice(0, changing)
          await crowd.come({ accounts: enrolled.slice(changing), node: 0, atOnce, until: 'watching' })
          return async () => {
            const { result, cost } = await costOf(running, async () => {
              const came = await crowd.come({ accounts, node: 0, atOnce, until: 'loggedIn', told })
              const left = await crowd.leave({ userIds: changingIds, atOnce, told })
              const cpuSeconds = came.cpuSeconds + left.cpuSeconds
              return { seconds: came.seconds + left.seconds, cpuSeconds }
            })
            await mustHaveTold(contestant, { online: told, offline: told })
            const { seconds, cpuSeconds } = result
            const crowdPart = cpuSeconds / seconds
            return { changes: { value: (2 * told) / seconds, operations: 2 * told, cost, crowdPart } }
          }
        })
        return rowsOf(results, { of: 'changes', name: 'messages to watchers', unit: '/s' })
      }),
  })
