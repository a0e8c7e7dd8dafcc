/**
 * What does it cost to keep a million users on record?
 *
 * One renewal of everybody is measured on both sides, and counted as often as each does it in an hour.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { loadConfig } from '../src/config/config.js'
import { RenewalWheel } from '../src/rules/presence/renewal-wheel.js'
import { plainKeys } from '../src/store/redis/keys.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { type RedisServer, startRedis } from '../test/support/redis.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import { interleave, mustBe, spreadOf, withCpu } from './support/measure.js'
import { OpenimPattern } from './support/openim-pattern.js'
import { OwnIo } from './support/own-io.js'
import { withScope } from './support/scope.js'

const PLATFORM = 2
const USERS_A_CALL = 1_000
/** A record is renewed in each third of its life. */
const TURNS_PER_TTL = 3
/** The least that PRESENCE_TTL_S may be. */
const TTL_MIN_S = 10
const OPENIM = "OpenIM's pattern, one EVAL a user, four workers"
const HOUR_S = 3_600
/** With the default settings: a node's lease says whether its records count, so they need not be renewed often. */
const RENEWALS_AN_HOUR = HOUR_S / (loadConfig({}).presenceTtlS / TURNS_PER_TTL)
/** Each user is announced again every 10 to 20 minutes; this is the rarer. */
const OPENIM_RENEWALS_AN_HOUR = HOUR_S / 1_200

/** CPU of a renewal, and of how many users it was. */
interface Cost {
  nodeSeconds: number
  redisSeconds: number
  users: number
}

export const renewal = defineBenchmark({
  name: 'renewal',
  question: 'CPU to keep everybody on record for an hour, of the node and of Redis',
  sizes: {
    users: 100_000,
    /** How long the node takes for all of them, s; at least 4. With the defaults it is four hours. */
    turnS: 5,
    /** The gateway's defaults. With a million users 244 of a shard are due at a time. */
    shards: 4,
    batch: 100,
    rounds: 3,
  },
  fullSizes: { users: 1_000_000, turnS: 60 },
  run: (sizes) =>
    withScope(async (outer) => {
      const redis = await startRedis()
      outer.defer(() => redis.stop())
      const client = redis.client()
      const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
      const ttlS = Math.max(TTL_MIN_S, sizes.turnS * TURNS_PER_TTL)
      const settings = {
        REDIS_URL: redis.url,
        NODE_ID: 'bench',
        PRESENCE_TTL_S: String(ttlS),
        PRESENCE_SHARDS: String(sizes.shards),
        BATCH_SIZE: String(sizes.batch),
      }
      const emptied = async (work: () => Promise<Cost>) => {
        const cost = await work()
        await client.flushall()
        return cost
      }
      const { node, openim } = await interleave(sizes.rounds, {
        node: () => emptied(() => renewedByNode(redis, settings, userIds, ttlS)),
        openim: () => emptied(() => renewedByOpenim(redis, userIds)),
      })
      return figuresOf(sizes.users, node, openim)
    }),
})

