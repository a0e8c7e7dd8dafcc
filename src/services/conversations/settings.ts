/** What users set for their conversations. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import {
  accountChatId,
  type ConversationId,
  pairOf,
  SessionType,
  singleChatId,
} from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { listDestruct } from '../housekeeping/destruct.js'
import { conversationsChanged, notify, notifyWithLine } from '../messages/notices.js'
import { headOf } from '../messages/stored.js'
import { assertLength, assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { findUsers } from '../people/users.js'
import { ChangeState } from '../people/version-log.js'
import { type ConversationRecord, findToChange, newRecord, writeRecords } from './records.js'

/** Users of one request: each is written and told. */
const USERS_MAX = 100

/** Null or absent: it stays as it is. */
type Given<T> = T | null | undefined

interface Wanted {
  conversationID: ConversationId
  conversationType: number
  userID: UserId
  groupID: string
  recvMsgOpt?: Given<number>
  isPinned?: Given<boolean>
  attachedInfo?: Given<string>
  isPrivateChat?: Given<boolean>
  ex?: Given<string>
  burnDuration?: Given<number>
  groupAtType?: Given<number>
  msgDestructTime?: Given<number>
  isMsgDestruct?: Given<boolean>
}

export const setConversations = operation(
  'writer',
  function* (
    context,
    { userIDs, conversation }: { userIDs: UserId[]; conversation: Wanted },
  ): Operation<object> {
    assertLength('userIDs', userIDs.length, USERS_MAX)
    if (userIDs.length === 0) throw argsError('userIDs: expected at least one')
    for (const userID of userIDs) assertSelf(context.caller, userID)
    for (const userID of new Set(userIDs)) yield* setFor(context, userID, conversation)
    return {}
  },
)

function* setFor(context: OperationContext, ownerId: UserId, wanted: Wanted): Operation<void> {
  const before = yield* findToChange(ownerId, wanted.conversationID)
  const base = before ?? (yield* newRecordOf(ownerId, wanted))
  const after = yield* withMarks(applied(base, wanted), wanted)
  if (before === undefined || !isSame(before, after)) {
    yield* writeRecords(ownerId, [after], before === undefined ? ChangeState.Insert : ChangeState.Update)
    yield* listDestruct(base, after)
    yield* notify(context, conversationsChanged(ownerId, [wanted.conversationID]))
  }
  const { isPrivateChat } = wanted
  if (typeof isPrivateChat === 'boolean' && base.type === SessionType.Single) {
    yield* setPrivate(context, base, isPrivateChat)
  }
}

/** Burning after reading is for both of them. */
function* setPrivate(
  context: OperationContext,
  { ownerId, userId: otherId, conversationId: conversationID, type }: ConversationRecord,
  isPrivate: boolean,
): Operation<void> {
  const other = yield* findToChange(otherId, conversationID)
  const base = other ?? newRecord(otherId, conversationID, { type, userId: ownerId })
  const state = other === undefined ? ChangeState.Insert : ChangeState.Update
  yield* writeRecords(otherId, [{ ...base, isPrivate: Number(isPrivate) }], state)
  yield* notifyWithLine(context, {
    contentType: ContentType.PrivateChat,
    senderId: ownerId,
    receiverId: otherId,
    detail: { recvID: otherId, sendID: ownerId, isPrivate, conversationID },
  })
}

/** A record is the right to read, so nobody makes one for a conversation of others. */
function* newRecordOf(
  ownerId: UserId,
  { conversationID, conversationType, userID }: Wanted,
): Operation<ConversationRecord> {
  // That of a group is born with the membership.
  if (conversationType === SessionType.Group)
    throw argsError('conversationID: expected one of a group that the user is in')
  const parties = pairOf(ownerId, userID)
  const isOfAccount = conversationType === SessionType.Notification
  if (conversationID !== (isOfAccount ? accountChatId(parties) : singleChatId(parties))) {
    throw argsError('conversationID: expected the one of the user and userID')
  }
  const both = new Set([ownerId, userID])
  if ((yield* findUsers([...both])).length < both.size) {
    throw new CallRefusedError(WireCode.RecordNotFoundError, 'userIDs, userID: not registered')
  }
  return newRecord(ownerId, conversationID, { type: conversationType, userId: userID })
}

function applied(record: ConversationRecord, wanted: Wanted): ConversationRecord {
  const flag = (given: Given<boolean>, before: number) =>
    typeof given === 'boolean' ? Number(given) : before
  return {
    ...record,
    recvOpt: wanted.recvMsgOpt ?? record.recvOpt,
    isPinned: flag(wanted.isPinned, record.isPinned),
    isPrivate: flag(wanted.isPrivateChat, record.isPrivate),
    attachedInfo: wanted.attachedInfo ?? record.attachedInfo,
    ex: wanted.ex ?? record.ex,
    burnDuration: wanted.burnDuration ?? record.burnDuration,
    atType: wanted.groupAtType ?? record.atType,
    destructTime: wanted.msgDestructTime ?? record.destructTime,
    isDestruct: flag(wanted.isMsgDestruct, record.isDestruct),
  }
}

/** Marks of the whole group that are there now are gone with the user's own. */
function* withMarks(record: ConversationRecord, { groupAtType }: Wanted): Operation<ConversationRecord> {
  if (typeof groupAtType !== 'number' || record.type !== SessionType.Group) return record
  return { ...record, atClearedSeq: (yield* headOf(record.conversationId))?.maxSeq ?? 0 }
}

function isSame(one: ConversationRecord, other: ConversationRecord): boolean {
  return Object.entries(one).every(([name, value]) => other[name as keyof ConversationRecord] === value)
}
