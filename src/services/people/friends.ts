/** How lists of friends change, and what their owner notes of a friend. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { count, findMany, put, remove } from '../../store/ports/steps.js'
import { friends } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { notify, notifyWithLine } from '../messages/notices.js'
import { assertAdmin, assertSelf, type OperationContext, operation } from '../operations/operation.js'
import { assertDistinct, assertRegistered } from './users.js'
import { bump, ChangeState, List, lockLists, ORDER, wereListed } from './version-log.js'
import type { Friend } from './wire.js'

/** Of one user. */
const FRIENDS_MAX = 10_000
/** Where a friend came from. */
export const AddSource = { Import: 1, Request: 2 } as const
const PINNED = 0
const NOT_PINNED = 1

/** The other one keeps their side. */
export const deleteFriend = operation(
  'writer',
  function* (
    context,
    { ownerUserID, friendUserID }: { ownerUserID: UserId; friendUserID: UserId },
  ): Operation<object> {
    assertSelf(context.caller, ownerUserID)
    const [friend] = yield* findToChange(ownerUserID, [friendUserID])
    if (friend === undefined) return {}
    yield* remove(friends, [[friend.bucket, ownerUserID, friendUserID]])
    const { version, versionId } = yield* bump(List.Friends, ownerUserID, [friendUserID], ChangeState.Delete)
    const detail = {
      fromToUserID: { fromUserID: ownerUserID, toUserID: friendUserID },
      friendVersion: version,
      friendVersionID: versionId,
    }
    yield* notify(context, toOwner(ContentType.FriendDeleted, ownerUserID, detail))
    return {}
  },
)

export const setRemark = operation(
  'writer',
  function* (
    context,
    { ownerUserID, friendUserID, remark }: { ownerUserID: UserId; friendUserID: UserId; remark: string },
  ): Operation<object> {
    assertSelf(context.caller, ownerUserID)
    const changed = yield* changeFriends(ownerUserID, [friendUserID], { remark })
    if (changed === undefined)
      throw new CallRefusedError(WireCode.RecordNotFoundError, 'friendUserID: not a friend')
    const detail = {
      fromToUserID: { fromUserID: ownerUserID, toUserID: friendUserID },
      ...changed,
    }
    yield* notify(context, toOwner(ContentType.FriendRemarkSet, ownerUserID, detail))
    return {}
  },
)

interface Wanted {
  ownerUserID: UserId
  friendUserIDs: UserId[]
  isPinned?: boolean | null
  remark?: string | null
  ex?: string | null
}

/** Who is not a friend is passed over. */
export const updateFriends = operation(
  'writer',
  function* (context, { ownerUserID, friendUserIDs, isPinned, remark, ex }: Wanted): Operation<object> {
    assertSelf(context.caller, ownerUserID)
    assertDistinct('friendUserIDs', friendUserIDs)
    const set = {
      ...(typeof isPinned === 'boolean' && { rank: isPinned ? PINNED : NOT_PINNED }),
      ...(typeof remark === 'string' && { remark }),
      ...(typeof ex === 'string' && { ex }),
    }
    const changed = yield* changeFriends(ownerUserID, friendUserIDs, set)
    if (changed === undefined) return {}
    const { friendVersion, friendVersionID } = changed
    const detail = {
      fromToUserID: { fromUserID: '', toUserID: ownerUserID },
      friendIDs: friendUserIDs,
      friendVersion,
      friendVersionID,
    }
    yield* notify(context, toOwner(ContentType.FriendsChanged, ownerUserID, detail))
    return {}
  },
)

/** Undefined = nothing is changed, for none of them is a friend or nothing is given. */
function* changeFriends(
  ownerId: UserId,
  userIds: readonly UserId[],
  set: Partial<Pick<Friend, 'rank' | 'remark' | 'ex'>>,
): Operation<{ friendVersion: number; friendVersionID: string; friendSortVersion: number } | undefined> {
  const own = Object.keys(set).length === 0 ? [] : yield* findToChange(ownerId, userIds)
  if (own.length === 0) return undefined
  yield* put(
    friends,
    own.map((friend) => ({ ...friend, ...set })),
  )
  const elements = set.rank === undefined ? idsOf(own) : [ORDER, ...idsOf(own)]
  const { version, versionId } = yield* bump(List.Friends, ownerId, elements, ChangeState.Update)
  return {
    friendVersion: version,
    friendVersionID: versionId,
    friendSortVersion: set.rank === undefined ? 0 : version,
  }
}

