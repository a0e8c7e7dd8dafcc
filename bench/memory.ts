/** How much memory does an idle logged-in connection take? */

import { watchPath } from './fan-out.js'
import { Crowd } from './support/crowd.js'
import { defineBenchmark, figure } from './support/figures.js'
import { residentBytes, startGateway } from './support/gateway.js'
import { interleave, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { withScope } from './support/scope.js'

const WEB = 5
const NOTHING = new Uint8Array(1)
/** After the last login: what it left under way is done. */
const SETTLE_MS = 500

export const memory = defineBenchmark({
  name: 'memory',
  question: 'memory of an idle logged-in connection',
  sizes: {
    /** Enough to outweigh the noise of an idle heap by far; the limit of open files allows four times as many. */
    connections: 5_000,
    /** Connected before the first look: code and buffers that come with the first ones are not theirs. */
    warmUp: 500,
    /** Each starts processes of its own: memory once taken is not given back. */
    rounds: 2,
  },
  run: async (sizes) => {
    /** The process before and after its crowd came. */
    const growth = async (process: Measured, open: (from: number, to: number) => Promise<void>) => {
      const look = async () => {
        await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
        const untouched = residentBytes(process.pid)
        await process.collectGarbage()
        return { untouched, resident: residentBytes(process.pid), heap: await process.heapBytes() }
      }
      await open(0, sizes.warmUp)
      const before = await look()
      await open(sizes.warmUp, sizes.warmUp + sizes.connections)
      const after = await look()
      const perConnection = (bytes: number) => bytes / 1024 / sizes.connections
      return {
        untouched: perConnection(after.untouched - before.resident),
        resident: perConnection(after.resident - before.resident),
        heap: perConnection(after.heap - before.heap),
      }
    }
    const userIds = Array.from({ length: sizes.warmUp + sizes.connections }, (_, n) => `user-${n}`)
    const ways = {
      gateway: () =>
        withScope(async (scope) => {
          const gateway = await startGateway(scope, { collectable: true })
          const crowd = Crowd.start(scope)
          const tokens = await gateway.tokens(userIds, WEB)
          const paths = userIds.map((userId, n) => watchPath(userId, tokens[n]!))
          const found = await growth(
            { ...gateway, heapBytes: () => gateway.metric('porchlight_heap_bytes') },
            (from, to) => crowd.open('gateway', gateway.wsPort, paths.slice(from, to)),
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
      row('resident memory an idle connection', 'resident', [
        'growth of the process from the first to the last login, garbage collected; kernel buffers not included',
      ]),
      row('the same, garbage not collected', 'untouched'),
      row('JavaScript heap an idle connection', 'heap'),
    ]
  },
})

interface Measured {
  pid: number
  /** JavaScript heap in use, all threads. */
  heapBytes(): Promise<number>
  collectGarbage(): Promise<void>
}
