/** How far a user has read, and how the others hear of it. */
import { ContentType } from '../../openim/content-types.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import { type ConversationId, SessionType } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { raise } from '../../store/ports/steps.js'
import { records } from '../../store/schema/tables.js'
import { argsError } from '../call-refused.js'
import { type ConversationRecord, lockRecord } from '../conversations/records.js'
import {
  assertLength,
  assertSelf,
  type OperationContext,
  operation,
  SEQS_MAX,
} from '../operations/operation.js'
import { notify } from './notices.js'
import { headOf } from './stored.js'
import { boundsWithin } from './visible.js'

interface Mark {
  conversationID: ConversationId
  userID: UserId
}

/** Everything up to a number, and some others. */
export const markConversationRead = operation(
  'writer',
  function* (
    context,
    { conversationID, userID, hasReadSeq, seqs }: Mark & { hasReadSeq: number; seqs: number[] },
  ): Operation<object> {
    assertSelf(context.caller, userID)
    assertLength('seqs', seqs.length, SEQS_MAX)
    const record = yield* lockRecord(userID, conversationID)
    yield* assertReadable(record, [hasReadSeq, ...seqs])
    yield* readUpTo(record, hasReadSeq)
    const fresh = Array.from(
      { length: Math.max(0, hasReadSeq - record.readSeq) },
      (_, index) => record.readSeq + 1 + index,
    )
    yield* tellRead(
      context,
      record,
      hasReadSeq,
      [...new Set([...fresh.slice(-SEQS_MAX), ...seqs])].sort(ascending),
    )
    return {}
  },
)

/** The last one of these, and so all before it. */
export const markMessagesRead = operation(
  'writer',
  function* (context, { conversationID, userID, seqs }: Mark & { seqs: number[] }): Operation<object> {
    assertSelf(context.caller, userID)
    assertLength('seqs', seqs.length, SEQS_MAX)
    const last = seqs.at(-1)
    if (last === undefined) throw argsError('seqs: expected at least one')
    const record = yield* lockRecord(userID, conversationID)
    yield* assertReadable(record, seqs)
    yield* readUpTo(record, last)
    yield* tellRead(context, record, last, [...new Set(seqs)].sort(ascending))
    return {}
  },
)

/** The other devices of the user hear of it, and nobody else. */
export const setReadSeq = operation(
  'writer',
  function* (
    context,
    { conversationID, userID, hasReadSeq }: Mark & { hasReadSeq: number },
  ): Operation<object> {
    assertSelf(context.caller, userID)
    const record = yield* lockRecord(userID, conversationID)
    yield* assertReadable(record, [hasReadSeq])
    yield* readUpTo(record, hasReadSeq)
    yield* tellOwn(context, record, hasReadSeq)
    return {}
  },
)

function* assertReadable(record: ConversationRecord, seqs: readonly number[]): Operation<void> {
  const { max } = boundsWithin(yield* headOf(record.conversationId), record)
  if (seqs.some((seq) => seq < 1 || seq > max)) throw argsError(`hasReadSeq, seqs: expected 1 to ${max}`)
}

/** A mark never goes back. */
export function* readUpTo({ ownerId, conversationId }: ConversationRecord, readSeq: number): Operation<void> {
  yield* raise(records, [{ key: [bucketOfUser(ownerId), ownerId, conversationId], set: { readSeq } }])
}

/** In a single chat the other one hears which messages were read. Clients take a receipt without any for none. */
function* tellRead(
  context: OperationContext,
  record: ConversationRecord,
  hasReadSeq: number,
  seqs: number[],
): Operation<void> {
  if (record.type !== SessionType.Single) return yield* tellOwn(context, record, hasReadSeq)
  const { ownerId, userId, conversationId } = record
  yield* notify(context, {
    contentType: ContentType.ReadReceipt,
    senderId: ownerId,
    receiverId: userId,
    detail: { markAsReadUserID: ownerId, conversationID: conversationId, seqs, hasReadSeq },
    isStored: seqs.length > 0,
  })
}

function* tellOwn(
  context: OperationContext,
  record: ConversationRecord,
  hasReadSeq: number,
): Operation<void> {
  const { ownerId, conversationId } = record
  yield* notify(context, {
    contentType: ContentType.ReadReceipt,
    senderId: ownerId,
    receiverId: ownerId,
    detail: { markAsReadUserID: ownerId, conversationID: conversationId, seqs: [], hasReadSeq },
    isStored: false,
  })
}

const ascending = (one: number, other: number) => one - other
