/** A node has died: how long does a survivor take to withdraw what it held, and how much of Redis does that take? */
import type { Store } from '../src/store/ports/store.js'
import { plainKeys } from '../src/store/redis/keys.js'
import { deaf } from '../test/support/deaf.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { startRedis } from '../test/support/redis.js'
import { redisStore } from '../test/support/store-backends.js'
import { defineBenchmark, figure } from './support/figures.js'
import { interleave, mustBe, withCpu } from './support/measure.js'
import { withScope } from './support/scope.js'

const BATCH = 500
const IN_FLIGHT = 4
const PLATFORM = 2

export const sweep = defineBenchmark({
  name: 'sweep',
  question: 'users a second whose records of a dead node are withdrawn, among as many of the living',
  sizes: { users: 50_000, rounds: 3 },
  fullSizes: { users: 200_000, rounds: 5 },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const open = async (nodeId: string) => {
        const store = redisStore({ url: redis.url, nodeId })
        scope.defer(() => store.close(true))
        const { holder } = await store.open(deaf)
        return { store, holder }
      }
      const [dead, living] = [await open('dead'), await open('living')]
      const usersOf = (word: string) => Array.from({ length: sizes.users }, (_, n) => `${word}-${n}`)
      const theirs = usersOf('theirs')
      await assertAll(living.store, usersOf('ours'), [PLATFORM])
      const measured = async (work: () => Promise<void>) => {
        await assertAll(dead.store, theirs, [PLATFORM])
        const redisBefore = cpuSecondsOf(redis.pid)
        const startMs = performance.now()
        const { cpuSeconds } = await withCpu(work)
        const seconds = (performance.now() - startMs) / 1_000
        const redisSeconds = cpuSecondsOf(redis.pid) - redisBefore
        mustBe(Number(await redis.client().zcard(plainKeys.online(theirs[0]!))), 0, 'platforms left')
        return {
          perSecond: sizes.users / seconds,
          redisPart: redisSeconds / seconds,
          redisSeconds,
          cpuSeconds,
        }
      }
      const { swept, known } = await interleave(sizes.rounds, {
        swept: () =>
          measured(async () => {
            mustBe(await living.store.registry.sweep(dead.holder), sizes.users, 'users swept')
          }),
        known: () => measured(() => assertAll(dead.store, theirs, [])),
      })
      const part = (pick: (one: (typeof swept)[number]) => number, all = swept) => all.map(pick)
      return [
        figure({
          name: 'sweep of a dead node',
          unit: 'users/s',
          ours: part(({ perSecond }) => perSecond),
          ceiling: {
            name: 'withdrawn by who knows them all, without pauses',
            values: part(({ perSecond }) => perSecond, known),
          },
        }),
        figure({
          name: 'the same: part of a core that Redis uses meanwhile',
          unit: 'cores',
          ours: part(({ redisPart }) => redisPart),
          ceiling: { name: 'without pauses', values: part(({ redisPart }) => redisPart, known) },
        }),
        figure({
          name: 'the same: CPU of Redis a user',
          unit: 'µs',
          ours: part(({ redisSeconds }) => (redisSeconds * 1e6) / sizes.users),
          ceiling: {
            name: 'without looking for them',
            values: part(({ redisSeconds }) => (redisSeconds * 1e6) / sizes.users, known),
          },
        }),
      ]
    }),
})

async function assertAll(store: Store, userIds: readonly string[], platformIds: number[]): Promise<void> {
  let at = 0
  const work = async () => {
    while (at < userIds.length) {
      const batch = userIds.slice(at, at + BATCH)
      at += BATCH
      await store.presence.assert(batch.map((userId) => ({ userId, platformIds, versionSeen: 0 })))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
}
