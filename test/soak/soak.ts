/**
 * One node under a constant population with churn of logins, breaks and watches. It is looked at whenever it is at
 * rest: what it counts must be what is there, and its memory must not grow.
 */
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Gateway, residentBytes, startGateway } from '../../bench/support/gateway.js'
import { withScope } from '../../bench/support/scope.js'
import { Platform } from '../../src/openim/platforms.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { Crowd } from '../storms/crowd.js'
import { startRedis } from '../support/redis.js'
import { Audience } from './audience.js'
import { type Line, lineThrough } from './line.js'

export interface SoakSettings {
  users: number
  /** Clients that come or go in a second; a fifth as many watchers change whom they watch. */
  churnPerS: number
  /** How long each round of churn lasts before a rest, ms. */
  roundMs: number
  rounds: number
  seed: number
  /** A node on a Redis server of its own instead of the embedded store. */
  isOnRedis: boolean
  say(line: string): void
}

/** The node at rest. */
export interface Sample {
  /** Since the first login. */
  minutes: number
  /** After garbage was collected, all threads together. */
  heapMib: number
  residentMib: number
  openFiles: number
  threads: number
  actors: number
}

export interface SoakResult {
  samples: Sample[]
  /** Of what is to be flat, by its name in `Sample`, a minute. */
  slopes: Record<string, Line>
  /** What is wrong, in words. */
  problems: string[]
}

const GRACE_MS = 1_000
const WATCHERS_PER_USER = 0.02
const WATCHES = 40
const WATCH_CHURN = 0.2
/** How long a node may take to come to rest: the grace, and to notice that a user is not watched any more. */
const REST_MS = 15_000
const LOOK_MS = 100
const COLLECT_MS = 1_000
/** Connections to its metrics. */
const FILES_SLACK = 8
const MIB = 1024 * 1024
/** A heap and its caches grow for a while whoever comes. */
const WARM_UP_PART = 0.3
/** Fewer samples after the warm-up say nothing of a slope. */
const SAMPLES_MIN = 8
/** Growth over the run that is no noise: so much of the level, and so many times the scatter about the line. */
const GROWTH_PART = { heapMib: 0.05, residentMib: 0.08 }
const GROWTH_SCATTERS = 3

const GAUGES = [
  'porchlight_connections',
  'porchlight_online_users',
  'porchlight_watched_users',
  'porchlight_subscriptions',
  'porchlight_actors',
  'porchlight_mailbox_messages',
  'porchlight_link_held',
] as const
type Levels = Record<(typeof GAUGES)[number], number>

export function soak(settings: SoakSettings): Promise<SoakResult> {
  const { users, churnPerS, roundMs, rounds, seed, say } = settings
  return withScope(async (scope) => {
    const env: Record<string, string> = {
      OFFLINE_GRACE_MS: String(GRACE_MS),
      LOGIN_POLICY: '0',
      NODE_ID: 'soak',
    }
    if (settings.isOnRedis) {
      const redis = await startRedis()
      scope.defer(() => redis.stop())
      env.REDIS_URL = redis.url
    }
    const node = await startGateway(scope, { env, collectable: true })
    const empty = await node.metrics(GAUGES)
    const random = mulberry32(seed)
    const tokens = new Map<string, string>()
    const tokenOf = async (userId: string, platformId: number) =>
      tokens.get(`${userId} ${platformId}`) ?? (await node.tokens([userId], platformId))[0]!
    const homes = () => [{ nodeId: 'soak', port: node.wsPort }]
    const crowd = new Crowd({ users, graceMs: GRACE_MS, homes, token: tokenOf, random })
    scope.defer(() => crowd.end())
    await makeTokens(node, crowd, tokens)
    // After the tokens: connections to the REST are kept for a minute.
    const filesBefore = countOf(node.pid, 'fd')
    const startedMs = performance.now()
    await crowd.come()
    const audience = await Audience.come({
      watchers: Math.max(2, Math.round(users * WATCHERS_PER_USER)),
      watches: WATCHES,
      url: node.wsUrl,
      userIds: crowd.userIds,
      token: (userId) => tokenOf(userId, Platform.Web),
      random,
    })
    const levels = (): Levels => ({
      porchlight_connections: crowd.members.length + audience.size,
      porchlight_online_users: crowd.byUser.size + audience.size,
      porchlight_watched_users: audience.watched,
      porchlight_subscriptions: audience.subscriptions,
      // Each connection is one, and nothing else comes or goes.
      porchlight_actors: empty.porchlight_actors + crowd.members.length + audience.size,
      porchlight_mailbox_messages: 0,
      porchlight_link_held: 0,
    })
    const samples: Sample[] = []
    const problems: string[] = []
    for (let round = 1; round <= rounds; round++) {
      crowd.startChurn(churnPerS)
      audience.startChurn(churnPerS * WATCH_CHURN)
      await sleep(roundMs)
      crowd.stopChurn()
      await audience.stopChurn()
      problems.push(...(await differences(node, levels, `round ${round}`)))
      const sample = await sampleOf(node, (performance.now() - startedMs) / 60_000)
      samples.push(sample)
      say(inWords(round, sample))
    }
    await audience.leave()
    crowd.leave(crowd.members)
    problems.push(...(await differences(node, () => empty, 'after all have left')))
    const filesLeft = await countWithin(() => countOf(node.pid, 'fd') - filesBefore, FILES_SLACK)
    if (filesLeft > FILES_SLACK) problems.push(`${filesLeft} files stayed open after all had left`)
    if (crowd.cuts.length > 0) problems.push(`${crowd.cuts.length} sockets were cut, first: ${crowd.cuts[0]}`)
    if (crowd.newTokens > 0) problems.push(`${crowd.newTokens} good tokens were refused`)
    const slopes = slopesOf(samples)
    problems.push(...growth(slopes))
    return { samples, slopes, problems }
  })
}

