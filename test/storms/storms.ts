/** Every storm, and what must be true after it. */
import { setTimeout as sleep } from 'node:timers/promises'
import slotOf from 'cluster-key-slot'
import { plainKeys } from '../../src/store/redis/keys.js'
import { Mover } from '../support/slot-mover.js'
import type { Difference } from './audit.js'
import type { StormCluster } from './storm-cluster.js'

export interface Storm {
  name: string
  what: string
  /** Redis forgets tokens in it: clients have to ask for new ones. */
  losesRecords?: boolean
  run(storm: StormCluster): Promise<Aftermath>
}

export interface Aftermath {
  /** From when on the time to agreement counts. `performance.now()`. */
  sinceMs: number
  /** So long watchers may take to be told, and Redis to have it. */
  watchersWithinMs: number
  allWithinMs: number
  /** What was wrong while it blew, in words. */
  problems?: string[]
}

export interface Outcome {
  storm: string
  users: number
  /** Undefined = not in time. */
  watchersS: number | undefined
  allS: number | undefined
  offlines: number
  falseOfflines: number
  differences: number
  /** What is wrong, in words; none = it passed. */
  problems: string[]
}

const OTHERS_MS = 5_000
/** Sooner than any node can have noticed and written everything again: agreement before says nothing. */
const FORGOTTEN_MS = 500
const SHOWN = 5

export async function runStorm(cluster: StormCluster, storm: Storm): Promise<Outcome> {
  const { crowd, watchers, audit, settings } = cluster
  await cluster.restore()
  watchers.offlines = []
  crowd.cuts.length = 0
  crowd.newTokens = 0
  crowd.refusals = 0
  crowd.refusedWith.clear()
  settings.say(`${storm.name}: ${storm.what}`)
  const { sinceMs, watchersWithinMs, allWithinMs, problems = [] } = await storm.run(cluster)
  const agreement = await audit.untilAgreed(sinceMs + allWithinMs - performance.now())
  const { watchersMs, allMs } = agreement
  settings.say(
    `${storm.name}: agreement after ${since(sinceMs, allMs)}, watchers ${since(sinceMs, watchersMs)}`,
  )
  await sleep(settings.settleMs)
  crowd.excuseNobody()
  const left = allMs === undefined ? agreement.differences : await audit.differences()
  const falseOnes = watchers.offlines.filter(({ isFalse }) => isFalse)
  if (allMs === undefined) problems.push(`no agreement within ${allWithinMs} ms`)
  if (watchersMs === undefined || watchersMs - sinceMs > watchersWithinMs) {
    problems.push(`watchers were not told within ${watchersWithinMs} ms`)
  }
  if (left.length > 0) problems.push(...inWords(left))
  if (falseOnes.length > 0) {
    const users = new Set(falseOnes.map((told) => told.userId)).size
    problems.push(`${users} users were shown offline that were not:`)
    for (const { userId, nodeId, atMs, devices } of falseOnes.slice(0, SHOWN)) {
      problems.push(`  ${userId} at ${nodeId} after ${since(sinceMs, atMs)}; they had ${devices}`)
    }
  }
  if (crowd.cuts.length > 0) problems.push(`${crowd.cuts.length} sockets were cut, first: ${crowd.cuts[0]}`)
  if (crowd.newTokens > 0 && !storm.losesRecords) {
    problems.push(`${crowd.newTokens} good tokens were refused: ${[...crowd.refusedWith.keys()].join('; ')}`)
  }
  return {
    storm: storm.name,
    users: crowd.byUser.size,
    watchersS: watchersMs === undefined ? undefined : (watchersMs - sinceMs) / 1000,
    allS: allMs === undefined ? undefined : (allMs - sinceMs) / 1000,
    offlines: watchers.offlines.length,
    falseOfflines: falseOnes.length,
    differences: left.length,
    problems,
  }
}

function since(fromMs: number, toMs: number | undefined): string {
  return toMs === undefined ? 'never' : `${((toMs - fromMs) / 1000).toFixed(2)} s`
}

function inWords(differences: Difference[]): string[] {
  const shown = differences.slice(0, SHOWN).map(({ text }) => text)
  return [`${differences.length} differences:`, ...shown.map((text) => `  ${text}`)]
}

/** Half of its users stay away, half come back elsewhere. */
const kill: Storm = {
  name: 'kill',
  what: 'a node is killed; half of its users come back elsewhere',
  async run(cluster) {
    const { crowd, settings, watchers } = cluster
    const victim = cluster.homes[0]!.nodeId
    const lost = crowd.at(victim)
    const away = lost.filter((_, n) => n % 2 === 0)
    crowd.holdBack(away)
    const sinceMs = performance.now()
    await cluster.kill(victim)
    settings.say(`kill: ${lost.length} sockets lost, ${away.length} of them for good`)
    await sleep(settings.leaseMs / 2)
    const early = watchers.offlines.length
    return {
      sinceMs,
      watchersWithinMs: settings.leaseMs + 5_000,
      allWithinMs: 2 * settings.leaseMs + 15_000,
      // A lease is renewed every third of it.
      problems: early === 0 ? [] : [`${early} offlines were told before the lease can have ended`],
    }
  },
}

