/** How long until a change on one node is pushed to a watcher's socket on another? */
import { once } from 'node:events'
import { OpenimClient } from '../src/client/openim-client.js'
import { startRedis } from '../test/support/redis.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { startGateway } from './support/gateway.js'
import { mustBe, percentile } from './support/measure.js'
import { withScope } from './support/scope.js'

const ANDROID = 2
const WEB = 5
const PUSH_WITHIN_MS = 5_000
/** Between changes, so that each finds a quiet system. */
const QUIET_MS = 5

export const changeLatency = defineBenchmark({
  name: 'change-latency',
  question: 'from a login or a close on one node to the push at a watcher on another, system quiet',
  sizes: {
    /** Per round one login and one close each: a p99 of a round then rests on two changes, the median of rounds on ten. */
    users: 50,
    rounds: 5,
  },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const [a, b] = await Promise.all(
        ['a', 'b'].map((name) =>
          startGateway(scope, { env: { REDIS_URL: redis.url, NODE_ID: `bench-${name}` } }),
        ),
      )
      const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
      const tokens = await a!.tokens(userIds, ANDROID)
      const [watcherToken] = await b!.tokens(['watcher'], WEB)
      const watcher = await OpenimClient.connect({
        url: b!.wsUrl,
        token: watcherToken!,
        userId: 'watcher',
        platformId: WEB,
      })
      scope.defer(() => watcher.terminate())
      await watcher.subscribe(userIds)
      const publish = redis.client()
      const subscriber = redis.client()
      await subscriber.subscribe('bench')

      /** From now to the push that says so. */
      const pushOf = async (userId: string, isOnline: boolean) => {
        await watcher.waitForStatus(userId, (ids) => ids.length > 0 === isOnline, PUSH_WITHIN_MS)
        return watcher.history.at(-1)!.atMs
      }
      const rawTrip = async () => {
        const heard = once(subscriber, 'message').then(() => performance.now())
        const sentMs = performance.now()
        void publish.publish('bench', 'x')
        return (await heard) - sentMs
      }
      const round = async () => {
        const latencies: number[] = []
        const raw: number[] = []
        for (const [n, userId] of userIds.entries()) {
          const online = pushOf(userId, true)
          const client = await OpenimClient.connect({
            url: a!.wsUrl,
            token: tokens[n]!,
            userId,
            platformId: ANDROID,
          })
          const loggedInMs = performance.now()
          latencies.push((await online) - loggedInMs)
          raw.push(await rawTrip())
          await quiet()
          const offline = pushOf(userId, false)
          const closedMs = performance.now()
          const closed = client.close()
          latencies.push((await offline) - closedMs)
          await closed
          raw.push(await rawTrip())
          await quiet()
        }
        return { latencies: latencies.sort(ascending), raw: raw.sort(ascending) }
      }
      await round()
      const pushesBefore = watcher.history.filter(({ via }) => via === 'push').length
      const rounds: Awaited<ReturnType<typeof round>>[] = []
      for (let at = 0; at < sizes.rounds; at++) rounds.push(await round())
      const pushes = watcher.history.filter(({ via }) => via === 'push').length - pushesBefore
      mustBe(pushes, sizes.rounds * sizes.users * 2, 'pushes received')
      const all = rounds.flatMap(({ latencies }) => latencies).sort(ascending)
      const notes = [
        `all ${all.length} changes: p50 ${short(percentile(all, 0.5))} ms, ` +
          `p99 ${short(percentile(all, 0.99))} ms, max ${short(all.at(-1)!)} ms`,
      ]
      return [0.5, 0.99].map((part) =>
        figure({
          name: `change to push across nodes, p${part * 100}`,
          unit: 'ms',
          ours: rounds.map(({ latencies }) => percentile(latencies, part)),
          ceiling: {
            name: 'Redis PUBLISH to SUBSCRIBE',
            values: rounds.map(({ raw }) => percentile(raw, part)),
          },
          notes: part === 0.5 ? notes : [],
        }),
      )
    }),
})

const ascending = (a: number, b: number) => a - b

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS))
}
