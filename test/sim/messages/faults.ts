/** What can go wrong with messages: faults that concern presence as well, and those of storage. */
import { DELIVERIES, MESSAGE_READER, MESSAGE_SYNC, MESSAGE_WRITER } from '../../../src/protocol/addresses.js'
import { bucketOfConversation } from '../../../src/rules/messages/bucket.js'
import type { ActorId, ThreadSlot } from '../../../src/runtime/index.js'
import type { Operation, Step } from '../../../src/store/ports/database.js'
import { lock, scan } from '../../../src/store/ports/steps.js'
import { conversations, outbox } from '../../../src/store/schema/tables.js'
import type { DatabaseWeather } from '../../world/database-server.js'
import type { Layout } from '../../world/node.js'
import { IO_SLOTS, type RecordedCluster, STORAGE, SYNC_SLOT } from '../cluster.js'
import { FAULTS, type Fault, type FaultKind, weather } from '../faults.js'

/** Faults of presence under which messages are to come all the same. */
const OF_PRESENCE = [
  'dropMessage',
  'delay',
  'reorder',
  'duplicate',
  'crashNode',
  'restartNode',
  'pauseNode',
  'partition',
  'storeDown',
  'storeFlaps',
  'loseLastWrites',
  'storeError',
] as const

/** What a node left in the outbox is taken after 15 s, looked for every 5 s, and told within some seconds. */
const SETTLE_MS = 30_000
/** A commit that is late for longer is waited for in vain by who wants its locks. */
const LATE_MS = 6_000
/** First reads wait for 2 s, and an answer of the store is waited for 3 s. */
const SLOW_ASSERT_MS = [1_000, 6_000] as const
const CLOCK_STEP_MS = 3_600_000
const CONVERSATIONS = ['si_ann_bob', 'si_Ann_ann', 'si_ann_cid', 'si_Ann_bob', 'si_bob_cid', 'si_Ann_cid']

const OF_STORAGE = {
  /** Commits are done, and their answers do not come. */
  commitAnswerLost: database(({ degree }) => ({ lostAnswerShare: degree })),
  /** Commits are done later; of some the answer does not come either. */
  commitLate: database(({ degree }) => ({ lateShare: degree, lateMs: LATE_MS, lostAnswerShare: degree / 3 })),
  /** The server gives transactions up, at any step and at COMMIT. */
  dbConflict: database(({ degree }) => ({ conflictShare: 0.3 * degree ** 2 })),
  /** The disk of the server is full. */
  dbFull: database(() => ({ isFull: true })),
  /** Somebody else holds the heads of conversations. */
  lockTimeout: {
    lasts: [500, 8_000],
    settleMs: SETTLE_MS,
    strikesNode: false,
    begin: (cluster, { toMs, degree }) => holdHeads(cluster, toMs, Math.ceil(degree * CONVERSATIONS.length)),
    end: () => {},
  },
  /** One node does not reach the database. */
  dbCut: strike(
    [500, 15_000],
    ({ database, nodes }, { node }) => database!.cut(nodes[node]!.nodeId),
    ({ database, nodes }, { node }) => database!.heal(nodes[node]!.nodeId),
  ),
  /** A node stands still from the moment on when a commit of its own arrives. */
  sleepInCommit: strike(
    [1_000, 20_000],
    (cluster, { node }) => onCommit(cluster, node, isOfMessages, () => cluster.nodes[node]!.pause()),
    (cluster, { node }) => {
      cluster.database!.commitComes.delete(cluster.nodes[node]!.nodeId)
      cluster.nodes[node]!.resume()
    },
  ),
  /** A node dies right after its next commit of messages... */
  dieAfterCommit: dies([9_000, 20_000], isOfMessages),
  /** ...or when it has taken what others left in the outbox, which is old then. */
  takerDies: dies([20_000, 30_000], isTaking),
  /** The store takes long to record logins. */
  slowAssert: weather(({ degree }) => {
    const [minMs, maxMs] = SLOW_ASSERT_MS
    return { slowAssertMs: minMs + (maxMs - minMs) * degree }
  }),
  /** What others tell a node does not arrive there, and it does not know. */
  deafSubscriber: strike(
    [1_000, 20_000],
    ({ network, nodes }, { node }) => void network.deaf.add(nodes[node]!.nodeId),
    ({ network, nodes }, { node }) => void network.deaf.delete(nodes[node]!.nodeId),
  ),
  /** A node's clock is set: messages are timed by that of the database. */
  nodeClockStep: strike(
    [1_000, 20_000],
    ({ nodes }, { node, degree }) => {
      nodes[node]!.clockOffsetMs = Math.round((2 * degree - 1) * CLOCK_STEP_MS)
    },
    ({ nodes }, { node }) => {
      nodes[node]!.clockOffsetMs = 0
    },
  ),
  ioDeath: FAULTS.threadDeath,
  storageDeath: FAULTS.threadDeath,
  syncDeath: FAULTS.threadDeath,
  /** An actor on the way of messages throws. */
  messageActorFailure: strike(
    [0, 0],
    ({ nodes }, { node, slot }) => nodes[node]!.poison(slot, actorsOn(slot)),
    () => {},
  ),
} satisfies Record<string, FaultKind>

