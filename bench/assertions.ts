/** How many users a second get from the shards through sync into Redis, and into a Cluster? */
import type { Cluster, Redis } from 'ioredis'
import type { Assertion } from '../src/rules/types.js'
import { plainKeys } from '../src/store/redis/keys.js'
import {
  assertPresence,
  decodeReplies,
  defineScripts,
  runScript,
} from '../src/store/redis/scripts/scripts.js'
import { Router } from '../src/store/redis/server/routing.js'
import { cpuSecondsOf } from '../test/support/proc.js'
import { type RedisServer, startRedis, startRedisCluster } from '../test/support/redis.js'
import { defineBenchmark, type Figure, figure, short } from './support/figures.js'
import { interleave, medianOf, mustBe, withCpu } from './support/measure.js'
import { OpenimPattern } from './support/openim-pattern.js'
import { OwnIo } from './support/own-io.js'
import { countAllOnline, forgetEverybody } from './support/records.js'
import { type Scope, withScope } from './support/scope.js'

/** A shard has at most two batches in flight. */
const FLIGHTS_PER_SHARD = 2
const TTL_S = 1_800
const PLATFORM = 2

export const assertions = defineBenchmark({
  name: 'assertions',
  question: 'users a second from shard actors through the sync actor into Redis, and into a Cluster of three',
  sizes: {
    /** Some tenths of a second: the ends of a round, when not everybody has work, are a small part of it. */
    users: 20_000,
    /** OpenIM's pattern gets fewer, to take about as long. */
    patternUsers: 2_000,
    /** The gateway's defaults. */
    shards: 4,
    batch: 100,
    rounds: 7,
  },
  fullSizes: { users: 100_000, patternUsers: 10_000, rounds: 11 },
  run: async (sizes) => [
    ...(await withScope(async (scope) => measure(sizes, scope, await startOne(scope)))),
    ...(await withScope(async (scope) => measure(sizes, scope, await startCluster(scope)))),
  ],
})

interface Sizes {
  users: number
  patternUsers: number
  shards: number
  batch: number
  rounds: number
}

/** Where the records go. */
interface Target {
  name: string
  /** Settings of a node. */
  env: Record<string, string>
  masters: RedisServer[]
  client(): Redis | Cluster
}

async function startOne(scope: Scope): Promise<Target> {
  const redis = await startRedis()
  scope.defer(() => redis.stop())
  return {
    name: 'one Redis',
    env: { REDIS_URL: redis.url },
    masters: [redis],
    client: () => redis.client(),
  }
}

async function startCluster(scope: Scope): Promise<Target> {
  const cluster = await startRedisCluster()
  scope.defer(() => cluster.stop())
  return {
    name: 'a Cluster of three',
    env: { REDIS_CLUSTER_NODES: cluster.nodes },
    masters: cluster.masters,
    client: () => cluster.client(),
  }
}

interface Round {
  perSecond: number
  /** Of this process, in which all but Redis runs, a user. */
  cpuUs: number
  /** Of all masters together, a user. */
  redisUs: number
  /** Part of the time in which this thread was busy: at the node's side it is the io thread, and brings the users. */
  ioPart: number
}

async function measure(sizes: Sizes, scope: Scope, target: Target): Promise<Figure[]> {
  const ways = await startWays(sizes, scope, target)
  await interleave(1, ways)
  const { node, script, openim } = await interleave(sizes.rounds, ways)
  const part = (all: Round[], pick: keyof Round) => all.map((one) => one[pick])
  const redisUs = (all: Round[]) => `${short(medianOf(part(all, 'redisUs')))} µs`
  const row = (beside: string, ceiling: Round[], atLeast: number, notes: string[]) =>
    figure({
      name: `assertions into ${target.name}`,
      unit: 'users/s',
      ours: part(node, 'perSecond'),
      cpuUs: part(node, 'cpuUs'),
      ceiling: { name: beside, values: part(ceiling, 'perSecond'), cpuUs: part(ceiling, 'cpuUs') },
      generator: { name: 'the io thread of the bench', ours: part(node, 'ioPart') },
      goal: { atLeast },
      notes,
    })
  return [
    row('bare client, same script, batch and flights', script, 0.7, [
      'CPU of the io, shard and sync threads together; ' +
        `Redis takes another ${redisUs(node)}, with the bare client ${redisUs(script)}`,
    ]),
    row("OpenIM's pattern, one flush after another", openim, 10, [
      `OpenIM's pattern without its waits for the second to end; Redis takes ${redisUs(openim)} for each of its users`,
    ]),
  ]
}

