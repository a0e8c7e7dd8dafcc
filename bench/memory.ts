/** How much memory does an idle logged-in connection take, and each user that it watches? */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../src/openim/platforms.js'
import { loginPath } from '../src/sdk/light-client.js'
import { residentBytes } from '../test/support/proc.js'
import { type RedisServer, startRedis } from '../test/support/redis.js'
import { CountingCrowd } from './crowd/counting.js'
import { defineBenchmark, type Figure, figure } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { kernelSocketBytes } from './support/kernel-memory.js'
import { interleave, mustBe } from './support/measure.js'
import { RawUws } from './support/raw-uws.js'
import { type IssuedToken, makeTokens, recordTokens } from './support/records.js'
import { withScope } from './support/scope.js'
import { subscribeFrame } from './support/subscribe-frame.js'

const KB = 1_000
/** Of each connection on loopback this machine holds both. */
const ENDS = 2
const NOTHING = new Uint8Array(1)
const PARTY = 'crowd'

export const memory = defineBenchmark({
  name: 'memory',
  question: 'memory of an idle logged-in connection, and of each user that it watches',
  sizes: {
    /** A crowd that comes makes heaps and buffers grow, which is a cost of any crowd, */
    first: 5_000,
    /** and each further connection then costs less. All of them together stay below the limit of open files. */
    next: 5_000,
    /** Each connection watches so many of the others, and then as many again, which are measured. */
    watches: 50,
    /** Wait before a look, ms: what the last login left under way is done, and garbage is collected. */
    settleMs: 750,
    /** Each starts processes of its own: memory once taken is not given back. */
    rounds: 2,
  },
  fullSizes: { next: 13_000, watches: 100, settleMs: 2_000, rounds: 5 },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const userIds = Array.from({ length: sizes.first + sizes.next }, (_, n) => `user-${n}`)
      const issued = await makeTokens(userIds, Platform.Web)
      await recordTokens(redis.client(), issued)
      const { gateway, raw } = await interleave(sizes.rounds, {
        gateway: () => growthOfGateway(sizes, redis, issued),
        raw: () => growthOfRaw(sizes, userIds),
      })
      return figuresOf(sizes, gateway, raw)
    }),
})

interface Sizes {
  first: number
  next: number
  watches: number
  settleMs: number
}

/** Bytes a connection, and a watch. */
interface Growth {
  first: number
  next: number
  all: number
  /** The same after its garbage was collected. */
  collected: number
  heap: number
  /** Undefined = it cannot be read here. */
  kernel: number | undefined
  /** Of the gateway only. */
  watch?: number
}

function figuresOf(sizes: Sizes, gateway: Growth[], raw: Growth[]): Figure[] {
  const kilobytes = (growths: Growth[], part: keyof Growth) => growths.map((growth) => growth[part]! / KB)
  const row = (name: string, part: keyof Growth, more: { goal?: Figure['goal']; notes?: string[] } = {}) =>
    figure({
      name,
      unit: 'KB',
      ours: kilobytes(gateway, part),
      ceiling: { name: 'raw uWebSockets.js', values: kilobytes(raw, part) },
      ...more,
    })
  const isKernelKnown = [...gateway, ...raw].every(({ kernel }) => kernel !== undefined)
  const kernel = isKernelKnown ? 'is a row of its own' : 'could not be read (/proc/slabinfo)'
  return [
    row(`resident memory a connection, all ${sizes.first + sizes.next}`, 'all', {
      goal: { atMost: 5, of: 'value' },
      notes: [`growth of the process as it stands; what the kernel holds for a socket ${kernel}`],
    }),
    row('resident memory a connection, garbage collected', 'collected'),
    row(`resident memory a connection, the first ${sizes.first}`, 'first'),
    row(`resident memory a connection, the next ${sizes.next}`, 'next'),
    row('JavaScript heap a connection, garbage collected', 'heap'),
    ...(isKernelKnown ? [row('kernel memory a connection', 'kernel', { notes: [KERNEL_NOTE] })] : []),
    figure({
      name: 'resident memory a watch',
      unit: 'B',
      ours: gateway.map(({ watch }) => watch!),
      goal: { atMost: 150, of: 'value' },
      notes: [`garbage collected; each connection watched ${sizes.watches} of the others before`],
    }),
  ]
}

