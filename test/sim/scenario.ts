/** From a seed to a history: who comes and goes, who watches, what fails, and what became of it. */
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import type { Layout } from '../world/node.js'
import { check, type Violation } from './checker.js'
import { APART, IO_SLOTS, RecordedCluster, SETTINGS, TOGETHER } from './cluster.js'
import {
  ALL_LOST,
  BEACON_MS,
  type ComeBack,
  FAULT_NAMES,
  FAULTS,
  type Fault,
  losesMemory,
  mayLoseAnswer,
  mortalSlots,
  recordsOf,
  TTL_MIN_S,
} from './faults.js'
import type { History, SocketId } from './history.js'

const NODES = 3
const USERS: UserId[] = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay']
/** Comes first, and goes only when a fault breaks their socket. */
const STEADY: UserId = 'steady'
/** Of each node one, who comes and goes all the time. */
const BEACONS: UserId[] = Array.from({ length: NODES }, (_, node) => `beacon-${node}`)
const EVERYBODY = [...USERS, STEADY, ...BEACONS]
/**
 * Records and watches either expire within a history, or do not: what heals by time must not hide what should heal by
 * itself.
 */
const TTLS_S = [TTL_MIN_S, 1_800]

const START_MS = 3_000
const BUSY_MS = 60_000
/** Longer than the slowest repair: a watch renewed, and what a store has forgotten believed. */
const QUIET_MS = 60_000

export const BOUNDS = {
  graceMs: SETTINGS.offlineGraceMs,
  quickMs: 2_000,
  harmlessMs: SETTINGS.nodeLeaseMs / 2,
}

export type Step =
  | { do: 'login'; userId: UserId; platformId: PlatformId; node: number; io: number }
  | { do: 'end'; which: number; clean: boolean }
  /** `gapMs` below 0: the new socket comes before the old one goes. */
  | { do: 'move'; which: number; node: number; io: number; clean: boolean; gapMs: number }
  | { do: 'watch'; userIds: UserId[]; node: number; io: number; forMs: number }

export interface Plan {
  seed: number
  layout: Layout
  isOneServer: boolean
  delayMaxMs: number
  presenceTtlS: number
  watchTtlS: number
  steps: (Step & { atMs: number })[]
  faults: Fault[]
}

export function planOf(seed: number): Plan {
  const random = mulberry32(seed * 7_919 + 17)
  const layout = seed % 3 === 0 ? TOGETHER : APART
  const isOneServer = seed % 4 < 2
  const below = (n: number) => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]) => list[below(list.length)]!
  const place = () => ({ node: below(NODES), io: below(IO_SLOTS.length) })

  const steps: Plan['steps'] = []
  const paceMs = pick([500, 1_500, 5_000])
  for (let atMs = START_MS; atMs < START_MS + BUSY_MS; atMs += random() * 2 * paceMs) {
    steps.push({ atMs, ...step() })
  }
  const faults: Fault[] = []
  for (let left = pick([0, 1, 1, 1, 2, 3, 4]); left > 0; left--) {
    const fault = makeFault()
    if (canBeTried(fault, faults, layout)) faults.push(fault)
  }
  const delayMaxMs = pick([10, 100, 400])
  const presenceTtlS = pick(TTLS_S)
  const watchTtlS = !isOneServer && faults.some(mayLoseAnswer) ? TTL_MIN_S : pick(TTLS_S)
  return { seed, layout, isOneServer, delayMaxMs, presenceTtlS, watchTtlS, steps, faults }

  function step(): Step {
    const kind = random()
    const which = below(1_000)
    if (kind < 0.35) return { do: 'login', userId: pick(USERS), platformId: 1 + below(3), ...place() }
    if (kind < 0.6) return { do: 'end', which, clean: random() < 0.5 }
    const gapMs = random() * 5_000 - 1_500
    if (kind < 0.85) return { do: 'move', which, clean: random() < 0.3, gapMs, ...place() }
    const userIds = EVERYBODY.filter(() => random() < 0.4)
    return { do: 'watch', userIds, forMs: random() * 30_000, ...place() }
  }

  function makeFault(): Fault {
    const name = pick(FAULT_NAMES)
    const [minMs, maxMs] = FAULTS[name].lasts
    const fromMs = START_MS + random() * (BUSY_MS - maxMs)
    const toMs = fromMs + minMs + random() * (maxMs - minMs)
    return { name, node: below(NODES), slot: pick(mortalSlots(name, layout)), fromMs, toMs, degree: random() }
  }
}

