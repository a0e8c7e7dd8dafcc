import fc from 'fast-check'
import t from 'tap'
import { PRESENCE_SYNC } from '../../src/protocol/addresses.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { SETTINGS, SimulatedCluster, SYNC_ACTORS } from './simulated-cluster.js'

/** Slots of `SimulatedCluster`. */
const SHARD_SLOTS = [2, 3]
const SYNC_SLOT = 4

const USERS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay']
/** Has one socket throughout, on a thread that nobody kills, and others that come and go. */
const STEADY = 'steady'
const STEADY_PLATFORM: PlatformId = 1

/** Longer than two questions to the store live (3 s each) with the pause between (2 s), and the grace. */
const SETTLE_MS = 9_000 + SETTINGS.offlineGraceMs
/** A shard and the sync actors are each other's memory: of one node, only one of them is lost at a time. */
const BETWEEN_FAULTS_MS = 4_000

type Step =
  | { do: 'login'; userId: UserId; platformId: PlatformId; node: number; io: number }
  | { do: 'end'; which: number; clean: boolean }
  | { do: 'move'; which: number; node: number; io: number; clean: boolean; overlaps: boolean }
  | { do: 'watch' | 'unwatch'; userId: UserId; node: number; io: number }
  | { do: 'poison'; node: number; slot: number; actor?: number }
  | { do: 'kill'; node: number; slot: number; downMs: number }
  | { do: 'killIo'; node: number; downMs: number }
  | { do: 'outage'; downMs: number }

const node = fc.nat(1)
const io = fc.nat(1)
const userId = fc.constantFrom(...USERS, STEADY)
const downMs = fc.oneof(fc.nat(300), fc.nat(5_000))
const everyday: fc.Arbitrary<Step>[] = [
  fc.record({
    do: fc.constant('login' as const),
    userId,
    platformId: fc.integer({ min: 2, max: 4 }),
    node,
    io,
  }),
  fc.record({ do: fc.constant('end' as const), which: fc.nat(30), clean: fc.boolean() }),
  fc.record({
    do: fc.constant('move' as const),
    which: fc.nat(30),
    node,
    io,
    clean: fc.boolean(),
    overlaps: fc.boolean(),
  }),
  fc.record({ do: fc.constantFrom('watch' as const, 'unwatch' as const), userId, node, io }),
]
const faults: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('poison' as const), node, slot: fc.constantFrom(...SHARD_SLOTS, SYNC_SLOT) }),
  fc.record({
    do: fc.constant('poison' as const),
    node,
    slot: fc.constant(SYNC_SLOT),
    actor: fc.constantFrom(...SYNC_ACTORS),
  }),
  fc.record({
    do: fc.constant('kill' as const),
    node,
    slot: fc.constantFrom(...SHARD_SLOTS, SYNC_SLOT),
    downMs,
  }),
  fc.record({ do: fc.constant('killIo' as const), node, downMs }),
  fc.record({ do: fc.constant('outage' as const), downMs }),
]

interface History {
  seed: number
  delayMaxMs: number
  steps: { step: Step; waitMs: number }[]
}

function history(kinds: fc.Arbitrary<Step>[]): fc.Arbitrary<History> {
  const waitMs = fc.oneof(fc.constant(0), fc.nat(40), fc.nat(400))
  return fc.record({
    seed: fc.integer(),
    delayMaxMs: fc.constantFrom(4, 80),
    steps: fc.array(fc.record({ step: fc.oneof(...kinds), waitMs }), { maxLength: 40 }),
  })
}

/**
 * Sees to it that what a shard forgets, the sync actors and the store still know, and the other way round. What
 * happens when they are lost together has tests of its own.
 */
class Spares {
  readonly #lost: { node: number; isShard: boolean; atMs: number }[] = []

  /** May these parts be lost now? Then they are. */
  mayLose(cluster: SimulatedCluster, ...parts: Part[]): boolean {
    const recent = this.#lost.filter(({ atMs }) => cluster.nowMs - atMs < BETWEEN_FAULTS_MS)
    const isOneTooMany = parts.some(({ node, slot }) =>
      recent.some((one) => one.node === node && one.isShard !== SHARD_SLOTS.includes(slot)),
    )
    if (!isOneTooMany) this.lost(cluster, ...parts)
    return !isOneTooMany
  }

  lost({ nowMs }: SimulatedCluster, ...parts: Part[]): void {
    for (const { node, slot } of parts)
      this.#lost.push({ node, isShard: SHARD_SLOTS.includes(slot), atMs: nowMs })
  }
}