async function startWays(sizes: Sizes, scope: Scope, target: Target) {
  const userIds = Array.from({ length: sizes.users }, (_, n) => `user-${n}`)
  const masters = target.masters.map((master) => master.client())
  const raw = target.client()
  defineScripts(raw)
  const node = await OwnIo.start(scope, {
    ...target.env,
    NODE_ID: 'bench',
    PRESENCE_SHARDS: String(sizes.shards),
    BATCH_SIZE: String(sizes.batch),
  })
  const pattern = new OpenimPattern(target.client)
  scope.defer(() => pattern.stop())
  const timed = async (users: number, work: () => Promise<void>): Promise<Round> => {
    const redisCpu = () => target.masters.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0)
    const redisBefore = redisCpu()
    const loop = performance.eventLoopUtilization()
    const startMs = performance.now()
    const { cpuSeconds } = await withCpu(work)
    const seconds = (performance.now() - startMs) / 1_000
    const { utilization: ioPart } = performance.eventLoopUtilization(loop)
    const redisSeconds = redisCpu() - redisBefore
    mustBe(await countAllOnline(masters), users, 'users in Redis')
    const usEach = (cpu: number) => (cpu * 1e6) / users
    return { perSecond: users / seconds, cpuUs: usEach(cpuSeconds), redisUs: usEach(redisSeconds), ioPart }
  }
  return {
    node: async () => {
      const round = await timed(sizes.users, () => node.connect(userIds))
      await node.disconnect(userIds)
      await forgetEverybody(masters)
      return round
    },
    script: async () => {
      const batches = batchesOf(raw, userIds, sizes.batch)
      const packed: Buffer[] = []
      const round = await timed(sizes.users, async () => {
        packed.push(...(await callInBatches(raw, batches, sizes.shards * FLIGHTS_PER_SHARD)))
      })
      const changed = packed.flatMap((reply) => decodeReplies(reply)).filter(Array.isArray)
      mustBe(changed.length, sizes.users, 'changes reported by the script')
      await forgetEverybody(masters)
      return round
    },
    openim: async () => {
      const { published } = pattern.counts
      const round = await timed(sizes.patternUsers, () => {
        for (let n = 0; n < sizes.patternUsers; n++) pattern.announce(`user-${n}`, [PLATFORM])
        return pattern.flush()
      })
      mustBe(
        pattern.counts.published - published,
        sizes.patternUsers,
        "changes published by OpenIM's pattern",
      )
      await forgetEverybody(masters)
      return round
    },
  }
}

/** Users of one master in each batch, the masters by turns. */
function batchesOf(client: Redis | Cluster, userIds: readonly string[], batchSize: number): string[][] {
  const { groups } = new Router(client).route(userIds, (userId) => plainKeys.online(userId))
  const longest = Math.max(...groups.map((group) => group.length))
  const batches: string[][] = []
  for (let at = 0; at < longest; at += batchSize) {
    for (const group of groups) if (at < group.length) batches.push(group.slice(at, at + batchSize))
  }
  return batches
}

/** The same script on a client that does nothing else, with as many calls in flight. */
async function callInBatches(
  client: Redis | Cluster,
  batches: readonly string[][],
  inFlight: number,
): Promise<Buffer[]> {
  const settings = {
    keys: plainKeys,
    holder: 'raw#1',
    presenceTtlS: TTL_S,
    openimCompat: false,
    tellsNodes: true,
  }
  const replies: Buffer[] = []
  const waiting = batches.values()
  const callOn = async (): Promise<void> => {
    for (const users of waiting) {
      // As a shard says it of users who come, with the default policy: their logins are to be numbered.
      const batch: Assertion[] = users.map((userId) => ({
        userId,
        platformIds: [PLATFORM],
        versionSeen: 0,
        isLogin: true,
      }))
      replies.push((await runScript(client, assertPresence(batch, settings))) as Buffer)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, callOn))
  return replies
}
