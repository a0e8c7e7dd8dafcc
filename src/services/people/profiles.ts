/** Profiles: what users say of themselves, and who hears that it has changed. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findOne, lock, put, scan } from '../../store/ports/steps.js'
import { nextAfter } from '../../store/schema/fill-rows.js'
import { friends, users } from '../../store/schema/tables.js'
import { CallRefusedError } from '../call-refused.js'
import { notify } from '../messages/notices.js'
import { assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { FollowUp, leaveFollowUp } from './follow-ups.js'
import { toOwner } from './friends.js'
import type { User } from './users.js'
import { bump, ChangeState, List } from './version-log.js'

/** Friends who are told in one transaction. */
const SLICE = 50

/** Null or absent: it stays as it is. */
interface Given {
  userID: UserId
  nickname?: string | null
  faceURL?: string | null
  ex?: string | null
  globalRecvMsgOpt?: number | null
}

export const updateProfile = operation(
  'writer',
  function* (context, { userInfo }: { userInfo: Given }): Operation<object> {
    const { userID, nickname, faceURL, ex, globalRecvMsgOpt } = userInfo
    assertSelf(context.caller, userID)
    yield* changeProfile(context, userID, {
      ...(typeof nickname === 'string' && { nickname }),
      ...(typeof faceURL === 'string' && { faceUrl: faceURL }),
      ...(typeof ex === 'string' && { ex }),
      ...(typeof globalRecvMsgOpt === 'number' && { recvOpt: globalRecvMsgOpt }),
    })
    return {}
  },
)

/** The path of older clients: an empty text or 0 stays as it is. */
export const updateProfileOld = operation(
  'writer',
  function* (context, { userInfo }: { userInfo: Given }): Operation<object> {
    const { userID, nickname, faceURL, ex, globalRecvMsgOpt } = userInfo
    assertSelf(context.caller, userID)
    yield* changeProfile(context, userID, {
      ...(nickname && { nickname }),
      ...(faceURL && { faceUrl: faceURL }),
      ...(ex && { ex }),
      ...(globalRecvMsgOpt && { recvOpt: globalRecvMsgOpt }),
    })
    return {}
  },
)

/** Whether messages of single chats reach a user; see `RecvOpt`. */
export const setGlobalRecvOpt = operation(
  'writer',
  function* (
    context,
    { userID, globalRecvMsgOpt: recvOpt }: { userID: UserId; globalRecvMsgOpt: number },
  ): Operation<object> {
    assertSelf(context.caller, userID)
    yield* changeProfile(context, userID, { recvOpt })
    return {}
  },
)

function* changeProfile(
  context: OperationContext,
  userID: UserId,
  set: Partial<Pick<User, 'nickname' | 'faceUrl' | 'ex' | 'recvOpt'>>,
): Operation<void> {
  const seen = yield* findOne(users, bucketOfUser(userID), userID)
  if (seen === undefined) throw new CallRefusedError(WireCode.RecordNotFoundError, 'userID: not registered')
  const [before] = yield* lock(users, [seen])
  const after = { ...before!, ...set }
  yield* put(users, [after])
  yield* notify(context, toOwner(ContentType.ProfileChanged, userID, { userID }))
  const isSeen = after.nickname !== before!.nickname || after.faceUrl !== before!.faceUrl
  if (!isSeen) return
  yield* leaveFollowUp(context, FollowUp.ProfileToFriends, userID)
  yield* leaveFollowUp(context, FollowUp.ProfileToGroups, userID)
}

/** A friend who has the user in their list reads the profile again. */
export function* tellFriendsOf(
  context: OperationContext,
  userID: UserId,
  after: string,
): Operation<string | undefined> {
  const from = after === '' ? undefined : nextAfter(after)
  const own = yield* scan(friends, [bucketOfUser(userID), userID], {
    limit: SLICE,
    ...(from !== undefined && { from }),
  })
  for (const { userId: friendId } of own) {
    const reverse = yield* findOne(friends, bucketOfUser(friendId), friendId, userID)
    if (reverse === undefined) continue
    yield* bump(List.Friends, friendId, [userID], ChangeState.Update)
    yield* notify(context, {
      contentType: ContentType.FriendProfileChanged,
      senderId: userID,
      receiverId: friendId,
      detail: { userID },
      isStored: false,
    })
  }
  return own.length < SLICE ? undefined : own.at(-1)!.userId
}