interface Part {
  node: number
  slot: number
}

const EVERY_SYNC: Part[] = [0, 1].map((n) => ({ node: n, slot: SYNC_SLOT }))

async function take(cluster: SimulatedCluster, spares: Spares, step: Step): Promise<void> {
  const mortal = cluster.sockets.filter(({ platformId }) => platformId !== STEADY_PLATFORM)
  switch (step.do) {
    case 'login':
      cluster.login(step.userId, step.platformId, step.node, step.io)
      return
    case 'end':
      if (mortal.length > 0) cluster.end(mortal[step.which % mortal.length]!, step.clean)
      return
    case 'move': {
      const socket = mortal[step.which % mortal.length]
      if (socket === undefined) return
      if (!step.overlaps) cluster.end(socket, step.clean)
      cluster.login(socket.userId, socket.platformId, step.node, step.io)
      if (step.overlaps) cluster.end(socket, step.clean)
      return
    }
    case 'watch':
      return cluster.nodes[step.node]!.ios[step.io]!.watch([step.userId])
    case 'unwatch':
      // Of the steady user everything that is told must be kept.
      if (step.userId !== STEADY) cluster.nodes[step.node]!.ios[step.io]!.unwatch(step.userId)
      return
    case 'poison':
      if (spares.mayLose(cluster, step)) cluster.nodes[step.node]!.poison(step.slot, step.actor)
      return
    case 'kill':
      if (!spares.mayLose(cluster, step)) return
      cluster.nodes[step.node]!.kill(step.slot)
      await cluster.run(step.downMs)
      cluster.nodes[step.node]!.host(step.slot)
      return spares.lost(cluster, step)
    case 'outage':
      if (!spares.mayLose(cluster, ...EVERY_SYNC)) return
      await cluster.storeOutage(step.downMs)
      return spares.lost(cluster, ...EVERY_SYNC)
    case 'killIo':
      // The other io thread has the steady user's socket and watchers.
      cluster.killIo(step.node, 1)
      await cluster.run(step.downMs)
      return cluster.nodes[step.node]!.host(1)
  }
}

/** Play a history; returns what is wrong with it. */
async function play({ seed, delayMaxMs, steps }: History): Promise<string[]> {
  const cluster = new SimulatedCluster(seed, 2, delayMaxMs)
  const spares = new Spares()
  await cluster.run(100)
  cluster.login(STEADY, STEADY_PLATFORM, 0, 0)
  for (const { ios } of cluster.nodes) ios[0]!.watch([...USERS, STEADY])
  await cluster.run(1_000)
  const problems = cluster.wrongViews().map((view) => `at the start ${view}`)
  for (const { step, waitMs } of steps) {
    await take(cluster, spares, step)
    await cluster.run(waitMs)
  }
  await cluster.run(SETTLE_MS)
  problems.push(...cluster.wrongViews(), ...cluster.wrongRecords([...USERS, STEADY]))
  cluster.nodes.forEach(({ ios }, n) => {
    const told = ios[0]!.told.get(STEADY)!
    const since = told.findIndex((platformIds) => platformIds.includes(STEADY_PLATFORM))
    const missed = told.slice(since).filter((platformIds) => !platformIds.includes(STEADY_PLATFORM))
    if (missed.length > 0) problems.push(`node ${n} saw the steady user leave: ${told.join(' | ')}`)
  })
  return problems
}

async function holds(kinds: fc.Arbitrary<Step>[], numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(history(kinds), async (one) => {
      const problems = await play(one)
      if (problems.length > 0) throw new Error(problems.join('\n'))
    }),
    { numRuns },
  )
}

t.test(
  'when all is well every watcher comes to believe what the sockets say, and nobody seems to leave who is there',
  async () => {
    await holds(everyday, 100)
  },
)

t.test('the same holds when actors fail and threads die on the way', async () => {
  await holds([...everyday, ...faults], 300)
})

t.test(
  'a node that takes a new epoch holds its users under the old one until the store is back',
  async (t) => {
    const outage = (ms: number, waitMs = 0): { step: Step; waitMs: number } => ({
      step: { do: 'outage', downMs: ms },
      waitMs,
    })
    const poisoned: Step = { do: 'poison', node: 0, slot: SYNC_SLOT, actor: PRESENCE_SYNC }
    const login: Step = { do: 'login', userId: 'ann', platformId: 2, node: 0, io: 0 }
    // The store is back for a moment now and then: long enough for the other node to renew its lease.
    const steps = [
      { step: poisoned, waitMs: 0 },
      outage(2_787),
      outage(296, 38),
      { step: login, waitMs: 7 },
      outage(3_908),
    ]
    t.same(await play({ seed: 0, delayMaxMs: 4, steps }), [])
  },
)

