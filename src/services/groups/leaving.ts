/** Leaving a group: by oneself, sent away, or with all others when it ends. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { argsError, CallRefusedError, noPermissionError } from '../call-refused.js'
import { notify } from '../messages/notices.js'
import { assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { FollowUp, leaveFollowUp } from '../people/follow-ups.js'
import { assertDistinct } from '../people/users.js'
import { changeList, closeHistory, GROUP_ITSELF, leave } from './membership.js'
import { assertOutranks, needMember } from './rights.js'
import { findMember, findMembers, type GroupId, lockAny, lockGroup, membersOf, writeGroup } from './stored.js'
import { actor, tellGroup } from './tips.js'
import { GroupStatus, Rank } from './values.js'
import { groupInfo, memberInfos } from './wire.js'

export const quitGroup = operation(
  'writer',
  function* (context, { groupID, userID }: { groupID: GroupId; userID: UserId }): Operation<object> {
    const userId = userID || context.caller.userId
    assertSelf(context.caller, userId)
    const locked = yield* lockAny(groupID)
    const member = yield* needMember(groupID, userId)
    if (member.rank === Rank.Owner)
      throw noPermissionError('the owner cannot leave: make another member the owner, or dismiss the group')
    const [quitUser] = yield* memberInfos([member])
    const change = yield* leave(locked, [member])
    yield* tellGroup(context, locked, {
      contentType: ContentType.MemberQuit,
      change,
      detail: { quitUser, operationTime: 0 },
      senderId: userId,
      alsoTo: [userId],
    })
    yield* closeHistory(context, locked, [userId])
    return {}
  },
)

interface Kick {
  groupID: GroupId
  kickedUserIDs: UserId[]
  sendMessage?: boolean | null
}

export const kickFromGroup = operation(
  'writer',
  function* (context, { groupID, kickedUserIDs: userIds, sendMessage }: Kick): Operation<object> {
    const { caller } = context
    assertDistinct('kickedUserIDs', userIds)
    if (userIds.includes(caller.userId)) throw argsError('kickedUserIDs: you are among them')
    const locked = yield* lockAny(groupID)
    if (userIds.includes(locked.group.ownerId)) throw argsError('kickedUserIDs: the owner is among them')
    const own = yield* findMember(groupID, caller.userId)
    const kicked = yield* findMembers(groupID, userIds)
    assertOutranks(caller, own, kicked)
    if (kicked.length < userIds.length)
      throw new CallRefusedError(WireCode.UserIDNotFoundError, 'kickedUserIDs: some are no members')
    const opUser = yield* actor(context, groupID)
    const kickedUserList = yield* memberInfos(kicked)
    const change = yield* leave(locked, kicked)
    yield* tellGroup(context, locked, {
      contentType: ContentType.MembersKicked,
      change,
      detail: { opUser, kickedUserList, operationTime: 0 },
      alsoTo: userIds,
      hasLine: sendMessage,
    })
    yield* closeHistory(context, locked, userIds)
    return {}
  },
)

// Dismissal

/** Of a larger group the members leave in slices after the dismissal. */
const SLICE = 200

interface Dismiss {
  groupID: GroupId
  sendMessage?: boolean | null
}

/** From now on nobody is heard, and nobody comes in. */
export const dismissGroup = operation(
  'writer',
  function* (context, { groupID, sendMessage }: Dismiss): Operation<object> {
    const locked = yield* lockGroup(groupID)
    const own = yield* findMember(groupID, context.caller.userId)
    if (!context.caller.isAdmin && own?.rank !== Rank.Owner)
      throw noPermissionError('only the owner may dismiss the group')
    const detail = { opUser: yield* actor(context, groupID), operationTime: 0 }
    yield* writeGroup(locked, { status: GroupStatus.Dismissed })
    const tip = { contentType: ContentType.GroupDismissed, detail, hasLine: sendMessage }
    if (locked.group.memberCount > SLICE) {
      yield* tellGroup(context, locked, { ...tip, change: yield* changeList(locked, [GROUP_ITSELF]) })
      yield* leaveFollowUp(context, FollowUp.Dismissal, groupID)
      return {}
    }
    const all = yield* membersOf(groupID)
    const change = yield* leave(locked, all)
    yield* tellGroup(context, locked, { ...tip, change, alsoTo: all.map(({ userId }) => userId) })
    return {}
  },
)

/**
 * Of a large group, those who come first in what is left of the list. They hear of it once more: clients look into their
 * list of groups when they hear, and only now it is no longer there.
 */
export function* dismissMore(context: OperationContext, groupId: GroupId): Operation<string | undefined> {
  const locked = yield* lockAny(groupId)
  const slice = yield* membersOf(groupId, { limit: SLICE })
  if (slice.length === 0) return undefined
  yield* leave(locked, slice)
  const { ownerId: senderId } = locked.group
  const opUser = yield* actor({ ...context, caller: { ...context.caller, userId: senderId } }, groupId)
  const detail = { group: groupInfo(locked.group), opUser, operationTime: 0 }
  const contentType = ContentType.GroupDismissed
  yield* notify(
    context,
    ...slice.map(({ userId: receiverId }) => ({
      contentType,
      senderId,
      receiverId,
      detail,
      isStored: false,
    })),
  )
  return slice.length < SLICE ? undefined : groupId
}
