/**
 * How conversations look to their owners: with the marks of their groups. A message that names all members, or an
 * announcement, is noted once, in the row of the group. Each read of a conversation adds it here.
 */
import type { Conversation } from '../../openim/proto/conversations.js'
import { groupChatId, SessionType } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findGroups, type Group, groupIdsOf } from '../groups/stored.js'
import { AtType } from '../groups/values.js'
import { type ConversationRecord, findRecords, toWire } from './records.js'

/** Conversations of one owner with marks that all members have, in one answer. */
const MARKED_MAX = 200

export function* shown(own: readonly ConversationRecord[]): Operation<Conversation[]> {
  const groupIds = own.filter(({ type }) => type === SessionType.Group).map(({ groupId }) => groupId)
  const groups = new Map((yield* findGroups(groupIds)).map((group) => [group.groupId, group]))
  return own.map((record) => ({ ...toWire(record), groupAtType: markOf(record, groups.get(record.groupId)) }))
}

/** Conversations with a mark of the whole group: they have not changed themselves. */
export function* markedByGroups(ownerId: UserId): Operation<ConversationRecord[]> {
  const marking = (yield* findGroups(yield* groupIdsOf(ownerId))).filter(
    ({ atAllSeq, noticeSeq }) => atAllSeq > 0 || noticeSeq > 0,
  )
  const groups = new Map(marking.map((group) => [group.groupId, group]))
  const own = yield* findRecords(
    ownerId,
    marking.map(({ groupId }) => groupChatId(groupId)),
  )
  return own
    .filter((record) => markOf(record, groups.get(record.groupId)) !== record.atType)
    .slice(0, MARKED_MAX)
}

function markOf({ ownerId, atType, atClearedSeq }: ConversationRecord, group: Group | undefined): number {
  if (group === undefined) return atType
  const { atAllSeq, atAllBy, noticeSeq } = group
  const isForAll = atAllSeq > atClearedSeq && atAllBy !== ownerId
  const isNotice = noticeSeq > atClearedSeq
  if (isNotice && noticeSeq > atAllSeq) return AtType.Notice
  if (isForAll) return atType === AtType.Me || atType === AtType.AllAndMe ? AtType.AllAndMe : AtType.All
  return isNotice ? AtType.Notice : atType
}
