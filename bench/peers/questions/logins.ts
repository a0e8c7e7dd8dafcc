/** How many logins a second does it take, alone and with ten friends to watch each? */
import { defineBenchmark } from '../../support/figures.js'
import { withScope } from '../../support/scope.js'
import { contest, type Result, rowsOf, startContestant } from '../contest.js'
import { costOf } from '../cost.js'
import type { Account, Peer } from '../peer.js'

export const loginsOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'logins',
    question: 'logins a second, with nobody to watch, and with friends who come at the same time',
    sizes: {
      users: 1_000,
      /** How many users each of them watches in the second half. */
      watch: 10,
      /** Logins on their way at one time. */
      atOnce: 64,
      rounds: 3,
    },
    fullSizes: { users: 3_000, rounds: 7 },
    run: (sizes) =>
      withScope(async (scope) => {
        const results = await contest(peers, sizes, async (peer) => {
          const contestant = await startContestant(scope, peer)
          const { running, crowd } = contestant
          const alone = await running.enroll(ring('alone', sizes.users, 0))
          const friends = await running.enroll(ring('friend', sizes.users, sizes.watch))
          const comeAndGo = async (accounts: Account[], until: 'loggedIn' | 'allOnline'): Promise<Result> => {
            const { result, cost } = await costOf(running, () =>
              crowd.come({ accounts, node: 0, atOnce: sizes.atOnce, until }),
            )
            await costOf(running, () =>
              crowd.leave({ userIds: accounts.map(({ userId }) => userId), atOnce: sizes.atOnce }),
            )
            const { seconds, cpuSeconds } = result
            const crowdPart = cpuSeconds / seconds
            return { value: sizes.users / seconds, operations: sizes.users, cost, crowdPart }
          }
          return async () => ({
            alone: await comeAndGo(alone, 'loggedIn'),
            friends: await comeAndGo(friends, 'allOnline'),
          })
        })
        return [
          ...rowsOf(results, { of: 'alone', name: 'logins', unit: '/s' }),
          ...rowsOf(results, { of: 'friends', name: `logins, each watching ${sizes.watch}`, unit: '/s' }),
        ]
      }),
  })

/** Each watches those who come after them; the last ones the first. */
function ring(group: string, users: number, watch: number) {
  const nameAt = (n: number) => `${group}-${n % users}`
  return Array.from({ length: users }, (_, n) => ({
    userId: nameAt(n),
    watches: Array.from({ length: Math.min(watch, users - 1) }, (_, k) => nameAt(n + k + 1)),
  }))
}
