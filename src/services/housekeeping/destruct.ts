/**
 * Conversations whose owners let messages vanish after a time of their choice (`isMsgDestruct`, `msgDestructTime` in
 * seconds). They vanish for that owner alone. As in OpenIM a conversation is cut once in each such time, so a message
 * vanishes when it is between once and twice as old.
 */
import type { Operation } from '../../store/ports/database.js'
import { lock, put, remove, scan, update } from '../../store/ports/steps.js'
import { destructs, records } from '../../store/schema/tables.js'
import { type ConversationRecord, findRecord } from '../conversations/records.js'
import { conversationsChanged, notify } from '../messages/notices.js'
import { headOf } from '../messages/stored.js'
import { boundsWithin } from '../messages/visible.js'
import type { OperationContext } from '../operations/operation.js'
import { bump, ChangeState, List } from '../people/version-log.js'
import { firstSince } from './first-since.js'
import { after, type Budget, type Cursor, type Slice } from './slice.js'

const ROWS = 25
const SECOND_MS = 1_000

const isOn = ({ isDestruct, destructTime }: ConversationRecord) => isDestruct !== 0 && destructTime > 0

/** The list of such conversations: to be called when an owner has changed their settings. */
export function* listDestruct(before: ConversationRecord, changed: ConversationRecord): Operation<void> {
  if (isOn(before) === isOn(changed)) return
  const { bucket, ownerId, conversationId } = changed
  if (isOn(changed)) yield* put(destructs, [{ bucket, ownerId, conversationId }])
  else yield* remove(destructs, [[bucket, ownerId, conversationId]])
}

export function* cutDestructs(cursor: Cursor, context: OperationContext, budget: Budget): Operation<Slice> {
  const slice: Slice = { next: cursor, messages: 0, conversations: 0, deliveries: context.deliveries }
  do {
    const rows = yield* scan(destructs, [], {
      from: slice.next!.bucket,
      offset: slice.next!.done,
      limit: ROWS,
    })
    budget.spend(rows.length)
    for (const row of rows) {
      slice.next = after(slice.next!, row)
      if (!(yield* cut(context, row.ownerId, row.conversationId))) continue
      slice.conversations++
      if (budget.isSpent) return slice
    }
    if (rows.length < ROWS) slice.next = undefined
  } while (slice.next !== undefined && !budget.isSpent)
  return slice
}

function isDue(record: ConversationRecord | undefined, nowMs: number): record is ConversationRecord {
  if (record === undefined || !isOn(record)) return false
  return record.latestDestructTime + record.destructTime * SECOND_MS < nowMs
}

/** Whether it was due. */
function* cut(context: OperationContext, ownerId: string, conversationId: string): Operation<boolean> {
  const { nowMs } = context
  const seen = yield* findRecord(ownerId, conversationId)
  if (!isDue(seen, nowMs)) return false
  // Another node may have done it meanwhile.
  const [record] = yield* lock(records, [seen])
  if (!isDue(record, nowMs)) return false
  const { bucket, destructTime } = record
  const { min, max } = boundsWithin(yield* headOf(conversationId), record)
  const kept = yield* firstSince(conversationId, min, max, nowMs - destructTime * SECOND_MS)
  const isShorter = kept > min
  yield* update(records, [
    {
      key: [bucket, ownerId, conversationId],
      set: {
        latestDestructTime: nowMs,
        ...(isShorter && { minSeq: kept, readSeq: Math.max(record.readSeq, kept - 1) }),
      },
    },
  ])
  yield* bump(List.Conversations, ownerId, [conversationId], ChangeState.Update)
  yield* notify(context, conversationsChanged(ownerId, [conversationId]))
  return true
}
