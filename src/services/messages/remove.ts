/** Deleting messages and clearing conversations: for oneself, or for all who have them. */
import { ContentType } from '../../openim/content-types.js'
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import { type ConversationId, SessionType } from '../../rules/messages/conversation-id.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { put, raise, update } from '../../store/ports/steps.js'
import { conversations, deletions, messages } from '../../store/schema/tables.js'
import { argsError, noPermissionError } from '../call-refused.js'
import {
  type ConversationRecord,
  findRecords,
  lockRecord,
  recordsOf,
  writeRecords,
} from '../conversations/records.js'
import { assertManager } from '../groups/rights.js'
import {
  assertAdmin,
  assertLength,
  assertSelf,
  CONVERSATIONS_MAX,
  type OperationContext,
  operation,
  SEQS_MAX,
} from '../operations/operation.js'
import { ChangeState } from '../people/version-log.js'
import { readUpTo } from './mark-read.js'
import { conversationsChanged, notify, notifyChat } from './notices.js'
import { headOf, messagesAt, type StoredMessage } from './stored.js'
import { boundsWithin, emptied, isWithin } from './visible.js'

/** `IsSyncSelf`: the user's other devices are told. `IsSyncOther`: it is done for all. */
interface SyncOption {
  IsSyncSelf: boolean
  IsSyncOther: boolean
}

interface DeleteRequest {
  conversationID: ConversationId
  seqs: number[]
  userID: UserId
  deleteSyncOpt: SyncOption
}

export const deleteMessages = operation(
  'writer',
  function* (context, { conversationID, seqs, userID, deleteSyncOpt }: DeleteRequest): Operation<object> {
    assertSelf(context.caller, userID)
    assertLength('seqs', seqs.length, SEQS_MAX)
    const record = yield* lockRecord(userID, conversationID)
    const bounds = boundsWithin(yield* headOf(conversationID), record)
    const own = [...new Set(seqs)].filter((seq) => isWithin(bounds, seq))
    if (deleteSyncOpt.IsSyncOther) return yield* deleteForAll(context, record, own)
    const bucket = bucketOfConversation(conversationID)
    yield* put(
      deletions,
      own.map((seq) => ({ bucket, conversationId: conversationID, userId: userID, seq })),
    )
    const self = { userId: userID, groupId: '' }
    if (deleteSyncOpt.IsSyncSelf) yield* tellDeleted(context, record, self, own)
    return {}
  },
)

/** What a deleted message said is gone from the database too. */
function* deleteForAll(
  context: OperationContext,
  record: ConversationRecord,
  seqs: readonly number[],
): Operation<object> {
  const { ownerId, conversationId } = record
  assertChat(record)
  const rows = (yield* messagesAt(conversationId, seqs)).filter((row) => row !== undefined)
  assertForAll(
    context,
    rows.every(({ senderId }) => senderId === ownerId),
  )
  yield* erase(rows)
  yield* tellDeleted(context, record, record, seqs)
  return {}
}

/** What accounts say to users is not theirs. */
function assertChat({ type }: ConversationRecord): void {
  if (type === SessionType.Notification)
    throw argsError('conversationID: expected a chat of two, or of a group')
}

function* erase(rows: readonly StoredMessage[]): Operation<void> {
  yield* update(
    messages,
    rows.map(({ bucket, conversationId, seq, body }) => ({
      key: [bucket, conversationId, seq],
      set: { state: MessageState.Deleted, body: emptied(body), revoke: null },
    })),
  )
}

/**
 * By hand of an administrator: what messages said is gone, and nobody is told. They keep their numbers: a hole would be
 * filled with something, and a message that is sent once more would come twice.
 */
export const eraseMessages = operation(
  'writer',
  function* (
    { caller },
    { conversationID, seqs }: { conversationID: ConversationId; seqs: number[] },
  ): Operation<object> {
    assertAdmin(caller)
    assertLength('seqs', seqs.length, SEQS_MAX)
    const found = yield* messagesAt(conversationID, [...new Set(seqs)])
    yield* erase(found.filter((row) => row !== undefined))
    return {}
  },
)

