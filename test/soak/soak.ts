/**
 * One node under a constant population with churn of logins, breaks and watches. It is looked at whenever it is at
 * rest: what it counts must be what is there, and its memory must not grow.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Platform } from '../../src/openim/platforms.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { Admin } from '../../src/sdk/admin.js'
import { CROWD_LIMITS } from '../crowd/limits.js'
import { Crowd } from '../crowd/members.js'
import { ChildNode } from '../support/child-node.js'
import { inParallel } from '../support/in-parallel.js'
import { SECRET, type Teardown } from '../support/node.js'
import { openFilesOf, residentBytes, threadsOf } from '../support/proc.js'
import { startRedis } from '../support/redis.js'
import { Audience } from './audience.js'
import { type Line, lineThrough } from './line.js'

export interface SoakSettings {
  users: number
  /** Clients that come or go in a second; a fifth as many watchers change their users. */
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
/** Tokens asked for at once. */
const TOKENS_IN_FLIGHT = 16
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

export async function soak(test: Teardown, settings: SoakSettings): Promise<SoakResult> {
  const { users, churnPerS, roundMs, rounds, seed, say } = settings
  const env: Record<string, string> = {
    ...CROWD_LIMITS,
    OFFLINE_GRACE_MS: String(GRACE_MS),
    // As it would be in production.
    SHARD_THREADS: '',
    PRESENCE_SHARDS: '',
  }
  if (settings.isOnRedis) {
    const redis = await startRedis()
    test.teardown(() => redis.stop())
    env.REDIS_URL = redis.url
  }
  const node = await ChildNode.start(test, env, { isCollectable: true })
  const admin = new Admin(node.apiUrl, SECRET)
  const empty = await node.metrics(GAUGES)
  const random = mulberry32(seed)
  const tokens = new Map<string, string>()
  const tokenOf = async (userId: string, platformId: number) =>
    tokens.get(`${userId} ${platformId}`) ?? (await admin.userToken(userId, platformId))
  const homes = () => [{ nodeId: node.nodeId, port: node.wsPort }]
  const crowd = new Crowd({ users, graceMs: GRACE_MS, homes, token: tokenOf, random })
  test.teardown(() => crowd.end())
  await makeTokens(admin, crowd, tokens)
  // After the tokens: connections to the REST are kept for a minute.
  const filesBefore = openFilesOf(node.pid)
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
  const filesLeft = await countWithin(() => openFilesOf(node.pid) - filesBefore, FILES_SLACK)
  if (filesLeft > FILES_SLACK) problems.push(`${filesLeft} files stayed open after all had left`)
  if (crowd.cuts.length > 0) problems.push(`${crowd.cuts.length} sockets were cut, first: ${crowd.cuts[0]}`)
  if (crowd.newTokens > 0) problems.push(`${crowd.newTokens} good tokens were refused`)
  const slopes = slopesOf(samples)
  problems.push(...growth(slopes))
  return { samples, slopes, problems }
}

/** Before they come: each is asked for while the node has nothing else to do. */
async function makeTokens(admin: Admin, { members }: Crowd, tokens: Map<string, string>): Promise<void> {
  await inParallel(members, TOKENS_IN_FLIGHT, async ({ userId, platformId }) => {
    tokens.set(`${userId} ${platformId}`, await admin.userToken(userId, platformId))
  })
}

/** What still differs when the node has had time to come to rest. */
async function differences(node: ChildNode, levels: () => Levels, when: string): Promise<string[]> {
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

async function sampleOf(node: ChildNode, minutes: number): Promise<Sample> {
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
    openFiles: openFilesOf(node.pid),
    threads: threadsOf(node.pid),
    actors,
  }
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
