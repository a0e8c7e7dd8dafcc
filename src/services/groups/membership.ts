/**
 * Who comes into a group and who leaves it, with all that belongs to it: the list of members, the lists of groups and the
 * conversations of the users, and what they may read.
 */
import { bucketOfUser, byOwner } from '../../rules/messages/bucket.js'
import { groupChatId, SessionType } from '../../rules/messages/conversation-id.js'
import type { Audience } from '../../rules/messages/types.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { count, findMany, lock, put, remove } from '../../store/ports/steps.js'
import { conversations, members, memberships, records } from '../../store/schema/tables.js'
import { argsError } from '../call-refused.js'
import { type ConversationRecord, newRecord } from '../conversations/records.js'
import { conversationsChanged, notify } from '../messages/notices.js'
import { headOf } from '../messages/stored.js'
import type { OperationContext } from '../operations/operation.js'
import { bump, bumpEach, ChangeState, List } from '../people/version-log.js'
import { bucketOfGroup, type LockedGroup, type Member, writeGroup } from './stored.js'
import { GROUPS_OF_USER_MAX } from './values.js'

export interface Entrant {
  userId: UserId
  rank: number
  joinSource: number
  inviterId: UserId
  operatorId: UserId
}

/** A change of the list of members: who hears of it, and the version that it made. */
export interface ListChange {
  audience: Audience
  version: number
  versionId: string
}

/** In place of a member: the group itself has changed. */
export const GROUP_ITSELF = ''
/** Of more entrants at once it is not counted in how many groups each is. */
const COUNTED_MAX = 50

/** None of them is a member. */
export function* enter(
  context: OperationContext,
  locked: LockedGroup,
  entrants: readonly Entrant[],
): Operation<ListChange> {
  const { nowMs, settings } = context
  const { groupId, memberCount } = locked.group
  if (memberCount + entrants.length > settings.groupMembersMax)
    throw argsError(`a group may have ${settings.groupMembersMax} members (GROUP_MEMBERS_MAX)`)
  const userIds = entrants.map(({ userId }) => userId)
  yield* assertRoom(userIds)
  const bucket = bucketOfGroup(groupId)
  yield* put(
    members,
    entrants.map((entrant) => ({
      bucket,
      groupId,
      ...entrant,
      joinedMs: nowMs,
      muteEndMs: 0,
      nickname: '',
      faceUrl: '',
      ex: '',
    })),
  )
  yield* put(
    memberships,
    userIds.map((userId) => ({ bucket: bucketOfUser(userId), userId, groupId })),
  )
  const change = yield* changeAudience(locked, userIds, [])
  yield* writeGroup(locked, { memberCount: memberCount + entrants.length })
  yield* bumpEach(List.JoinedGroups, userIds, groupId, ChangeState.Insert)
  yield* openHistory(context, locked, userIds)
  return change
}

/** Their conversations are closed once they were told: see `closeHistory`. */
export function* leave(locked: LockedGroup, leavers: readonly Member[]): Operation<ListChange> {
  const { groupId, memberCount } = locked.group
  const bucket = bucketOfGroup(groupId)
  const userIds = leavers.map(({ userId }) => userId)
  yield* remove(
    members,
    userIds.map((userId) => [bucket, groupId, userId]),
  )
  yield* remove(
    memberships,
    userIds.map((userId) => [bucketOfUser(userId), userId, groupId]),
  )
  const change = yield* changeAudience(locked, [], userIds)
  yield* writeGroup(locked, { memberCount: memberCount - leavers.length })
  yield* bumpEach(List.JoinedGroups, userIds, groupId, ChangeState.Delete)
  return change
}

/** Members, or the group itself, have changed, and nobody has come or left. */
export function* changeList(
  { group: { groupId }, head }: LockedGroup,
  elements: readonly string[],
): Operation<ListChange> {
  const { version, versionId } = yield* bump(List.Members, groupId, elements, ChangeState.Update)
  return { audience: { groupId, epoch: head.rightsEpoch }, version, versionId }
}

function* changeAudience(locked: LockedGroup, entered: UserId[], left: UserId[]): Operation<ListChange> {
  const { groupId } = locked.group
  const state = left.length > 0 ? ChangeState.Delete : ChangeState.Insert
  const { version, versionId } = yield* bump(List.Members, groupId, [...entered, ...left], state)
  const since = locked.head.rightsEpoch
  locked.head = { ...locked.head, rightsEpoch: version }
  yield* put(conversations, [locked.head])
  return { audience: { groupId, epoch: version, change: { since, entered, left } }, version, versionId }
}

function* assertRoom(userIds: readonly UserId[]): Operation<void> {
  if (userIds.length > COUNTED_MAX) return
  for (const userId of userIds) {
    if ((yield* count(memberships, [bucketOfUser(userId), userId])) >= GROUPS_OF_USER_MAX)
      throw argsError(`a user may be in ${GROUPS_OF_USER_MAX} groups, and ${userId} is`)
  }
}

/** The conversation is born with the membership. What was said before is read by who comes, or not; unread it is for nobody. */
function* openHistory(
  { settings }: OperationContext,
  { group: { groupId }, head }: LockedGroup,
  userIds: readonly UserId[],
): Operation<void> {
  const past = head.maxSeq
  const set = { maxSeq: 0, readSeq: past, atClearedSeq: past }
  const { found, locked } = yield* lockRecords(groupId, userIds)
  yield* put(
    records,
    locked.map((record) => ({
      ...record,
      ...set,
      minSeq: settings.newMemberHistory === 'all' ? record.minSeq : past + 1,
    })),
  )
  const conversationId = groupChatId(groupId)
  const fresh = userIds.filter((userId) => !found.has(userId))
  const known = userIds.filter((userId) => found.has(userId))
  yield* bumpEach(List.Conversations, fresh, conversationId, ChangeState.Insert)
  yield* bumpEach(List.Conversations, known, conversationId, ChangeState.Update)
}

/** What is said from now on they do not read. */
export function* closeHistory(
  context: OperationContext,
  { group: { groupId } }: LockedGroup,
  userIds: readonly UserId[],
): Operation<void> {
  const conversationId = groupChatId(groupId)
  const last = (yield* headOf(conversationId))!.maxSeq
  const { locked } = yield* lockRecords(groupId, userIds)
  // Where nothing was said there is nothing to read: 0 would mean all.
  const bounds = last === 0 ? { minSeq: 2, maxSeq: 1 } : { maxSeq: last }
  yield* put(
    records,
    locked.map((record) => ({ ...record, ...bounds })),
  )
  yield* bumpEach(List.Conversations, userIds, conversationId, ChangeState.Update)
  yield* notify(context, ...userIds.map((userId) => conversationsChanged(userId, [conversationId])))
}

/** The records of the group's conversation, made where they are absent. `found`: whose was there. */
export function* lockRecords(
  groupId: string,
  userIds: readonly UserId[],
): Operation<{ found: Set<UserId>; locked: ConversationRecord[] }> {
  const conversationId = groupChatId(groupId)
  const wanted = userIds.map((userId) =>
    newRecord(userId, conversationId, { type: SessionType.Group, groupId }),
  )
  const found = yield* findMany(
    records,
    wanted.map(({ bucket, ownerId }) => [bucket, ownerId, conversationId]),
    { columns: ['ownerId'] },
  )
  const locked = yield* lock(records, wanted.sort(byOwner))
  return { found: new Set(found.flatMap((record) => record?.ownerId ?? [])), locked }
}
