/** The named faults: what each does to a cluster, and how long its consequences may be seen. */
import type { ActorId, ThreadSlot } from '../../src/runtime/index.js'
import type { Weather } from '../world/network.js'
import { type Layout, SYNC_ACTORS } from '../world/node.js'
import { IO_SLOTS, type RecordedCluster, SETTINGS, SYNC_SLOT } from './cluster.js'
import type { FaultRecord } from './history.js'

export const FAULT_NAMES = [
  'dropMessage',
  'delay',
  'reorder',
  'duplicate',
  'crashNode',
  'restartNode',
  'pauseNode',
  'partition',
  'loseLastWrites',
  'storeDown',
  'storeFlaps',
  'storeError',
  'clockStep',
  'threadDeath',
  'actorFailure',
] as const
export type FaultName = (typeof FAULT_NAMES)[number]

export interface Fault<Name extends string = FaultName> {
  name: Name
  /** Used by those that strike one node. */
  node: number
  /** Used by `threadDeath` and `actorFailure`. */
  slot: ThreadSlot
  fromMs: number
  toMs: number
  /** How bad it is: 0 to 1. */
  degree: number
}

/** What a client does whose socket was broken by a fault. */
export type ComeBack = (lost: ReturnType<RecordedCluster['crash']>) => void

export interface FaultKind {
  /** How long it lasts, ms. */
  lasts: [minMs: number, maxMs: number]
  settleMs: number
  strikesNode: boolean
  begin: (cluster: RecordedCluster, fault: Fault<string>, comeBack: ComeBack) => void
  end: (cluster: RecordedCluster, fault: Fault<string>) => void
}

const { nodeLeaseMs, offlineGraceMs } = SETTINGS
/** The shorter life of a record, and of a watch. */
export const TTL_MIN_S = 60

/** Every node says something to all others this often: at the next message a loss is noticed. */
export const BEACON_MS = 4_000
/** With three fifths of its lease left a node is suspect for whoever looks within a turn; two turns later all hear. */
const BURIAL_MS = (2 * nodeLeaseMs) / 5 + nodeLeaseMs
/** Watches are renewed each third of their life, in turns of a wheel. */
const REWATCH_MS = (TTL_MIN_S * 1_000) / 3 + 2_000
/** Retries, a new connection, rebuilding, and everything said again. */
const RECOVERY_MS = 8_000
/** GONE_CONFIRM_MS: that a store knows nobody any more is not believed at once. */
const BELIEF_MS = 31_000

/** What a rollback goes back by at most. */
const LOST_WRITES_MS = 2_000
/** From this degree on all writes are lost: a server without persistence that started anew. */
export const ALL_LOST = 0.75
const HOUR_MS = 3_600_000
/**
 * Flaps end while every node still has its lease: one that was renewed a third of it ago, with some time to notice. A
 * node that finds the store away for longer, and another that does not, are as good as parted.
 */
const FLAPS_MAX_MS = (2 * nodeLeaseMs) / 3 - 1_000
const DOWN_MAX_MS = 4_000
const UP_MAX_MS = 400
/** Records must not expire before they are renewed. */
const STEP_FORWARD_MS = (TTL_MIN_S * 1_000) / 4

export const FAULTS: Record<FaultName, FaultKind> = {
  dropMessage: {
    ...weather(({ degree }) => ({ lostShare: 0.05 + 0.95 * degree ** 2 })),
    settleMs: BEACON_MS + RECOVERY_MS,
  },
  delay: weather(({ degree }) => ({ slowMs: 3_000 * degree })),
  reorder: weather(({ degree }) => ({ lateMs: 2_000 * degree })),
  duplicate: weather(({ degree }) => ({ doubledShare: degree })),
  crashNode: { ...loss(), lasts: [9_000, 30_000], settleMs: BURIAL_MS },
  restartNode: { ...loss(), lasts: [200, 5_000], settleMs: BURIAL_MS },
  pauseNode: {
    lasts: [500, 25_000],
    settleMs: RECOVERY_MS + offlineGraceMs,
    strikesNode: true,
    begin: (cluster, { node }) => cluster.nodes[node]!.pause(),
    end: (cluster, { node }) => cluster.nodes[node]!.resume(),
  },
  partition: {
    lasts: [300, 25_000],
    settleMs: RECOVERY_MS + offlineGraceMs,
    strikesNode: true,
    begin: (cluster, { node }) => cluster.network.cut(cluster.nodes[node]!.nodeId),
    end: (cluster, { node }) => cluster.network.heal(cluster.nodes[node]!.nodeId),
  },
  storeDown: {
    lasts: [300, 20_000],
    // Who has died meanwhile becomes a suspect only now.
    settleMs: RECOVERY_MS + (2 * nodeLeaseMs) / 3,
    strikesNode: false,
    begin: ({ network }) => network.setDown(true),
    end: ({ network }) => network.setDown(false),
  },
  storeFlaps: {
    lasts: [1_000, FLAPS_MAX_MS],
    settleMs: RECOVERY_MS + (2 * nodeLeaseMs) / 3,
    strikesNode: false,
    begin: flap,
    end: ({ network }) => network.setDown(false),
  },
  loseLastWrites: {
    lasts: [LOST_WRITES_MS, LOST_WRITES_MS + 6_000],
    settleMs: BELIEF_MS + RECOVERY_MS,
    strikesNode: false,
    begin: (cluster, { degree }) => {
      const restore = degree > ALL_LOST ? cluster.emptyStore : cluster.backend.checkpoint()
      // The replica has what was written until now; the master takes writes for a while longer, and dies.
      cluster.later(LOST_WRITES_MS * degree, () => {
        cluster.network.setDown(true)
        restore()
      })
    },
    end: ({ network }) => network.setDown(false),
  },
  storeError: weather(({ degree }) => ({ errorShare: 0.5 * degree })),
  clockStep: {
    lasts: [0, 0],
    settleMs: BURIAL_MS,
    strikesNode: false,
    begin: (cluster, { degree }) => {
      const [direction, amount] = [Math.sign(degree - 0.5), Math.abs(2 * degree - 1)]
      cluster.clockOffsetMs += direction * amount * (direction < 0 ? HOUR_MS : STEP_FORWARD_MS)
    },
    end: () => {},
  },
  threadDeath: {
    lasts: [100, 4_000],
    settleMs: RECOVERY_MS + offlineGraceMs,
    strikesNode: true,
    begin: (cluster, { node, slot }, comeBack) => comeBack(cluster.killThread(node, slot)),
    end: (cluster, { node, slot }) => cluster.hostThread(node, slot),
  },
  actorFailure: {
    lasts: [0, 0],
    settleMs: RECOVERY_MS + offlineGraceMs,
    strikesNode: true,
    begin: (cluster, fault) => cluster.nodes[fault.node]!.poison(fault.slot, failingActors(fault)),
    end: () => {},
  },
}

