/**
 * The outbox: a row that each transaction of the writer makes first, so that a commit whose answer was lost can be looked
 * up. It is also the order to tell other nodes of the messages that the transaction stores, and is removed when they have
 * been told. What a node that died leaves behind is told by another.
 */
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { Delivery } from '../../rules/messages/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findOne, insert, remove, scan, update } from '../../store/ports/steps.js'
import { outbox } from '../../store/schema/tables.js'
import { missedDeliveries } from './missed.js'

/** Names an order; nobody else has the same. */
export type OrderId = string

/** An order that was left behind, with its messages. */
export interface LeftOrder {
  orderId: OrderId
  deliveries: Delivery[]
}

type Range = [conversationId: ConversationId, from: number, to: number]

const NO_RANGES = '[]'
/** Where a database is split, each part has an outbox of its own. */
const BUCKET = 0
/** By then the node that wrote it has told it, or is dead. */
const LEFT_AFTER_MS = 15_000
/** Whoever was not told by then has logged in again, and read. */
const AGE_MAX_MS = 3_600_000
const TAKEN_MAX = 50

/**
 * The first thing that a transaction writes. If its commit is lost, the row says whether it was done; and a commit that is
 * still under way holds the row, so nobody else can make it before that has ended. Fails with DUPLICATE_KEY where another
 * attempt has been committed.
 */
export function* markCommit(orderId: OrderId, nowMs: number): Operation<void> {
  yield* insert(outbox, [{ bucket: BUCKET, orderId, takenMs: nowMs, createdMs: nowMs, ranges: NO_RANGES }])
}

/** The `createdMs` of the attempt that was committed, if any was. */
export function* findCommit(orderId: OrderId): Operation<number | undefined> {
  return (yield* findOne(outbox, BUCKET, orderId))?.createdMs
}

/** To be written with the messages. Those that are not kept need no order: nobody waits for them later. */
export function* keepOrder(orderId: OrderId, deliveries: readonly Delivery[]): Operation<void> {
  const ranges = rangesOf(deliveries)
  if (ranges.length === 0) return
  yield* update(outbox, [{ key: [BUCKET, orderId], set: { ranges: JSON.stringify(ranges) } }])
}

export function* dropOrders(orderIds: readonly OrderId[]): Operation<void> {
  yield* remove(
    outbox,
    orderIds.map((orderId) => [BUCKET, orderId]),
  )
}

/** Orders that nobody has carried out for a while: they are this node's from now on. */
export function* takeLeftOrders(nowMs: number): Operation<LeftOrder[]> {
  const old = yield* scan(outbox, [BUCKET], { order: 'byAge', to: nowMs - LEFT_AFTER_MS, limit: TAKEN_MAX })
  const isOver = ({ createdMs, ranges }: RowOf<typeof outbox>) =>
    ranges === NO_RANGES || nowMs - createdMs > AGE_MAX_MS
  const alive = old.filter((row) => !isOver(row))
  yield* dropOrders(old.filter(isOver).map(({ orderId }) => orderId))
  yield* update(
    outbox,
    alive.map(({ orderId }) => ({ key: [BUCKET, orderId], set: { takenMs: nowMs } })),
  )
  const left: LeftOrder[] = []
  for (const row of alive) left.push({ orderId: row.orderId, deliveries: yield* deliveriesOf(row) })
  return left
}

function* deliveriesOf({ ranges }: RowOf<typeof outbox>): Operation<Delivery[]> {
  const deliveries: Delivery[] = []
  for (const [conversationId, from, to] of JSON.parse(ranges) as Range[]) {
    deliveries.push(...(yield* missedDeliveries(conversationId, from, to)))
  }
  return deliveries
}

/** Numbers of a conversation follow each other within a transaction. */
function rangesOf(deliveries: readonly Delivery[]): Range[] {
  const ranges = new Map<ConversationId, Range>()
  for (const { conversationId, seq } of deliveries) {
    if (seq === 0) continue
    const range = ranges.get(conversationId)
    if (range === undefined) ranges.set(conversationId, [conversationId, seq, seq])
    else range[2] = seq
  }
  return [...ranges.values()]
}