async function makeTokens(node: Gateway, crowd: Crowd, tokens: Map<string, string>): Promise<void> {
  for (const platformId of [Platform.Android, Platform.Web]) {
    const members = crowd.members.filter((member) => member.platformId === platformId)
    const userIds = members.map(({ userId }) => userId)
    const made = await node.tokens(userIds, platformId)
    for (const [n, userId] of userIds.entries()) tokens.set(`${userId} ${platformId}`, made[n]!)
  }
}

/** What still differs when the node has had time to come to rest. */
async function differences(node: Gateway, levels: () => Levels, when: string): Promise<string[]> {
  const deadlineMs = performance.now() + REST_MS
  for (;;) {
    const found = await node.metrics(GAUGES)
    const wanted = levels()
    const wrong = GAUGES.filter((name) => found[name] !== wanted[name])
    if (wrong.length === 0) return []
    if (performance.now() > deadlineMs) {
      return wrong.map((name) => `${when}: ${name} is ${found[name]} instead of ${wanted[name]}`)
    }
    await sleep(LOOK_MS)
  }
}

/** The count, as soon as it is low enough, or when it has had time to be. */
async function countWithin(count: () => number, most: number): Promise<number> {
  const deadlineMs = performance.now() + REST_MS
  while (count() > most && performance.now() < deadlineMs) await sleep(LOOK_MS)
  return count()
}

async function sampleOf(node: Gateway, minutes: number): Promise<Sample> {
  node.collectGarbage()
  await sleep(COLLECT_MS)
  const { porchlight_heap_bytes: heapBytes, porchlight_actors: actors } = await node.metrics([
    'porchlight_heap_bytes',
    'porchlight_actors',
  ])
  return {
    minutes,
    heapMib: heapBytes / MIB,
    residentMib: residentBytes(node.pid) / MIB,
    openFiles: countOf(node.pid, 'fd'),
    threads: countOf(node.pid, 'task'),
    actors,
  }
}

function countOf(pid: number, what: 'fd' | 'task'): number {
  return readdirSync(`/proc/${pid}/${what}`).length
}

function slopesOf(samples: readonly Sample[]): Record<string, Line> {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_PART))
  const names = ['heapMib', 'residentMib', 'openFiles', 'threads'] as const
  return Object.fromEntries(
    names.map((name) => [name, lineThrough(warm.map((sample) => [sample.minutes, sample[name]]))]),
  )
}

function growth(slopes: Record<string, Line>): string[] {
  return Object.entries(GROWTH_PART).flatMap(([name, part]) => {
    const { count, level, growth, scatter, slope } = slopes[name]!
    if (count < SAMPLES_MIN || growth <= level * part || growth <= GROWTH_SCATTERS * scatter) return []
    return `${name} grew by ${growth.toFixed(1)} on ${level.toFixed(1)}: ${slope.toFixed(3)} a minute`
  })
}

function inWords(round: number, { minutes, heapMib, residentMib, openFiles, threads }: Sample): string {
  const memory = `heap ${heapMib.toFixed(1)} MiB, resident ${residentMib.toFixed(1)} MiB`
  return `${minutes.toFixed(1).padStart(6)} min  round ${round}: ${memory}, ${openFiles} files, ${threads} threads`
}