/** A third of its users notice and go elsewhere, a third give up, a third wait. */
const freeze: Storm = {
  name: 'freeze',
  what: 'a node hangs for longer than its lease, and goes on (SIGSTOP, SIGCONT)',
  async run(cluster) {
    const { crowd, settings } = cluster
    const victim = cluster.homes[1]!.nodeId
    const there = crowd.at(victim)
    cluster.freeze(victim)
    // Who has a device at another node must be shown online throughout.
    const waiting = there.filter((_, n) => n % 3 === 2).map(({ userId }) => userId)
    const isOnlyThere = (userId: string) =>
      crowd.byUser.get(userId)!.every((member) => !member.isOpen || member.home!.nodeId === victim)
    await sleep(settings.leaseMs / 10)
    crowd.break(there.filter((_, n) => n % 3 === 0))
    crowd.break(
      there.filter((_, n) => n % 3 === 1),
      { comeBack: false },
    )
    crowd.excuse(waiting.filter(isOnlyThere))
    await sleep(2 * settings.leaseMs + 2_000)
    const sinceMs = performance.now()
    cluster.thaw(victim)
    const withinMs = settings.leaseMs + settings.graceMs + OTHERS_MS
    return { sinceMs, watchersWithinMs: withinMs, allWithinMs: withinMs + settings.leaseMs }
  },
}

const flushAll: Storm = {
  name: 'flushall',
  what: 'every master forgets everything',
  losesRecords: true,
  async run(cluster) {
    const sinceMs = performance.now()
    await cluster.everyServer('master', 'FLUSHALL')
    await sleep(FORGOTTEN_MS)
    return { sinceMs, watchersWithinMs: OTHERS_MS, allWithinMs: 2 * cluster.settings.leaseMs + OTHERS_MS }
  },
}

const flushAllUnderLoad: Storm = {
  name: 'flushall-load',
  what: 'the same, while users break, move, leave and come',
  losesRecords: true,
  async run(cluster) {
    const { crowd, settings } = cluster
    crowd.startChurn(settings.churnPerS)
    await sleep(settings.graceMs)
    await cluster.everyServer('master', 'FLUSHALL')
    const sinceMs = performance.now()
    await sleep(settings.leaseMs / 2)
    crowd.stopChurn()
    return { sinceMs, watchersWithinMs: 45_000, allWithinMs: 45_000 + settings.leaseMs }
  },
}

/** Every server is told the same again and again, while users come, move and go. */
const toldUnderLoad = (name: string, what: string, ...command: [string, ...string[]]): Storm => ({
  name,
  what,
  async run(cluster) {
    const { crowd, settings } = cluster
    crowd.startChurn(settings.churnPerS)
    for (let round = 0; round < 5; round++) {
      await cluster.everyServer('any', ...command)
      await sleep(400)
    }
    const sinceMs = performance.now()
    crowd.stopChurn()
    const withinMs = settings.graceMs + OTHERS_MS
    return { sinceMs, watchersWithinMs: withinMs, allWithinMs: withinMs }
  },
})

const scriptFlush = toldUnderLoad(
  'scriptflush',
  'every Redis server forgets its scripts, again and again, under load',
  'SCRIPT',
  'FLUSH',
)

const cutSubscribers = toldUnderLoad(
  'cut-subscribers',
  'every Redis server cuts those that subscribe, as it does when they stall, again and again, under load',
  'CLIENT',
  'KILL',
  'TYPE',
  'pubsub',
)

/** Some break and some leave while it is away. */
const redisAway: Storm = {
  name: 'redis-away',
  what: 'all Redis servers hang',
  async run(cluster) {
    const { crowd, settings } = cluster
    for (const server of cluster.servers) server.freeze()
    await sleep(settings.outageMs / 4)
    crowd.break(crowd.members.filter((_, n) => n % 20 === 3))
    crowd.leave(crowd.members.filter((_, n) => n % 20 === 13))
    await sleep((settings.outageMs * 3) / 4)
    const sinceMs = performance.now()
    for (const server of cluster.servers) server.thaw()
    return { sinceMs, watchersWithinMs: 30_000, allWithinMs: 30_000 + settings.leaseMs }
  },
}

