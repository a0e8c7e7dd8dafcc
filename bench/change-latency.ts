/** How long until a change on one node is pushed to a watcher's socket on another? */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../src/openim/platforms.js'
import { OpenimClient } from '../src/sdk/openim-client.js'
import { OPENIM_CHANNEL } from '../src/store/redis/keys.js'
import { parseNotice } from '../src/store/redis/openim-notices.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { type RedisServer, startRedis } from '../test/support/redis.js'
import { defineBenchmark, figure } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { mustBe, percentile } from './support/measure.js'
import { OpenimPattern } from './support/openim-pattern.js'
import { PUBLISH, RawTrips } from './support/raw-trips.js'
import { type Scope, withScope } from './support/scope.js'

const PUSH_WITHIN_MS = 5_000
/** Before each change and each raw trip: both find a quiet system, whose cores have slept. */
const QUIET_MS = 5

export const changeLatency = defineBenchmark({
  name: 'change-latency',
  question: 'from a login or a close on one node to the push at a watcher on another, system quiet',
  sizes: {
    /** Per round one login and one close each: a p99 of a round then rests on two changes, the median of rounds on ten. */
    users: 50,
    /** Everybody comes and goes so often before, all at once: a node that has served nobody yet runs cold code. */
    warmUps: 100,
    /** How long OpenIM's pattern gathers changes; there it is a second. */
    flushMs: 1_000,
    rounds: 5,
  },
  fullSizes: { users: 200, warmUps: 50, rounds: 9 },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
      const nodes = await startNodes(scope, redis, userIds)
      const rawTrips = await RawTrips.start(redis)
      const openim = await startOpenim(scope, redis, sizes.flushMs)
      const round = async () => {
        const latencies: number[] = []
        const raw: number[] = []
        const cpuBefore = nodes.cpuSeconds()
        for (const n of userIds.keys()) {
          for await (const latencyMs of nodes.comeAndGo(n)) {
            latencies.push(latencyMs)
            await sleep(QUIET_MS)
            raw.push(await rawTrips.one())
            await sleep(QUIET_MS)
          }
        }
        const cpuUs = ((nodes.cpuSeconds() - cpuBefore) * 1e6) / latencies.length
        return { latencies: latencies.sort(ascending), raw: raw.sort(ascending), cpuUs }
      }
      for (let at = 0; at < sizes.warmUps; at++) await nodes.allComeAndGo()
      await round()
      const pushesBefore = nodes.pushes()
      const rounds: (Awaited<ReturnType<typeof round>> & { openim: number[] })[] = []
      for (let at = 0; at < sizes.rounds; at++) {
        rounds.push({ ...(await round()), openim: (await openim.round(userIds)).sort(ascending) })
      }
      const changes = sizes.rounds * sizes.users * 2
      mustBe(nodes.pushes() - pushesBefore, changes, 'pushes received')
      mustBe(openim.published(), changes, "changes that OpenIM's pattern published")
      const part = (of: 'latencies' | 'raw' | 'openim', percent: number) =>
        rounds.map((one) => percentile(one[of], percent / 100))
      const [p50, p99] = [50, 99].map((percent) => ({
        name: `change to push across nodes, p${percent}`,
        unit: 'ms',
        ours: part('latencies', percent),
      }))
      return [
        figure({
          ...p50!,
          cpuUs: rounds.map(({ cpuUs }) => cpuUs),
          latenciesMs: rounds.flatMap(({ latencies }) => latencies),
          ceiling: { name: PUBLISH, values: part('raw', 50) },
          goal: { atMost: 5 },
          notes: ['CPU of both nodes for a login or a close, and for all else that they do meanwhile'],
        }),
        figure({
          ...p50!,
          ceiling: { name: "OpenIM's pattern, to the subscriber", values: part('openim', 50) },
          goal: { atMost: 0.02 },
          notes: ["OpenIM's pattern ends with the message from Redis; its gateways have still to push it"],
        }),
        figure({
          ...p99!,
          ceiling: { name: PUBLISH, values: part('raw', 99) },
        }),
      ]
    }),
})

/** Two nodes, with a watcher of everybody on the one where the users do not log in. */
async function startNodes(scope: Scope, redis: RedisServer, userIds: string[]) {
  const [here, there] = await Promise.all(
    ['a', 'b'].map((name) =>
      startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID: `bench-${name}` } }),
    ),
  )
  const tokens = await here!.tokens(userIds, Platform.Android)
  const [watcherToken] = await there!.tokens(['watcher'], Platform.Web)
  const connect = (url: string, userId: string, platformId: number, token: string) =>
    OpenimClient.connect({ url, token, userId, platformId })
  const watcher = await connect(there!.wsUrl, 'watcher', Platform.Web, watcherToken!)
  scope.defer(() => watcher.terminate())
  await watcher.subscribe(userIds)
  const pushOf = async (userId: string, isOnline: boolean) => {
    await watcher.waitForStatus(userId, (ids) => ids.length > 0 === isOnline, PUSH_WITHIN_MS)
    return watcher.history.at(-1)!.atMs
  }
  return {
    cpuSeconds: () => cpuSecondsOf(here!.pid) + cpuSecondsOf(there!.pid),
    pushes: () => watcher.history.filter(({ via }) => via === 'push').length,
    comeAndGo,
    async allComeAndGo(): Promise<void> {
      await Promise.all(
        userIds.map(async (_, n) => {
          for await (const _latencyMs of comeAndGo(n));
        }),
      )
    },
  }

  /** How long until the watcher knew of the login, then the same of the close, ms. */
  async function* comeAndGo(n: number): AsyncGenerator<number> {
    const userId = userIds[n]!
    const online = pushOf(userId, true)
    const client = await connect(here!.wsUrl, userId, Platform.Android, tokens[n]!)
    const loggedInMs = performance.now()
    yield (await online) - loggedInMs
    const offline = pushOf(userId, false)
    const closedMs = performance.now()
    const closed = client.close()
    const heardMs = await offline
    await closed
    yield heardMs - closedMs
  }
}

/** One of OpenIM's gateways that says what changes, and the subscription of another. */
async function startOpenim(scope: Scope, redis: RedisServer, flushMs: number) {
  const pattern = new OpenimPattern(() => redis.client(), flushMs)
  scope.defer(() => pattern.stop())
  const subscriber = redis.client()
  await subscriber.subscribe(OPENIM_CHANNEL)
  const waiting = new Map<string, (heardMs: number) => void>()
  subscriber.on('message', (_channel, text) => waiting.get(parseNotice(text)!.userId)?.(performance.now()))
  const change = (userId: string, online: number[], left: number[]) =>
    new Promise<number>((resolve) => {
      const sentMs = performance.now()
      waiting.set(userId, (heardMs) => resolve(heardMs - sentMs))
      pattern.announce(userId, online, left)
    })
  return {
    published: () => pattern.counts.published,
    /** Everybody comes and goes, evenly spread over the time between two flushes; the latencies, ms. */
    round: async (userIds: string[]): Promise<number[]> => {
      const latencies = userIds.map(async (userId, n) => {
        const offsetMs = (n / userIds.length) * flushMs
        // Not one of those that the nodes of this run have on record.
        const other = `openim-${userId}`
        await sleep(offsetMs)
        const came = await change(other, [Platform.Android], [])
        await sleep(offsetMs)
        return [came, await change(other, [], [Platform.Android])]
      })
      const all = (await Promise.all(latencies)).flat()
      // Who hears a message may do so before its sender knows that it was sent.
      await pattern.flush()
      return all
    },
  }
}

const ascending = (a: number, b: number) => a - b