/** Two faults that are not tried together, in whatever order. `meet`: they overlap, or nearly. */
type Clash = (a: Fault, b: Fault, meet: boolean, layout: Layout) => boolean

const APART_MS = 5_000
const strikesNode = ({ name }: Fault) => FAULTS[name].strikesNode
const isLoss = ({ name }: Fault) => name === 'crashNode' || name === 'restartNode'
const mayKill = (fault: Fault) => strikesNode(fault) && !losesMemory(fault.name)
const isServer = ({ name }: Fault) => ['storeDown', 'storeFlaps', 'loseLastWrites'].includes(name)
const isEmptied = ({ name, degree }: Fault) => name === 'loseLastWrites' && degree > ALL_LOST
const isSetBack = ({ name, degree }: Fault) => name === 'clockStep' && degree < 0.5

/** What is not tried, because the design does not promise it, or because it cannot be told apart. */
const CLASHES: Clash[] = [
  // A shard and the sync actors of one node are each other's memory: whoever leaves while both are lost is shown until
  // their record expires. And the end of one fault of a node would undo another.
  (a, b, meet) => meet && strikesNode(a) && strikesNode(b) && a.node === b.node,
  (a, b, meet) => meet && a.name === b.name && !strikesNode(a),
  (a, b, meet) => meet && isServer(a) && isServer(b),
  // A store whose clock is set back after a node has died takes that death for one that is still to come.
  (a, b) => isSetBack(a) && mayKill(b),
  // One that also comes back empty gives epochs that its nodes have had before.
  (a, b) => isSetBack(a) && isEmptied(b),
  // A shard and the store are each other's memory of what other nodes hold: while both are empty, and until the others
  // have asserted again, a shard that starts anew has nobody to show.
  (a, b, meet, { shard }) => meet && isEmptied(a) && losesMemory(b.name) && shard.includes(b.slot),
  // A node that is away while the store is emptied begins to doubt what it knows when it is back, not before.
  (a, b, meet) => meet && isEmptied(a) && (b.name === 'pauseNode' || b.name === 'partition'),
  // A node that has subscribed again takes any number for the next one: it cannot tell what was lost since then from
  // what was lost before.
  (a, b, meet) => meet && a.name === 'dropMessage' && (isServer(b) || b.name === 'partition'),
  // One that comes back empty does not know of a node that said something before it was registered again, and died
  // then. It is found out and marked dead, but not within the quiet at the end of a history: deaths.test.ts tries that.
  (a, b) => isLoss(a) && isEmptied(b) && Math.abs(a.fromMs - b.toMs) < SETTINGS.nodeLeaseMs,
]

function canBeTried(fault: Fault, others: Fault[], layout: Layout): boolean {
  return !others.some((one) => {
    const meet = fault.fromMs <= one.toMs + APART_MS && one.fromMs <= fault.toMs + APART_MS
    return CLASHES.some((clash) => clash(fault, one, meet, layout) || clash(one, fault, meet, layout))
  })
}

export interface Outcome {
  plan: Plan
  history: History
  violations: Violation[]
}

export function simulate(seed: number): Promise<Outcome> {
  return carryOut(planOf(seed))
}

