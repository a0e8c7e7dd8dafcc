/** Groups: made. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import type { GroupInfo } from '../../openim/proto/people.js'
import { hashOf } from '../../rules/hash.js'
import { groupChatId, notificationsOf, partiesOfGroup } from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import type { Operation } from '../../store/ports/database.js'
import { lock, put } from '../../store/ports/steps.js'
import { conversations, groups } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { newHead } from '../messages/stored.js'
import { assertLength, assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { findUsers } from '../people/users.js'
import { type Entrant, enter } from './membership.js'
import { bucketOfGroup, findGroup, type Group, type GroupId, type LockedGroup, membersOf } from './stored.js'
import { actor, tellGroup } from './tips.js'
import { JoinSource, MEMBERS_AT_ONCE_MAX, Rank, WORKING_GROUP } from './values.js'
import { groupInfo, memberInfos } from './wire.js'

/** Its conversations have it in their IDs. */
const ID_BYTES_MAX = 125
/** IDs that were made and are taken. */
const ATTEMPTS = 10

interface CreateGroup {
  ownerUserID: UserId
  memberUserIDs: UserId[]
  adminUserIDs: UserId[]
  groupInfo: GroupInfo
  sendMessage?: boolean | null
}

export const createGroup = operation('writer', function* (context, request: CreateGroup): Operation<{
  groupInfo: GroupInfo
}> {
  const { caller } = context
  const { ownerUserID: ownerId, groupInfo: given } = request
  if (given.groupType !== WORKING_GROUP) throw argsError(`groupType: expected ${WORKING_GROUP}`)
  assertSelf(caller, ownerId)
  const entrants = entrantsOf(request, caller.userId)
  yield* assertUsers(entrants.map(({ userId }) => userId))
  const locked = yield* makeGroup(context, given, ownerId)
  const change = yield* enter(context, locked, entrants)
  yield* tellGroup(context, locked, {
    contentType: ContentType.GroupCreated,
    change,
    detail: {
      opUser: yield* actor(context, locked.group.groupId),
      memberList: yield* memberInfos(yield* membersOf(locked.group.groupId, { limit: MEMBERS_AT_ONCE_MAX })),
      operationTime: context.nowMs,
      groupOwnerUser: (yield* memberInfos(yield* membersOf(locked.group.groupId, { limit: 1 })))[0],
    },
    hasLine: request.sendMessage,
  })
  if (given.notification !== '') {
    yield* tellGroup(context, locked, {
      contentType: ContentType.GroupAnnounced,
      change,
      detail: { opUser: yield* actor(context, locked.group.groupId) },
    })
  }
  return { groupInfo: groupInfo(locked.group) }
})

/** Each comes in once: the caller need not be among them. */
function entrantsOf(
  { ownerUserID: ownerId, adminUserIDs, memberUserIDs }: CreateGroup,
  operatorId: UserId,
): Entrant[] {
  assertLength(
    'memberUserIDs, adminUserIDs',
    memberUserIDs.length + adminUserIDs.length,
    MEMBERS_AT_ONCE_MAX - 1,
  )
  const all = [ownerId, ...adminUserIDs, ...memberUserIDs]
  if (new Set(all).size < all.length)
    throw argsError('ownerUserID, adminUserIDs, memberUserIDs: a user comes twice')
  const rankOf = (index: number) => {
    if (index === 0) return Rank.Owner
    return index <= adminUserIDs.length ? Rank.Admin : Rank.Member
  }
  return all.map((userId, index) => ({
    userId,
    rank: rankOf(index),
    joinSource: JoinSource.Invitation,
    inviterId: operatorId,
    operatorId,
  }))
}

function* assertUsers(userIds: readonly UserId[]): Operation<void> {
  const known = new Set((yield* findUsers(userIds)).map(({ userId }) => userId))
  const unknown = userIds.find((userId) => !known.has(userId))
  if (unknown !== undefined)
    throw new CallRefusedError(WireCode.UserIDNotFoundError, `${unknown}: not registered`)
}

function* makeGroup(context: OperationContext, given: GroupInfo, ownerId: UserId): Operation<LockedGroup> {
  const groupId = yield* newGroupId(context, given.groupID)
  const parties = partiesOfGroup(groupId)
  const chat = groupChatId(groupId)
  // Both names are the group's from now on: what holds a name is not empty.
  const heads = [notificationsOf(chat), chat].map((id) => newHead(id, parties))
  const locked = yield* lock(conversations, heads)
  if (locked.some(({ a, b }) => a !== parties.a || b !== parties.b))
    throw new CallRefusedError(WireCode.GroupIDExisted, 'groupID: the name of its conversation is taken')
  const held = locked.map((head) => ({ ...head, rightsEpoch: Math.max(1, head.rightsEpoch) }))
  yield* put(conversations, held)
  const group = newGroup(groupId, given, { ownerId, creatorId: context.caller.userId }, context.nowMs)
  yield* put(groups, [group])
  return { group, head: held[1]! }
}

function* newGroupId({ caller, newId }: OperationContext, given: GroupId): Operation<GroupId> {
  if (given !== '') {
    const flaw = checkGroupId(given, caller.isAdmin)
    if (flaw !== undefined) throw argsError(`groupID: ${flaw}`)
    if ((yield* findGroup(given)) !== undefined)
      throw new CallRefusedError(WireCode.GroupIDExisted, 'groupID: there is such a group')
    return given
  }
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // As OpenIM's: eight hexadecimal digits as a decimal number.
    const made = String(hashOf('md5', newId()).readUInt32BE())
    if ((yield* findGroup(made)) === undefined) return made
  }
  throw new CallRefusedError(WireCode.DataError, 'no ID was found for the group; try again')
}

/** In words. An ID with a `_` can spell the name that the notifications of two users have. */
function checkGroupId(groupId: GroupId, isAdmin: boolean): string | undefined {
  if (Buffer.byteLength(groupId) > ID_BYTES_MAX) return `is longer than ${ID_BYTES_MAX} bytes`
  if (groupId.includes('_') && !isAdmin) return "holds a '_', which only administrators may give"
  return checkUserId(groupId)
}

function newGroup(
  groupId: GroupId,
  given: GroupInfo,
  of: Pick<Group, 'ownerId' | 'creatorId'>,
  nowMs: number,
): Group {
  const isNotified = given.notification !== ''
  return {
    bucket: bucketOfGroup(groupId),
    groupId,
    ...of,
    status: 0,
    needVerification: given.needVerification,
    lookMembers: given.lookMemberInfo,
    addFriends: given.applyMemberFriend,
    memberCount: 0,
    createdMs: nowMs,
    notifiedMs: isNotified ? nowMs : 0,
    notifierId: isNotified ? of.creatorId : '',
    atAllSeq: 0,
    atAllBy: '',
    noticeSeq: 0,
    name: given.groupName,
    notification: given.notification,
    introduction: given.introduction,
    faceUrl: given.faceURL,
    ex: given.ex,
  }
}
