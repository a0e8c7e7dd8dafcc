/** Who of a thousand users is where: one question, beside OpenIM's way, which asks Redis user by user. */
import { platformsOf } from '../src/rules/presence/watch-index.js'
import { plainKeys } from '../src/store/redis/keys.js'
import { deaf } from '../test/support/deaf.js'
import { startRedis } from '../test/support/redis.js'
import { redisStore } from '../test/support/store-backends.js'
import { defineBenchmark, figure } from './support/figures.js'
import { interleave, mustBe, withCpu } from './support/measure.js'
import { withScope } from './support/scope.js'

const PLATFORM = 2
const OPENIM = "OpenIM's pattern, user by user"

export const status = defineBenchmark({
  name: 'status',
  question: 'milliseconds and round trips to learn where a thousand users are',
  sizes: { users: 1_000, rounds: 15 },
  fullSizes: { rounds: 51 },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const client = redis.client()
      const store = redisStore({ url: redis.url, nodeId: 'bench' })
      scope.defer(() => store.close(true))
      await store.open(deaf)
      const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
      await store.presence.assert(
        userIds.map((userId) => ({ userId, platformIds: [PLATFORM], versionSeen: 0 })),
      )

      /** `command`: what each round trip is, as Redis counts it. */
      const measured = async (command: string, ask: () => Promise<number>) => {
        await client.config('RESETSTAT')
        const startMs = performance.now()
        const { result, cpuSeconds } = await withCpu(ask)
        const ms = performance.now() - startMs
        mustBe(result, sizes.users, 'users online')
        const stats = await client.info('commandstats')
        const roundTrips = Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1])
        return { ms, roundTrips, cpuUs: (cpuSeconds * 1e6) / sizes.users }
      }
      const ways = {
        ours: () =>
          measured('evalsha', async () => {
            const snapshots = await store.presence.read(userIds)
            return snapshots.filter((snapshot) => platformsOf(snapshot).length > 0).length
          }),
        openim: () =>
          measured('zrangebyscore', async () => {
            let online = 0
            for (const userId of userIds) {
              const nowS = Math.floor(Date.now() / 1_000)
              const platforms = await client.zrangebyscore(plainKeys.online(userId), nowS, '+inf')
              if (platforms.length > 0) online++
            }
            return online
          }),
      }
      // The first call brings the script.
      await interleave(1, ways)
      const rounds = await interleave(sizes.rounds, ways)
      const part = (way: keyof typeof rounds, pick: 'ms' | 'roundTrips' | 'cpuUs') =>
        rounds[way].map((one) => one[pick])
      return [
        figure({
          name: 'status of many users',
          unit: 'ms',
          ours: part('ours', 'ms'),
          cpuUs: part('ours', 'cpuUs'),
          ceiling: { name: OPENIM, values: part('openim', 'ms'), cpuUs: part('openim', 'cpuUs') },
          goal: { atMost: 0.05 },
          notes: ['CPU of who asks, for one user'],
        }),
        figure({
          name: 'status of many users: round trips',
          unit: '',
          ours: part('ours', 'roundTrips'),
          ceiling: { name: OPENIM, values: part('openim', 'roundTrips') },
          goal: { atMost: 0.02 },
        }),
      ]
    }),
})