export async function carryOut(plan: Plan): Promise<Outcome> {
  const cluster = new RecordedCluster({ ...plan, nodes: NODES })
  const play = new Play(cluster)
  await cluster.run(1_000)
  cluster.enter(STEADY, 1, 0, 0)
  for (let node = 0; node < NODES; node++) {
    play.watchFrom(node)
    play.blink(node)
  }
  for (const { atMs, act } of timeline(plan, play)) {
    await cluster.run(atMs - cluster.nowMs)
    act()
  }
  await cluster.run(START_MS + BUSY_MS + QUIET_MS - cluster.nowMs)
  cluster.recordStore(EVERYBODY)
  const faults = plan.faults.flatMap((fault) => recordsOf(fault, plan.isOneServer))
  const history = { events: cluster.events, faults, endMs: cluster.nowMs }
  return { plan, history, violations: check(history, BOUNDS) }
}

function timeline({ steps, faults }: Plan, play: Play): { atMs: number; act: () => void }[] {
  return [
    ...steps.map((step) => ({ atMs: step.atMs, act: () => play.take(step) })),
    ...faults.map((fault) => ({ atMs: fault.fromMs, act: () => play.begin(fault) })),
    ...faults.map((fault) => ({ atMs: fault.toMs, act: () => play.end(fault) })),
  ].sort((a, b) => a.atMs - b.atMs)
}

class Play {
  readonly #cluster: RecordedCluster

  constructor(cluster: RecordedCluster) {
    this.#cluster = cluster
  }

  take(step: Step): void {
    const cluster = this.#cluster
    const movable = cluster.inside().filter(({ userId }) => USERS.includes(userId))
    switch (step.do) {
      case 'login':
        cluster.enter(step.userId, step.platformId, step.node, step.io)
        return
      case 'end':
        if (movable.length > 0) cluster.leave(movable[step.which % movable.length]!.id, step.clean)
        return
      case 'move': {
        const socket = movable[step.which % movable.length]
        if (socket === undefined) return
        const { id, userId, platformId } = socket
        const leave = () => cluster.leave(id, step.clean)
        const enter = () => void cluster.enter(userId, platformId, step.node, step.io)
        const [first, second] = step.gapMs < 0 ? [enter, leave] : [leave, enter]
        first()
        cluster.later(Math.abs(step.gapMs), second)
        return
      }
      case 'watch': {
        const id = cluster.watch(step.userIds, step.node, step.io)
        if (id !== undefined) cluster.later(step.forMs, () => cluster.leave(id, true))
      }
    }
  }

  /** The node's beacon comes, goes, and comes again, until all are quiet. */
  blink(node: number, id?: SocketId): void {
    const cluster = this.#cluster
    if (id !== undefined) cluster.leave(id, true)
    if (cluster.nowMs > START_MS + BUSY_MS + BEACON_MS * 4) return
    const next =
      id === undefined && cluster.isUp(node) ? cluster.enter(BEACONS[node]!, 1, node, 0) : undefined
    cluster.later(BEACON_MS, () => this.blink(node, next))
  }

  begin(fault: Fault): void {
    FAULTS[fault.name].begin(this.#cluster, fault, this.#comeBack)
  }

  end(fault: Fault): void {
    FAULTS[fault.name].end(this.#cluster, fault)
    if (FAULTS[fault.name].strikesNode) this.watchFrom(fault.node)
  }

  /** Somebody on each io thread of the node watches everybody. */
  watchFrom(node: number): void {
    for (const io of IO_SLOTS.keys()) this.#cluster.watch(EVERYBODY, node, io)
  }

  /** Most clients whose socket was broken are soon back, on any node. */
  readonly #comeBack: ComeBack = (lost) => {
    const { random } = this.#cluster
    for (const { userId, platformId } of lost) {
      if (BEACONS.includes(userId) || (userId !== STEADY && random() < 0.3)) continue
      const [node, io] = [Math.floor(random() * NODES), Math.floor(random() * IO_SLOTS.length)]
      this.#cluster.later(200 + random() * 2_500, () => this.#cluster.enter(userId, platformId, node, io))
    }
  }
}
