/** How much resident memory does one more idle client take? */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytes } from '../../../test/support/proc.js'
import { defineBenchmark } from '../../support/figures.js'
import { withScope } from '../../support/scope.js'
import { contest, rowsOf, startContestant } from '../contest.js'
import { quietCost } from '../cost.js'
import type { Peer } from '../peer.js'

const KIB = 1_024

export const memoryOf = (peers: readonly Peer[]) =>
  defineBenchmark({
    name: 'memory',
    question: 'resident memory of an idle logged-in client',
    sizes: {
      /** A crowd that comes makes heaps and buffers grow, which is a cost of any crowd, */
      first: 2_000,
      /** and each further client then costs less. */
      next: 2_000,
      atOnce: 64,
      /** Wait before a look, ms. */
      settleMs: 750,
      /** Each starts processes of its own: memory once taken is not given back. */
      rounds: 1,
    },
    fullSizes: { first: 5_000, next: 10_000, settleMs: 2_000, rounds: 3 },
    run: async (sizes) => {
      const results = await contest(
        peers,
        { rounds: sizes.rounds, warmUps: 0 },
        async (peer) => () =>
          withScope(async (scope) => {
            const { running, crowd } = await startContestant(scope, peer)
            const users = sizes.first + sizes.next
            const people = Array.from({ length: users }, (_, n) => ({ userId: `idle-${n}`, watches: [] }))
            const accounts = await running.enroll(people)
            const resident = async () => {
              await quietCost(running)
              await sleep(sizes.settleMs)
              return running.pids.reduce((sum, pid) => sum + residentBytes(pid), 0) / KIB
            }
            const come = (from: number, to: number) =>
              crowd.come({
                accounts: accounts.slice(from, to),
                node: 0,
                atOnce: sizes.atOnce,
                until: 'loggedIn',
              })
            const empty = await resident()
            await come(0, sizes.first)
            const half = await resident()
            await come(sizes.first, users)
            const full = await resident()
            return {
              first: { value: (half - empty) / sizes.first },
              next: { value: (full - half) / sizes.next },
            }
          }),
      )
      const common = { unit: 'KiB', byValue: true }
      return [
        ...rowsOf(results, { ...common, of: 'first', name: `memory a client, the first ${sizes.first}` }),
        ...rowsOf(results, { ...common, of: 'next', name: `memory a client, the next ${sizes.next}` }),
      ]
    },
  })
