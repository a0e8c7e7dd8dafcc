/** How much memory does an idle logged-in connection take? */

import { startRedis } from '../test/support/redis.js'
import { Crowd, openimPath } from './support/crowd.js'
import { defineBenchmark, figure } from './support/figures.js'
import { residentBytes, startGateway } from './support/gateway.js'
import { interleave, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'

const WEB = 5
const KIB = 1024
const NOTHING = new Uint8Array(1)

export const memory = defineBenchmark({
  name: 'memory',
  question: 'memory of an idle logged-in connection',
  sizes: {
    /** A crowd that comes makes heaps and buffers grow, which is a cost of any crowd, */
    first: 5_000,
    /** and each further connection then costs less. All of them together stay below the limit of open files. */
    next: 5_000,
    /** Wait before a look, ms: what the last login left under way is done, and garbage is collected. */
    settleMs: 750,
    /** Each starts processes of its own: memory once taken is not given back. */
    rounds: 2,
  },
  run: (sizes) =>
    withScope(async (outer) => {
      const settle = () => new Promise((resolve) => setTimeout(resolve, sizes.settleMs))
      /** The process before its crowd, with the first half of it, and with all of it. */
      const growth = async (process: Measured, open: (from: number, to: number) => Promise<unknown>) => {
        const heap = async () => {
          process.collectGarbage()
          await settle()
          return process.heapBytes()
        }
        const resident = async () => {
          await settle()
          return residentBytes(process.pid)
        }
        const emptyHeap = await heap()
        const empty = await resident()
        await open(0, sizes.first)
        const half = await resident()
        await open(sizes.first, userIds.length)
        const full = await resident()
        const fullHeap = await heap()
        return {
          first: (half - empty) / KIB / sizes.first,
          next: (full - half) / KIB / sizes.next,
          heap: (fullHeap - emptyHeap) / KIB / userIds.length,
        }
      }
      const redis = await startRedis()
      outer.defer(() => redis.stop())
      const env = { REDIS_URL: redis.url, NODE_ID: 'bench' }
      const userIds = Array.from({ length: sizes.first + sizes.next }, (_, n) => `user-${n}`)
      const tokens = await makeTokens(userIds, WEB)
      await recordTokens(redis.client(), tokens)
      const ways = {
        gateway: () =>
          withScope(async (scope) => {
            const gateway = await startGateway(scope, { env, collectable: true })
            const crowd = Crowd.start(scope)
            const paths = tokens.map(({ userId, token }) => openimPath(userId, WEB, token))
            const found = await growth(
              { ...gateway, heapBytes: () => gateway.metric('porchlight_heap_bytes') },
              (from, to) => crowd.open('gateway', gateway.wsPort, paths.slice(from, to), { isGreeted: true }),
            )
            mustBe(await gateway.metric('porchlight_connections'), userIds.length, 'connections')
            mustBe(await gateway.metric('porchlight_online_users'), userIds.length, 'users online')
            return found
          }),
        raw: () =>
          withScope(async (scope) => {
            const raw = await RawUws.start(scope, NOTHING, NOTHING)
            const crowd = Crowd.start(scope)
            const paths = userIds.map((userId) => `/${userId}`)
            const found = await growth(
              {
                pid: raw.pid,
                heapBytes: async () => (await raw.stats()).heapBytes,
                collectGarbage: () => raw.collectGarbage(),
              },
              (from, to) => crowd.open('raw', raw.port, paths.slice(from, to)),
            )
            mustBe((await raw.stats()).connections, userIds.length, 'raw connections')
            return found
          }),
      }
      const { gateway, raw } = await interleave(sizes.rounds, ways)
      const row = (name: string, part: keyof (typeof raw)[number], notes: string[] = []) =>
        figure({
          name,
          unit: 'KiB',
          ours: gateway.map((growth) => growth[part]),
          ceiling: { name: 'raw uWebSockets.js', values: raw.map((growth) => growth[part]) },
          notes,
        })
      return [
        row(`resident memory a connection, the first ${sizes.first}`, 'first', [
          'growth of the process as it stands; what the kernel holds for a socket is not included',
        ]),
        row(`resident memory a connection, the next ${sizes.next}`, 'next'),
        row('JavaScript heap a connection, garbage collected', 'heap'),
      ]
    }),
})

interface Measured {
  pid: number
  /** JavaScript heap in use, all threads. */
  heapBytes(): Promise<number>
  collectGarbage(): void
}
