/** A conversation as one user has it: the record that a first message makes, and its form on the wire. */
import { WireCode } from '../../openim/codes.js'
import type { Conversation } from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, findOne, lock, put, scan } from '../../store/ports/steps.js'
import { records } from '../../store/schema/tables.js'
import { CallRefusedError } from '../call-refused.js'
import { bump, type ChangeState, List } from '../people/version-log.js'

export type ConversationRecord = RowOf<typeof records>

/** Of one user, what OpenIM's clients may not do. */
export const RecvOpt = { Receive: 0, Refuse: 1, NoPush: 2 } as const

/** As a record is before its owner has set anything. */
export function newRecord(
  ownerId: UserId,
  conversationId: ConversationId,
  of: { type: number; userId?: UserId; groupId?: string },
): ConversationRecord {
  return {
    bucket: bucketOfUser(ownerId),
    ownerId,
    conversationId,
    type: of.type,
    userId: of.userId ?? '',
    groupId: of.groupId ?? '',
    recvOpt: RecvOpt.Receive,
    isPinned: 0,
    isPrivate: 0,
    burnDuration: 0,
    atType: 0,
    attachedInfo: '',
    ex: '',
    isDestruct: 0,
    destructTime: 0,
    latestDestructTime: 0,
    minSeq: 0,
    maxSeq: 0,
    readSeq: 0,
    atClearedSeq: 0,
  }
}

export function* findRecord(
  ownerId: UserId,
  conversationId: ConversationId,
): Operation<ConversationRecord | undefined> {
  return yield* findOne(records, bucketOfUser(ownerId), ownerId, conversationId)
}

/** For a change of it: what is written as a whole must not undo what another node changes meanwhile. */
export function* findToChange(
  ownerId: UserId,
  conversationId: ConversationId,
): Operation<ConversationRecord | undefined> {
  const record = yield* findRecord(ownerId, conversationId)
  if (record === undefined) return undefined
  const [locked] = yield* lock(records, [record])
  return locked
}

/** The same. Throws CALL_REFUSED where there is none. */
export function* lockRecord(ownerId: UserId, conversationId: ConversationId): Operation<ConversationRecord> {
  const record = yield* findToChange(ownerId, conversationId)
  if (record !== undefined) return record
  throw new CallRefusedError(WireCode.RecordNotFoundError, 'conversationID: not one of this user')
}

/** Those that are there, in the order asked. */
export function* findRecords(
  ownerId: UserId,
  conversationIds: readonly ConversationId[],
): Operation<ConversationRecord[]> {
  const bucket = bucketOfUser(ownerId)
  const found = yield* findMany(
    records,
    conversationIds.map((conversationId) => [bucket, ownerId, conversationId]),
  )
  return found.filter((record) => record !== undefined)
}

/** All of a user, by conversation ID. */
export function* recordsOf(
  ownerId: UserId,
  page: { offset?: number; limit?: number } = {},
): Operation<ConversationRecord[]> {
  return yield* scan(records, [bucketOfUser(ownerId), ownerId], page)
}

/** Write records of one owner, and raise the version of their list: once for the new ones, once for the others. */
export function* writeRecords(
  ownerId: UserId,
  written: readonly ConversationRecord[],
  state: ChangeState,
): Operation<void> {
  if (written.length === 0) return
  yield* put(records, written)
  const elements = written.map(({ conversationId }) => conversationId)
  yield* bump(List.Conversations, ownerId, elements, state)
}

export function toWire(record: ConversationRecord): Conversation {
  return {
    ownerUserID: record.ownerId,
    conversationID: record.conversationId,
    recvMsgOpt: record.recvOpt,
    conversationType: record.type,
    userID: record.userId,
    groupID: record.groupId,
    isPinned: record.isPinned !== 0,
    attachedInfo: record.attachedInfo,
    isPrivateChat: record.isPrivate !== 0,
    groupAtType: record.atType,
    ex: record.ex,
    burnDuration: record.burnDuration,
    minSeq: record.minSeq,
    maxSeq: record.maxSeq,
    msgDestructTime: record.destructTime,
    latestMsgDestructTime: record.latestDestructTime,
    isMsgDestruct: record.isDestruct !== 0,
  }
}