/** Makes users friends of one, both ways, without a request. */
export const importFriends = operation(
  'writer',
  function* (
    context,
    { ownerUserID, friendUserIDs }: { ownerUserID: UserId; friendUserIDs: UserId[] },
  ): Operation<object> {
    assertAdmin(context.caller)
    assertDistinct('friendUserIDs', friendUserIDs)
    if (friendUserIDs.includes(ownerUserID)) {
      throw new CallRefusedError(WireCode.CanNotAddYourselfError, 'friendUserIDs: the owner is among them')
    }
    yield* assertRegistered([ownerUserID, ...friendUserIDs])
    yield* befriend(context, ownerUserID, friendUserIDs, {
      addSource: AddSource.Import,
      operatorId: context.caller.userId,
    })
    for (const friendId of friendUserIDs) {
      const detail = {
        fromToUserID: { fromUserID: ownerUserID, toUserID: friendId },
        handleMsg: '',
        friendVersion: 0,
        friendVersionID: '',
        request: null,
      }
      yield* notifyWithLine(context, {
        contentType: ContentType.FriendRequestAccepted,
        senderId: friendId,
        receiverId: ownerUserID,
        detail,
      })
    }
    return {}
  },
)

/** In both lists; a side that is there stays as it is. */
export function* befriend(
  { nowMs }: OperationContext,
  userId: UserId,
  otherIds: readonly UserId[],
  of: Pick<Friend, 'addSource' | 'operatorId'>,
): Operation<void> {
  yield* lockLists(List.Friends, [userId, ...otherIds])
  yield* addTo(userId, otherIds, of, nowMs)
  for (const otherId of otherIds) yield* addTo(otherId, [userId], of, nowMs)
}

/** The owner's list is locked. */
function* addTo(
  ownerId: UserId,
  userIds: readonly UserId[],
  of: Pick<Friend, 'addSource' | 'operatorId'>,
  createdMs: number,
): Operation<void> {
  const known = new Set(idsOf(yield* findFriends(ownerId, userIds)))
  const fresh = userIds.filter((userId) => !known.has(userId))
  if (fresh.length === 0) return
  if ((yield* friendCount(ownerId)) + fresh.length > FRIENDS_MAX)
    throw argsError(`the list of a user may have ${FRIENDS_MAX} friends`)
  const bucket = bucketOfUser(ownerId)
  yield* put(
    friends,
    fresh.map((userId) => ({
      bucket,
      ownerId,
      userId,
      rank: NOT_PINNED,
      createdMs,
      ...of,
      remark: '',
      ex: '',
    })),
  )
  // Who was a friend before has another place now, and clients that missed the time between have them in the old one.
  const areBack = yield* wereListed(List.Friends, ownerId, fresh)
  yield* bump(List.Friends, ownerId, areBack ? [ORDER, ...fresh] : fresh, ChangeState.Insert)
}

/** To the devices of the owner: others have no part in it. */
export function toOwner(contentType: number, ownerId: UserId, detail: object) {
  return { contentType, senderId: ownerId, receiverId: ownerId, detail, isStored: false }
}

/** In the order asked, without those that are none. */
export function* findFriends(ownerId: UserId, userIds: readonly UserId[]): Operation<Friend[]> {
  const bucket = bucketOfUser(ownerId)
  const found = yield* findMany(
    friends,
    userIds.map((userId) => [bucket, ownerId, userId]),
  )
  return found.filter((friend) => friend !== undefined)
}

/** The same. Nobody else changes the list before the transaction is over. */
function* findToChange(ownerId: UserId, userIds: readonly UserId[]): Operation<Friend[]> {
  if ((yield* findFriends(ownerId, userIds)).length === 0) return []
  yield* lockLists(List.Friends, [ownerId])
  return yield* findFriends(ownerId, userIds)
}

export function* friendCount(ownerId: UserId): Operation<number> {
  return yield* count(friends, [bucketOfUser(ownerId), ownerId])
}

export const idsOf = (own: readonly Friend[]) => own.map(({ userId }) => userId)
