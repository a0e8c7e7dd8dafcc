/** One user comes and goes, and many watch: how fast are all of them told? */
import { defineBenchmark } from '../../support/figures.js'
import { withScope } from '../../support/scope.js'
import { contest, mustHaveTold, rowsOf, startContestant } from '../contest.js'
import { costOf } from '../cost.js'
import type { Peer } from '../peer.js'

const STAR = 'star'

export const fanOutOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'fan-out',
    question: 'messages a second to all watchers of one user, who comes and goes',
    sizes: {
      watchers: 1_000,
      /** Each is a login and a goodbye: two messages to everybody. */
      toggles: 10,
      atOnce: 64,
      rounds: 3,
    },
    fullSizes: { watchers: 5_000, rounds: 7 },
    run: (sizes) =>
      withScope(async (scope) => {
        const { watchers, toggles, atOnce } = sizes
        const results = await contest(peers, sizes, async (peer) => {
          const contestant = await startContestant(scope, peer)
          const { running, crowd } = contestant
          const [star, ...others] = await running.enroll([
            { userId: STAR, watches: [] },
            ...Array.from({ length: watchers }, (_, n) => ({ userId: `watcher-${n}`, watches: [STAR] })),
          ])
          await crowd.come({ accounts: others, node: 0, atOnce, until: 'watching' })
          const accounts = Array.from({ length: toggles }, () => star!)
          const told = toggles * watchers
          return async () => {
            const { result, cost } = await costOf(running, () =>
              crowd.toggle({ accounts, node: 0, told: watchers, pauseMs: 0 }),
            )
            await mustHaveTold(contestant, { online: told, offline: told })
            const ms = [...result.arrivalsMs, ...result.departuresMs].reduce((sum, one) => sum + one, 0)
            const { crowdPart } = result
            return { messages: { value: (2 * told) / (ms / 1_000), operations: 2 * told, cost, crowdPart } }
          }
        })
        return rowsOf(results, {
          of: 'messages',
          name: `messages to ${watchers} watchers of one`,
          unit: '/s',
        })
      }),
  })
