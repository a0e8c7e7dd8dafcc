/** Coming into a group: by oneself, invited, or after a request was agreed to. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findOne, put } from '../../store/ports/steps.js'
import { groupRequests, ownGroupRequests } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { notify } from '../messages/notices.js'
import { assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { assertDistinct, assertRegistered } from '../people/users.js'
import { profilesOf, publicInfo, RequestResult } from '../people/wire.js'
import { enter } from './membership.js'
import { assertManager, assertMember } from './rights.js'
import {
  bucketOfGroup,
  findMember,
  findMembers,
  type GroupId,
  type LockedGroup,
  lockGroup,
  managersOf,
} from './stored.js'
import { actor, tellGroup } from './tips.js'
import { JoinSource, Rank, Verification } from './values.js'
import { type GroupRequestRow, groupInfo, memberInfo, memberInfos, requestInfo } from './wire.js'

// Asking

interface Join {
  groupID: GroupId
  reqMessage: string
  joinSource: number
  /** Named so upstream: it is the one who asks. */
  inviterUserID: UserId
  ex: string
}

export const joinGroup = operation('writer', function* (context, request: Join): Operation<object> {
  const { groupID, joinSource, reqMessage: reqMsg, ex } = request
  const userId = request.inviterUserID || context.caller.userId
  assertSelf(context.caller, userId)
  yield* assertRegistered([userId])
  const locked = yield* lockGroup(groupID)
  if ((yield* findMember(groupID, userId)) !== undefined)
    throw argsError('inviterUserID: is a member already')
  if (locked.group.needVerification === Verification.None) {
    yield* enterOne(context, locked, userId, { joinSource, inviterId: '' })
    return {}
  }
  const row = { userId, reqMsg, ex, joinSource, inviterId: '' }
  yield* ask(context, locked, row)
  return {}
})

interface Invite {
  groupID: GroupId
  reason: string
  invitedUserIDs: UserId[]
  sendMessage?: boolean | null
}

/** Users who are members already are left out. */
export const inviteToGroup = operation(
  'writer',
  function* (context, { groupID, reason, invitedUserIDs, sendMessage }: Invite): Operation<object> {
    assertDistinct('invitedUserIDs', invitedUserIDs)
    const locked = yield* lockGroup(groupID)
    const own = yield* assertMember(context.caller, groupID)
    yield* assertRegistered(invitedUserIDs)
    const members = new Set((yield* findMembers(groupID, invitedUserIDs)).map(({ userId }) => userId))
    const fresh = invitedUserIDs.filter((userId) => !members.has(userId))
    if (fresh.length === 0) return {}
    const inviterId = context.caller.userId
    const isOrdinary = !context.caller.isAdmin && own!.rank === Rank.Member
    if (locked.group.needVerification === Verification.OfAll && isOrdinary) {
      for (const userId of fresh)
        yield* ask(context, locked, {
          userId,
          reqMsg: reason,
          ex: '',
          joinSource: JoinSource.Invitation,
          inviterId,
        })
      return {}
    }
    yield* enterInvited(context, locked, fresh, { inviterId, hasLine: sendMessage })
    return {}
  },
)

/** One request for each user: who asks again replaces it. */
function* ask(
  context: OperationContext,
  locked: LockedGroup,
  asked: Pick<GroupRequestRow, 'userId' | 'reqMsg' | 'ex' | 'joinSource' | 'inviterId'>,
): Operation<void> {
  const { nowMs: createdMs, newId } = context
  const { groupId } = locked.group
  const { userId } = asked
  const open = { result: RequestResult.Open, createdMs, handledMs: 0, handlerId: '', handleMsg: '' }
  const row = { bucket: bucketOfGroup(groupId), groupId, ...asked, ...open }
  yield* put(groupRequests, [row])
  yield* put(ownGroupRequests, [{ bucket: bucketOfUser(userId), userId, groupId, createdMs }])
  const profiles = yield* profilesOf([userId])
  const detail = {
    group: groupInfo(locked.group),
    applicant: publicInfo(profiles, userId),
    reqMsg: asked.reqMsg,
    uuid: newId(),
    request: requestInfo(row, profiles, undefined),
  }
  yield* tellConcerned(context, groupId, userId, ContentType.GroupRequested, () => detail)
}