function assertForAll({ caller, settings }: OperationContext, areOwn: boolean): void {
  const may = settings.deleteForAll === 'anyone' || (settings.deleteForAll === 'sender' && areOwn)
  if (!caller.isAdmin && !may)
    throw noPermissionError('deleting for all is not allowed here (DELETE_FOR_ALL)')
}

function* tellDeleted(
  context: OperationContext,
  { ownerId, conversationId }: ConversationRecord,
  to: { userId: UserId; groupId: string },
  seqs: readonly number[],
): Operation<void> {
  yield* notifyChat(context, to, {
    contentType: ContentType.Deleted,
    senderId: ownerId,
    detail: { userID: ownerId, conversationID: conversationId, seqs },
    isStored: true,
  })
}

interface ClearRequest {
  userID: UserId
  deleteSyncOpt: SyncOption
}

export const clearConversations = operation(
  'writer',
  function* (
    context,
    { conversationIDs, ...request }: ClearRequest & { conversationIDs: ConversationId[] },
  ): Operation<object> {
    assertSelf(context.caller, request.userID)
    assertLength('conversationIDs', conversationIDs.length, CONVERSATIONS_MAX)
    return yield* clear(context, request, yield* findRecords(request.userID, [...new Set(conversationIDs)]))
  },
)

export const clearAllConversations = operation(
  'writer',
  function* (context, request: ClearRequest): Operation<object> {
    assertSelf(context.caller, request.userID)
    const own = yield* recordsOf(request.userID)
    if (!request.deleteSyncOpt.IsSyncOther) return yield* clear(context, request, own)
    // Groups are cleared for their user alone: most are somebody else's.
    const inGroups = own.filter(({ type }) => type === SessionType.Group)
    yield* clear(
      context,
      request,
      own.filter((record) => !inGroups.includes(record)),
    )
    return yield* clearForSelf(context, request.userID, request.deleteSyncOpt, inGroups)
  },
)

function* clear(
  context: OperationContext,
  { userID, deleteSyncOpt }: ClearRequest,
  own: readonly ConversationRecord[],
): Operation<object> {
  if (own.length === 0) return {}
  if (deleteSyncOpt.IsSyncOther) {
    assertForAll(context, false)
    for (const { type, groupId } of own)
      if (type === SessionType.Group) yield* assertManager(context.caller, groupId)
    for (const record of own) yield* clearForAll(context, record)
    return {}
  }
  return yield* clearForSelf(context, userID, deleteSyncOpt, own)
}

function* clearForSelf(
  context: OperationContext,
  userID: UserId,
  { IsSyncSelf }: SyncOption,
  own: readonly ConversationRecord[],
): Operation<object> {
  if (own.length === 0) return {}
  const ids = own.map(({ conversationId }) => conversationId)
  const cleared: ConversationRecord[] = []
  for (const record of own) cleared.push(yield* clearedForOwner(record))
  yield* writeRecords(userID, cleared, ChangeState.Update)
  yield* notify(context, conversationsChanged(userID, ids))
  if (IsSyncSelf) yield* tellCleared(context, userID, { userId: userID, groupId: '' }, ids)
  return {}
}

function* clearedForOwner(found: ConversationRecord): Operation<ConversationRecord> {
  const record = yield* lockRecord(found.ownerId, found.conversationId)
  const { max } = boundsWithin(yield* headOf(record.conversationId), record)
  return { ...record, minSeq: max + 1, readSeq: Math.max(record.readSeq, max) }
}

function* clearForAll(context: OperationContext, record: ConversationRecord): Operation<void> {
  const { ownerId, conversationId } = record
  const { max } = boundsWithin(yield* headOf(conversationId), record)
  if (max === 0) return
  const key = [bucketOfConversation(conversationId), conversationId]
  // Of two at once the one that cleared more counts.
  yield* raise(conversations, [{ key, set: { minSeq: max + 1 } }])
  yield* readUpTo(record, max)
  yield* tellCleared(context, ownerId, record, [conversationId])
}

function* tellCleared(
  context: OperationContext,
  senderId: UserId,
  to: { userId: UserId; groupId: string },
  conversationIDs: readonly string[],
): Operation<void> {
  yield* notifyChat(context, to, {
    contentType: ContentType.ConversationCleared,
    senderId,
    detail: { userID: senderId, conversationIDs },
    isStored: false,
  })
}