const redisEmpty: Storm = {
  name: 'redis-empty',
  what: 'all Redis servers die, and come back with nothing',
  losesRecords: true,
  async run(cluster) {
    const { crowd, settings } = cluster
    await Promise.all(cluster.servers.map((server) => server.kill()))
    await sleep(settings.outageMs / 4)
    crowd.break(crowd.members.filter((_, n) => n % 20 === 3))
    crowd.leave(crowd.members.filter((_, n) => n % 20 === 13))
    await Promise.all(cluster.servers.map((server) => server.restart()))
    const sinceMs = performance.now()
    return { sinceMs, watchersWithinMs: 45_000, allWithinMs: 45_000 + settings.leaseMs }
  },
}

const killMaster: Storm = {
  name: 'kill-master',
  what: 'the Redis master that has the registry dies under load; its replica takes its place',
  async run(cluster) {
    const { crowd, settings } = cluster
    const dying = await cluster.ownerOf(plainKeys.nodes())
    crowd.startChurn(settings.churnPerS)
    await sleep(500)
    const sinceMs = performance.now()
    await dying.kill()
    await sleep(12_000)
    crowd.stopChurn()
    settings.say('kill-master: the dead one comes back as a replica')
    await dying.restart()
    await cluster.redisIsWhole(20_000)
    return { sinceMs, watchersWithinMs: 45_000, allWithinMs: 60_000 }
  },
}

/** Too short for a replica to take over. */
const STALL_MS = 1_000

const stall: Storm = {
  name: 'stall',
  what: 'each Redis master hangs for a second, one after another, under load',
  async run(cluster) {
    const { crowd, settings, redis } = cluster
    crowd.startChurn(settings.churnPerS)
    for (const master of redis.masters) {
      master.freeze()
      await sleep(STALL_MS)
      master.thaw()
      await sleep(STALL_MS)
    }
    const sinceMs = performance.now()
    crowd.stopChurn()
    const withinMs = settings.graceMs + OTHERS_MS
    return { sinceMs, watchersWithinMs: withinMs, allWithinMs: withinMs }
  },
}

/**
 * Between two moves, until each master has heard of the last one. Sooner, an older word of the giver with a newer epoch
 * makes the taker believe that it lost the slot again, and then nobody serves it: that would be a storm of Redis' own.
 */
const HEARSAY_MS = 150

const moveSlots: Storm = {
  name: 'move-slots',
  what: 'slots move between masters under load: of the registry, of the node channels, of users',
  async run(cluster) {
    const { crowd, settings, redis, random } = cluster
    const mover = new Mover(redis.masters)
    const { userIds } = crowd
    const users = Array.from({ length: 40 }, () => userIds[Math.floor(random() * userIds.length)]!)
    const keys = [
      ...users.slice(0, 20).map((user) => plainKeys.online(user)),
      plainKeys.nodes(),
      ...cluster.homes.map(({ nodeId }) => plainKeys.nodeChannel(nodeId)),
      ...users.slice(20).map((user) => plainKeys.online(user)),
    ]
    crowd.startChurn(settings.churnPerS)
    for (const key of keys) {
      const from = await mover.ownerOf(key)
      await mover.move(slotOf(key), from, (from + 1) % redis.masters.length)
      await sleep(HEARSAY_MS)
    }
    const sinceMs = performance.now()
    await sleep(500)
    crowd.stopChurn()
    return { sinceMs, watchersWithinMs: 30_000, allWithinMs: 30_000 }
  },
}

const rolling: Storm = {
  name: 'rolling',
  what: 'every node is restarted, one after another, under load',
  async run(cluster) {
    const { crowd, settings } = cluster
    crowd.startChurn(settings.churnPerS)
    for (const { nodeId } of cluster.homes) {
      const beganMs = performance.now()
      await cluster.stop(nodeId)
      settings.say(`rolling: ${nodeId} ended after ${since(beganMs, performance.now())}`)
      await cluster.open(nodeId)
    }
    const sinceMs = performance.now()
    crowd.stopChurn()
    const withinMs = settings.graceMs + OTHERS_MS
    return { sinceMs, watchersWithinMs: withinMs, allWithinMs: withinMs }
  },
}

const flip: Storm = {
  name: 'flip',
  what: 'two nodes are killed in turn, six times, and come back at once under their old names',
  async run(cluster) {
    const { settings } = cluster
    const [first, second] = cluster.homes.map(({ nodeId }) => nodeId) as [string, string]
    for (let round = 0; round < 6; round++) {
      const victim = round % 2 === 0 ? first : second
      await cluster.kill(victim)
      await cluster.open(victim)
      await sleep(1_000)
    }
    const sinceMs = performance.now()
    const withinMs = settings.leaseMs + OTHERS_MS
    return { sinceMs, watchersWithinMs: withinMs, allWithinMs: withinMs + settings.leaseMs }
  },
}

export const STORMS: readonly Storm[] = [
  kill,
  freeze,
  flip,
  rolling,
  scriptFlush,
  cutSubscribers,
  flushAll,
  flushAllUnderLoad,
  stall,
  moveSlots,
  killMaster,
  redisAway,
  redisEmpty,
]