/** The owner, the administrators, who asks and who acts hear of a request: once each. */
function* tellConcerned(
  context: OperationContext,
  groupId: GroupId,
  applicantId: UserId,
  contentType: number,
  detailFor: (userId: UserId) => object,
): Operation<void> {
  const managers = (yield* managersOf(groupId)).map(({ userId }) => userId)
  const receivers = new Set([...managers, applicantId])
  yield* notify(
    context,
    ...[...receivers].map((receiverId) => ({
      contentType,
      senderId: context.caller.userId,
      receiverId,
      detail: detailFor(receiverId),
      isStored: false,
    })),
  )
}

// Answering

interface Answer {
  groupID: GroupId
  fromUserID: UserId
  handledMsg: string
  handleResult: number
}

export const answerGroupRequest = operation(
  'writer',
  function* (context, { groupID, fromUserID, handledMsg, handleResult }: Answer): Operation<object> {
    if (handleResult !== RequestResult.Agreed && handleResult !== RequestResult.Refused)
      throw argsError('handleResult: expected 1 or -1')
    const locked = yield* lockGroup(groupID)
    yield* assertManager(context.caller, groupID)
    const row = yield* findOne(groupRequests, bucketOfGroup(groupID), groupID, fromUserID)
    if (row === undefined)
      throw new CallRefusedError(WireCode.RecordNotFoundError, 'fromUserID: has not asked')
    if (row.result !== RequestResult.Open)
      throw new CallRefusedError(WireCode.GroupRequestHandled, 'the request has been answered')
    yield* assertRegistered([fromUserID])
    const handled = { result: handleResult, handleMsg: handledMsg, handledMs: context.nowMs }
    const answered = { ...row, ...handled, handlerId: context.caller.userId }
    yield* put(groupRequests, [answered])
    yield* tellAnswered(context, locked, answered)
    const isMember = (yield* findMember(groupID, fromUserID)) !== undefined
    if (handleResult !== RequestResult.Agreed || isMember) return {}
    const { joinSource, inviterId } = row
    if (inviterId === '') yield* enterOne(context, locked, fromUserID, { joinSource, inviterId })
    else yield* enterInvited(context, locked, [fromUserID], { inviterId })
    return {}
  },
)

function* tellAnswered(
  context: OperationContext,
  { group }: LockedGroup,
  row: GroupRequestRow,
): Operation<void> {
  const { groupId, userId } = row
  const isAgreed = row.result === RequestResult.Agreed
  const detail = {
    group: groupInfo(group),
    opUser: yield* actor(context, groupId),
    handleMsg: row.handleMsg,
    uuid: context.newId(),
    request: requestInfo(row, yield* profilesOf([userId]), undefined),
  }
  const contentType = isAgreed ? ContentType.GroupRequestAccepted : ContentType.GroupRequestRefused
  yield* tellConcerned(context, groupId, userId, contentType, (receiverId) => ({
    ...detail,
    receiverAs: receiverId === userId ? 0 : 1,
  }))
}

// Coming in

function* enterOne(
  context: OperationContext,
  locked: LockedGroup,
  userId: UserId,
  of: { joinSource: number; inviterId: UserId },
): Operation<void> {
  const operatorId = context.caller.userId
  const change = yield* enter(context, locked, [{ userId, rank: Rank.Member, operatorId, ...of }])
  const [entrantUser] = yield* memberInfos(yield* findMembers(locked.group.groupId, [userId]))
  yield* tellGroup(context, locked, {
    contentType: ContentType.MemberEntered,
    change,
    detail: { entrantUser, operationTime: context.nowMs },
    senderId: userId,
  })
}

function* enterInvited(
  context: OperationContext,
  locked: LockedGroup,
  userIds: readonly UserId[],
  { inviterId, hasLine }: { inviterId: UserId; hasLine?: boolean | null | undefined },
): Operation<void> {
  const { groupId } = locked.group
  const operatorId = context.caller.userId
  const as = { rank: Rank.Member, joinSource: JoinSource.Invitation, inviterId, operatorId }
  const change = yield* enter(
    context,
    locked,
    userIds.map((userId) => ({ userId, ...as })),
  )
  const inviter = yield* findMember(groupId, inviterId)
  const profiles = yield* profilesOf([...userIds, inviterId])
  const entered = yield* findMembers(groupId, userIds)
  yield* tellGroup(context, locked, {
    contentType: ContentType.MembersInvited,
    change,
    detail: {
      opUser: yield* actor(context, groupId),
      invitedUserList: entered.map((member) => memberInfo(member, profiles)),
      operationTime: 0,
      inviterUser: inviter === undefined ? yield* actor(context, groupId) : memberInfo(inviter, profiles),
    },
    hasLine,
  })
}
