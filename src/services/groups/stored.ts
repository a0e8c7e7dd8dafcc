/** Groups and their members as they are stored; and the lock that every change of a group takes first. */
import { WireCode } from '../../openim/codes.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import { groupChatId, partiesOfGroup } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, findOne, lock, put, scan } from '../../store/ports/steps.js'
import { conversations, groups, members, memberships } from '../../store/schema/tables.js'
import { CallRefusedError } from '../call-refused.js'
import { type Head, newHead } from '../messages/stored.js'
import { GroupStatus, Rank } from './values.js'

export type GroupId = string
export type Group = RowOf<typeof groups>
export type Member = RowOf<typeof members>

/** A group that nobody else changes, and nobody sends to, before the transaction is over. */
export interface LockedGroup {
  group: Group
  /** Of its conversation. `rightsEpoch`: the version of the list of members since which nobody has come or left. */
  head: Head
}

/** Groups lie where their conversations do. */
export function bucketOfGroup(groupId: GroupId): number {
  return bucketOfUser(groupId)
}

export function* findGroup(groupId: GroupId): Operation<Group | undefined> {
  return yield* findOne(groups, bucketOfGroup(groupId), groupId)
}

/** Those that are there, in the order asked. */
export function* findGroups(groupIds: readonly GroupId[]): Operation<Group[]> {
  const found = yield* findMany(
    groups,
    groupIds.map((groupId) => [bucketOfGroup(groupId), groupId]),
  )
  return found.filter((group) => group !== undefined)
}

/** Throws 1004 where there is none. */
export function* needGroup(groupId: GroupId): Operation<Group> {
  const group = yield* findGroup(groupId)
  if (group === undefined) throw noGroup()
  return group
}

/** Throws 1004 where there is none, and 1204 where it was dismissed. */
export function* lockGroup(groupId: GroupId): Operation<LockedGroup> {
  const locked = yield* lockAny(groupId)
  if (locked.group.status === GroupStatus.Dismissed) throw dismissed()
  return locked
}

/** The same, and a dismissed one too. */
export function* lockAny(groupId: GroupId): Operation<LockedGroup> {
  // Looked for first: a lock makes a head, of which a refusal should leave nothing.
  yield* needGroup(groupId)
  const [head] = yield* lock(conversations, [newHead(groupChatId(groupId), partiesOfGroup(groupId))])
  return { group: yield* needGroup(groupId), head: head! }
}

export const noGroup = () => new CallRefusedError(WireCode.RecordNotFoundError, 'groupID: no such group')
export const dismissed = () =>
  new CallRefusedError(WireCode.DismissedAlreadyError, 'groupID: the group was dismissed')

export function* writeGroup(locked: LockedGroup, set: Partial<Group>): Operation<void> {
  locked.group = { ...locked.group, ...set }
  yield* put(groups, [locked.group])
}

export function* findMember(groupId: GroupId, userId: UserId): Operation<Member | undefined> {
  return yield* findOne(members, bucketOfGroup(groupId), groupId, userId)
}

/** Those of these that are members, in the order asked. */
export function* findMembers(groupId: GroupId, userIds: readonly UserId[]): Operation<Member[]> {
  const bucket = bucketOfGroup(groupId)
  const found = yield* findMany(
    members,
    userIds.map((userId) => [bucket, groupId, userId]),
  )
  return found.filter((member) => member !== undefined)
}

/** In the order of the list: the owner, administrators, then the others, each by age. */
export function* membersOf(
  groupId: GroupId,
  page: { offset?: number; limit?: number; to?: number } = {},
): Operation<Member[]> {
  return yield* scan(members, [bucketOfGroup(groupId), groupId], { order: 'byPlace', ...page })
}

/** The owner and the administrators. */
export function* managersOf(groupId: GroupId): Operation<Member[]> {
  return yield* membersOf(groupId, { to: Rank.Admin })
}

/** The groups of a user, in the order of their IDs. */
export function* groupIdsOf(userId: UserId): Operation<GroupId[]> {
  const own = yield* scan(memberships, [bucketOfUser(userId), userId])
  return own.map(({ groupId }) => groupId)
}