/** CPU of as many renewals as there are users: a node began some a second time before it was looked at. */
function figuresOf(users: number, node: Cost[], openim: Cost[]): Figure[] {
  const each = (costs: Cost[], part: (cost: Cost) => number) => costs.map((cost) => part(cost) / cost.users)
  const us = (seconds: number[]) => seconds.map((one) => one * 1e6)
  const row = (whose: string, part: (cost: Cost) => number) => {
    const [ours, theirs] = [each(node, part), each(openim, part)]
    const [ourUs, theirUs] = [spreadOf(us(ours)).median, spreadOf(us(theirs)).median]
    return {
      name: `${short(users)} users kept on record for an hour, CPU of ${whose}`,
      unit: 's',
      ours: ours.map((seconds) => seconds * users * RENEWALS_AN_HOUR),
      ceiling: { name: OPENIM, values: theirs.map((seconds) => seconds * users * OPENIM_RENEWALS_AN_HOUR) },
      goal: { atMost: 0.1 },
      notes: [
        `one renewal: ${ourUs.toFixed(1)} us a user beside ${theirUs.toFixed(1)}; each user is renewed ` +
          `${RENEWALS_AN_HOUR} times an hour beside ${OPENIM_RENEWALS_AN_HOUR}`,
      ],
    }
  }
  const nodeSeconds = (cost: Cost) => cost.nodeSeconds
  const both = row('node and Redis', (cost) => cost.nodeSeconds + cost.redisSeconds)
  return [
    figure({
      ...both,
      cpuUs: us(each(node, nodeSeconds)),
      ceiling: { ...both.ceiling, cpuUs: us(each(openim, nodeSeconds)) },
      notes: [
        ...both.notes,
        'CPU each is that of the node for one renewal, and beside it that of who sends the commands',
      ],
    }),
    figure(row('Redis alone', (cost) => cost.redisSeconds)),
  ]
}

/** One turn of the wheels of a node that holds everybody, and nothing else to do. */
function renewedByNode(
  redis: RedisServer,
  settings: Record<string, string>,
  userIds: readonly string[],
  ttlS: number,
): Promise<Cost> {
  return withScope(async (scope) => {
    const node = await OwnIo.start(scope, settings)
    await node.connect(userIds)
    const client = redis.client()
    const sinceS = await nextSecond(client)
    const turnMs = (ttlS * 1_000) / TURNS_PER_TTL
    const sentBefore = await node.assertionsSent()
    const cost = await costOf(redis, async () => {
      // A tick more: no shard's began when this did.
      await sleep(turnMs + new RenewalWheel(turnMs).tickMs)
      await node.flush()
      return (await node.assertionsSent()) - sentBefore
    })
    mustBe(await countLiving(client, userIds, sinceS + ttlS), userIds.length, 'users who were renewed')
    return cost
  })
}

function renewedByOpenim(redis: RedisServer, userIds: readonly string[]): Promise<Cost> {
  return withScope(async (scope) => {
    const pattern = new OpenimPattern(() => redis.client())
    scope.defer(() => pattern.stop())
    const announceAll = async () => {
      for (const userId of userIds) pattern.announce(userId, [PLATFORM])
      await pattern.flush()
    }
    await announceAll()
    const before = pattern.counts
    const cost = await costOf(redis, async () => {
      await announceAll()
      return pattern.counts.announced - before.announced
    })
    mustBe(cost.users, userIds.length, 'users who were announced again')
    mustBe(pattern.counts.published - before.published, 0, 'changes that a renewal published')
    return cost
  })
}

/** Of this process, in which both sides run, and of Redis. `renew` returns how many users it has renewed. */
async function costOf(redis: RedisServer, renew: () => Promise<number>): Promise<Cost> {
  const redisBefore = cpuSecondsOf(redis.pid)
  const { result: users, cpuSeconds: nodeSeconds } = await withCpu(renew)
  return { nodeSeconds, redisSeconds: cpuSecondsOf(redis.pid) - redisBefore, users }
}

/** Waits until Redis's clock shows another second, and returns it: a record's expiry then tells if it is older. */
async function nextSecond(client: Redis): Promise<number> {
  const [seconds, micros] = await client.time()
  await sleep(1_000 - Number(micros) / 1_000)
  return Number(seconds) + 1
}

/** How many of them have a record that ends then or later; Unix seconds. */
async function countLiving(client: Redis, userIds: readonly string[], endS: number): Promise<number> {
  let count = 0
  for (let at = 0; at < userIds.length; at += USERS_A_CALL) {
    const pipeline = client.pipeline()
    for (const userId of userIds.slice(at, at + USERS_A_CALL)) {
      pipeline.zcount(plainKeys.online(userId), endS, '+inf')
    }
    for (const [error, found] of (await pipeline.exec())!) {
      if (error === null) count += Number(found)
    }
  }
  return count
}