type OfPresence = (typeof OF_PRESENCE)[number]
export type MessageFaultName = OfPresence | keyof typeof OF_STORAGE

export const MESSAGE_FAULTS: Record<MessageFaultName, FaultKind> = {
  ...(Object.fromEntries(OF_PRESENCE.map((name) => [name, FAULTS[name]])) as Record<OfPresence, FaultKind>),
  ...OF_STORAGE,
}

export const MESSAGE_FAULT_NAMES = Object.keys(MESSAGE_FAULTS) as MessageFaultName[]

/** So long after its end a fault may still be felt. */
export function settleMsOf(name: MessageFaultName): number {
  return Math.max(SETTLE_MS, MESSAGE_FAULTS[name].settleMs)
}

/** Threads that a fault may strike. */
export function slotsOf(name: MessageFaultName, { io }: Layout): ThreadSlot[] {
  const { writer, reader } = STORAGE
  if (name === 'ioDeath') return io
  if (name === 'storageDeath') return [writer, reader]
  if (name === 'syncDeath') return [SYNC_SLOT]
  return name === 'messageActorFailure' ? [...io, SYNC_SLOT, writer, reader] : [0]
}

function actorsOn(slot: ThreadSlot): ActorId[] {
  if (IO_SLOTS.includes(slot)) return [DELIVERIES]
  if (slot === SYNC_SLOT) return [MESSAGE_SYNC]
  return [slot === STORAGE.writer ? MESSAGE_WRITER : MESSAGE_READER]
}

function strike(lasts: FaultKind['lasts'], begin: FaultKind['begin'], end: FaultKind['end']): FaultKind {
  return { lasts, settleMs: SETTLE_MS, strikesNode: true, begin, end }
}

function database(of: (fault: Fault<string>) => Partial<DatabaseWeather>): FaultKind {
  return {
    lasts: [1_000, 15_000],
    settleMs: SETTLE_MS,
    strikesNode: false,
    begin: ({ database }, fault) => {
      database!.weather = { ...database!.weather, ...of(fault) }
    },
    end: ({ database }, fault) => {
      const fair = Object.entries(of(fault)).map(([key, value]) => [
        key,
        typeof value === 'boolean' ? false : 0,
      ])
      database!.weather = { ...database!.weather, ...Object.fromEntries(fair) }
    },
  }
}

function dies(lasts: FaultKind['lasts'], isMeant: (steps: readonly Step[]) => boolean): FaultKind {
  return {
    lasts,
    settleMs: SETTLE_MS,
    strikesNode: true,
    begin: (cluster, { node }, comeBack) =>
      // When the commit is done, and nobody has heard so.
      onCommit(cluster, node, isMeant, () => cluster.later(0, () => comeBack(cluster.crash(node)))),
    end: (cluster, { node }) => {
      cluster.database!.commitComes.delete(cluster.nodes[node]!.nodeId)
      if (!cluster.isUp(node)) cluster.start(node)
    },
  }
}

/** Once, at the next commit of the node that is meant. */
function onCommit(
  { database, nodes }: RecordedCluster,
  node: number,
  isMeant: (steps: readonly Step[]) => boolean,
  act: () => void,
): void {
  const { commitComes } = database!
  const { nodeId } = nodes[node]!
  commitComes.set(nodeId, (steps) => {
    if (!isMeant(steps)) return
    commitComes.delete(nodeId)
    act()
  })
}

function isOfMessages(steps: readonly Step[]): boolean {
  return steps.some(({ table, kind }) => table === outbox && kind === 'put')
}

function isTaking(steps: readonly Step[]): boolean {
  return steps.some((step) => step.table === outbox && step.kind === 'update' && step.changes.length > 0)
}

/** A transaction that locks rows, and is undone at the end. */
function holdHeads(cluster: RecordedCluster, toMs: number, count: number): void {
  const rows = CONVERSATIONS.slice(0, count)
    .map((conversationId) => ({ bucket: bucketOfConversation(conversationId), conversationId, ...NO_HEAD }))
    .sort((one, other) => one.bucket - other.bucket)
  let steps = 0
  const pause = () =>
    new Promise<void>((resolve) => {
      // The step after the locks is the one that takes long.
      const waitMs = ++steps > 2 ? toMs - cluster.nowMs : 0
      cluster.later(Math.max(0, waitMs), resolve)
    })
  const holding = cluster.database!.model.connect({}, pause).write(function* (): Operation<void> {
    yield* lock(conversations, rows)
    yield* scan(outbox, [0])
    throw new Error('enough')
  })
  holding.catch(() => {})
}

const NO_HEAD = { a: '', b: '', aSeq: 0, bSeq: 0, maxSeq: 0, minSeq: 0, lastMs: 0, rightsEpoch: 0 }
