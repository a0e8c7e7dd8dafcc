/** How many users a second get from the shards through sync into Redis? */
import type { Redis } from 'ioredis'
import type { Assertion } from '../src/presence/types.js'
import { claimsKey, onlineKey } from '../src/store/redis/keys.js'
import { assertPresence, decodeReplies, defineScripts, runScript } from '../src/store/redis/scripts.js'
import { startRedis } from '../test/support/redis.js'
import { defineBenchmark, figure, short } from './support/figures.js'
import { cpuSecondsOf } from './support/gateway.js'
import { interleave, medianOf, mustBe, withCpu } from './support/measure.js'
import { OwnIo } from './support/own-io.js'
import { countOnline, keysInCalls } from './support/records.js'
import { withScope } from './support/scope.js'

/** A shard has at most two batches in flight. */
const FLIGHTS_PER_SHARD = 2
const TTL_S = 1_800

export const assertions = defineBenchmark({
  name: 'assertions',
  question: 'users a second from shard actors through the sync actor into Redis',
  sizes: {
    /** Some tenths of a second: the ends of a round, when not everybody has work, are a small part of it. */
    users: 40_000,
    /** The gateway's defaults. */
    shards: 16,
    batch: 100,
    rounds: 9,
  },
  run: (sizes) =>
    withScope(async (scope) => {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      const raw = redis.client()
      defineScripts(raw)
      const node = await OwnIo.start(scope, {
        REDIS_URL: redis.url,
        NODE_ID: 'bench',
        PRESENCE_SHARDS: String(sizes.shards),
        BATCH_SIZE: String(sizes.batch),
      })
      const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
      const timed = async (work: () => Promise<void>) => {
        const redisBefore = cpuSecondsOf(redis.pid)
        const startMs = performance.now()
        const { cpuSeconds } = await withCpu(work)
        const perSecond = (sizes.users / (performance.now() - startMs)) * 1_000
        const redisUs = ((cpuSecondsOf(redis.pid) - redisBefore) * 1e6) / sizes.users
        mustBe(await countOnline(raw, userIds), sizes.users, 'users in Redis')
        const cpuUs = (cpuSeconds * 1e6) / sizes.users
        return { perSecond, cpuUs, redisUs }
      }
      const ways = {
        node: async () => {
          const figures = await timed(() => node.connect(userIds))
          await node.disconnect(userIds)
          await forget(raw, userIds)
          return figures
        },
        script: async () => {
          const packed: Buffer[] = []
          const inFlight = sizes.shards * FLIGHTS_PER_SHARD
          const figures = await timed(async () => {
            packed.push(...(await callInBatches(raw, userIds, sizes.batch, inFlight)))
          })
          const changed = packed.flatMap((reply) => decodeReplies(reply)).filter(Array.isArray)
          mustBe(changed.length, sizes.users, 'changes reported by the script')
          await forget(raw, userIds)
          return figures
        },
      }
      await interleave(1, ways)
      const { node: ours, script } = await interleave(sizes.rounds, ways)
      const rate = (all: typeof ours) => all.map(({ perSecond }) => perSecond)
      const cpu = (all: typeof ours, part: 'cpuUs' | 'redisUs') =>
        short(medianOf(all.map((one) => one[part])))
      return [
        figure({
          name: 'assertions into Redis',
          unit: 'users/s',
          ours: rate(ours),
          ceiling: { name: `bare client, same script, batch and flights`, values: rate(script) },
          goal: { atLeast: 0.7 },
          notes: [
            `CPU: ${cpu(ours, 'cpuUs')} µs a user (the io, shard and sync threads together) and ` +
              `${cpu(ours, 'redisUs')} µs of Redis; bare client ${cpu(script, 'cpuUs')} µs and ` +
              `${cpu(script, 'redisUs')} µs`,
          ],
        }),
      ]
    }),
})

/** The same script on a client that does nothing else, with as many calls in flight. */
async function callInBatches(
  client: Redis,
  userIds: readonly string[],
  batchSize: number,
  inFlight: number,
): Promise<Buffer[]> {
  const settings = { holder: 'raw#1', presenceTtlS: TTL_S, openimCompat: false }
  const replies: Buffer[] = []
  let at = 0
  const callOn = async (): Promise<void> => {
    while (at < userIds.length) {
      const users = userIds.slice(at, at + batchSize)
      at += batchSize
      // As a shard says it of users who come, with the default policy: their logins are to be numbered.
      const batch: Assertion[] = users.map((userId) => ({
        userId,
        platformIds: [2],
        versionSeen: 0,
        isLogin: true,
      }))
      replies.push((await runScript(client, assertPresence(batch, settings))) as Buffer)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, callOn))
  return replies
}

async function forget(client: Redis, userIds: readonly string[]): Promise<void> {
  for (const keys of keysInCalls(userIds.flatMap((id) => [onlineKey(id), claimsKey(id)]))) {
    await client.unlink(...keys)
  }
}