/** Two nodes; the first watches `ann`, who is logged in on the second. */
async function watchedElsewhere(): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(1, 2, 4)
  await cluster.run(100)
  cluster.login('ann', 2, 1, 0)
  for (const { ios } of cluster.nodes) ios[0]!.watch(['ann'])
  await cluster.run(1_000)
  return cluster
}

/** What the watchers on a node were told of `ann`, as text. */
function told(cluster: SimulatedCluster, node: number): string {
  return cluster.nodes[node]!.ios[0]!.told.get('ann')!.join(' | ')
}

t.test('a user of a node that died is offline for other nodes once its records have expired', async (t) => {
  const cluster = await watchedElsewhere()
  t.equal(told(cluster, 0), '2')
  cluster.nodes[1]!.killAll()
  // Records live for the TTL; what is watched is read again each third of it.
  await cluster.run(SETTINGS.presenceTtlS * 1_000 * 2)
  // What the store has no record of any more is version 0, which the watch index takes for old news.
  t.equal(told(cluster, 0), '2 | ')
})

t.test(
  'a shard that is lost while the store is away does not take users of other nodes for gone',
  async (t) => {
    const cluster = await watchedElsewhere()
    cluster.nodes[0]!.kill(SHARD_SLOTS[0]!)
    cluster.nodes[0]!.kill(SHARD_SLOTS[1]!)
    for (const slot of SHARD_SLOTS) cluster.nodes[0]!.host(slot)
    await cluster.storeOutage(10_000)
    await cluster.run(SETTLE_MS)
    t.match(told(cluster, 0), /^2( \| 2)*$/)
  },
)

t.test('who left while shard and sync were both lost is offline once the records have expired', async (t) => {
  const cluster = await watchedElsewhere()
  cluster.end(cluster.sockets[0]!, true)
  for (const slot of [...SHARD_SLOTS, SYNC_SLOT]) cluster.nodes[1]!.kill(slot)
  for (const slot of [...SHARD_SLOTS, SYNC_SLOT]) cluster.nodes[1]!.host(slot)
  await cluster.run(SETTINGS.presenceTtlS * 1_000 * 2)
  t.same(cluster.wrongViews(), [])
})

t.test(
  'a user who breaks off and is back on another node within the grace never appears to leave',
  async (t) => {
    const cluster = await watchedElsewhere()
    cluster.end(cluster.sockets[0]!, false)
    await cluster.run(SETTINGS.offlineGraceMs / 2)
    cluster.login('ann', 2, 0, 1)
    await cluster.run(SETTLE_MS)
    t.same([told(cluster, 0), told(cluster, 1)], ['2', '2'])
    t.same(cluster.wrongRecords(['ann']), [])
  },
)

t.test('a shard that is rebuilding tells nothing of users who may only not be announced yet', async (t) => {
  const cluster = await watchedElsewhere()
  const [quiet, watching] = cluster.nodes[0]!.ios
  cluster.login('ann', 5, 0, 0)
  await cluster.run(1_000)
  watching!.watch(['ann'])
  await cluster.run(1_000)
  quiet!.isMute = true
  for (const slot of SHARD_SLOTS) cluster.nodes[0]!.poison(slot)
  await cluster.run(1_000)
  // News of her other devices, while nobody has told the shard of the one that is here.
  cluster.login('ann', 3, 1, 0)
  await cluster.run(1_000)
  quiet!.isMute = false
  await cluster.run(SETTLE_MS)
  t.same(watching!.told.get('ann'), [
    [2, 5],
    [2, 3, 5],
  ])
})

t.test('a store that lost every record has them all again, and what it says is believed', async (t) => {
  const cluster = await watchedElsewhere()
  const userIds = Array.from({ length: 30 }, (_, n) => `user-${n}`)
  for (const [n, userId] of userIds.entries()) cluster.login(userId, 1 + (n % 3), n % 2, 0)
  await cluster.run(1_000)
  cluster.emptyStore()
  await cluster.run(SETTLE_MS)
  t.same(cluster.wrongRecords(['ann', ...userIds]), [])
  cluster.end(cluster.sockets[0]!, true)
  await cluster.run(1_000)
  t.same(cluster.wrongViews(), [])
})