const KERNEL_NOTE =
  "the socket, its inode, its file and its place in the epoll set; the client's end is taken off"

function growthOfGateway(sizes: Sizes, redis: RedisServer, issued: IssuedToken[]): Promise<Growth> {
  return withScope(async (scope) => {
    const gateway = await startGateway(scope, {
      env: {
        REDIS_URL: redis.url,
        NODE_ID: 'bench',
        WATCHES_PER_CONNECTION_MAX: String(2 * sizes.watches),
      },
      collectable: true,
    })
    const crowd = CountingCrowd.start(scope)
    const paths = issued.map(loginPath)
    const server = { ...gateway, heapBytes: () => gateway.metric('porchlight_heap_bytes') }
    const grown = await growth(sizes, server, (from, to) =>
      crowd.open(PARTY, gateway.wsPort, paths.slice(from, to), { isGreeted: true }),
    )
    mustBe(await gateway.metric('porchlight_connections'), issued.length, 'connections')
    mustBe(await gateway.metric('porchlight_online_users'), issued.length, 'users online')
    const userIds = issued.map(({ userId }) => userId)
    const watch = (turn: number) =>
      crowd.ask(PARTY, watchFrames(userIds, turn * sizes.watches, sizes.watches))
    await watch(0)
    const before = await collectedBytes(sizes, server)
    await watch(1)
    const watchBytes = (await collectedBytes(sizes, server)) - before
    const watches = issued.length * sizes.watches
    mustBe(await gateway.metric('porchlight_subscriptions'), 2 * watches, 'watches')
    return { ...grown, watch: watchBytes / watches }
  })
}

function growthOfRaw(sizes: Sizes, userIds: string[]): Promise<Growth> {
  return withScope(async (scope) => {
    const raw = await RawUws.start(scope, NOTHING, NOTHING)
    const crowd = CountingCrowd.start(scope)
    const paths = userIds.map((userId) => `/${userId}`)
    const server = {
      pid: raw.pid,
      heapBytes: async () => (await raw.stats()).heapBytes,
      collectGarbage: () => raw.collectGarbage(),
    }
    const grown = await growth(sizes, server, (from, to) =>
      crowd.open(PARTY, raw.port, paths.slice(from, to)),
    )
    mustBe((await raw.stats()).connections, userIds.length, 'raw connections')
    return grown
  })
}

interface Measured {
  pid: number
  /** JavaScript heap in use, all threads. */
  heapBytes(): Promise<number>
  collectGarbage(): void
}

/** Of the process from before its crowd to the first part of it, and to all of it. Empty, it has no garbage either. */
async function growth(
  { first, next, settleMs }: Sizes,
  server: Measured,
  open: (from: number, to: number) => Promise<unknown>,
): Promise<Growth> {
  const all = first + next
  const heap = async () => {
    server.collectGarbage()
    await sleep(settleMs)
    return server.heapBytes()
  }
  const resident = async () => {
    await sleep(settleMs)
    return residentBytes(server.pid)
  }
  const emptyHeap = await heap()
  const empty = await resident()
  const kernelBefore = kernelSocketBytes()
  await open(0, first)
  const half = await resident()
  await open(first, all)
  const full = await resident()
  const kernelAfter = kernelSocketBytes()
  const fullHeap = await heap()
  const collected = await resident()
  return {
    first: (half - empty) / first,
    next: (full - half) / next,
    all: (full - empty) / all,
    collected: (collected - empty) / all,
    heap: (fullHeap - emptyHeap) / all,
    kernel:
      kernelBefore === undefined || kernelAfter === undefined
        ? undefined
        : (kernelAfter - kernelBefore) / ENDS / all,
  }
}

async function collectedBytes({ settleMs }: Sizes, server: Measured): Promise<number> {
  server.collectGarbage()
  await sleep(settleMs)
  return residentBytes(server.pid)
}

/** One frame for each of them, to watch `count` of the others: from `offset` places after itself on. */
function watchFrames(userIds: readonly string[], offset: number, count: number): Uint8Array[] {
  return userIds.map((userId, n) => {
    const watched = Array.from({ length: count }, (_, k) => userIds[(n + 1 + offset + k) % userIds.length]!)
    return subscribeFrame(userId, watched)
  })
}