/**
 * In a Cluster: a change that the store has taken, and whose node does not hear so and tells nobody. It is no change
 * when it is said again; only the renewal of the watches finds it.
 */
export function mayLoseAnswer({ name, slot }: Fault): boolean {
  return name === 'partition' || (losesMemory(name) && slot === SYNC_SLOT)
}

/** A part of a node forgets what it knew. */
export function losesMemory(name: FaultName): boolean {
  return name === 'threadDeath' || name === 'actorFailure'
}

/** A crash is over when it has happened; that the node is back is another event. */
export function recordsOf(fault: Fault, isOneServer: boolean): FaultRecord[] {
  const { name, fromMs, toMs } = fault
  const { strikesNode } = FAULTS[name]
  const settleMs = FAULTS[name].settleMs + (!isOneServer && mayLoseAnswer(fault) ? REWATCH_MS : 0)
  const node = strikesNode ? fault.node : undefined
  if (name !== 'crashNode' && name !== 'restartNode') return [{ name, node, fromMs, toMs, settleMs }]
  return [
    { name, node, fromMs, toMs: fromMs, settleMs },
    { name: 'restartNode', node, fromMs: toMs, toMs, settleMs: RECOVERY_MS },
  ]
}

export function weather(of: (fault: Fault<string>) => Partial<Weather>): FaultKind {
  return {
    lasts: [1_000, 20_000],
    settleMs: RECOVERY_MS,
    strikesNode: false,
    begin: ({ network }, fault) => {
      network.weather = { ...network.weather, ...of(fault) }
    },
    end: ({ network }, fault) => {
      const fair = Object.keys(of(fault)).map((key) => [key, 0])
      network.weather = { ...network.weather, ...Object.fromEntries(fair) }
    },
  }
}

function loss(): Pick<FaultKind, 'strikesNode' | 'begin' | 'end'> {
  return {
    strikesNode: true,
    begin: (cluster, { node }, comeBack) => comeBack(cluster.crash(node)),
    end: (cluster, { node }) => cluster.start(node),
  }
}

/** The store is back for moments: long enough for a call, too short for everybody who waits for it. */
function flap(cluster: RecordedCluster, { toMs, degree }: Fault<string>): void {
  const turn = (isDown: boolean) => {
    if (cluster.nowMs >= toMs) return
    cluster.network.setDown(isDown)
    const forMs = cluster.random() * (isDown ? DOWN_MAX_MS : degree * UP_MAX_MS)
    cluster.later(forMs, () => turn(!isDown))
  }
  turn(true)
}

/** Threads whose death is tried, or the failure of an actor on them. */
export function mortalSlots(name: FaultName, { shard }: Layout): ThreadSlot[] {
  return name === 'actorFailure' ? [...shard, SYNC_SLOT] : [...new Set([...IO_SLOTS, ...shard, SYNC_SLOT])]
}

/** Of the sync thread one or all, by the degree; of another every shard that lives there. */
function failingActors({ slot, degree }: Fault<string>): readonly ActorId[] | undefined {
  const one = SYNC_ACTORS[Math.floor(degree * (SYNC_ACTORS.length + 1))]
  return slot !== SYNC_SLOT || one === undefined ? undefined : [one]
}
