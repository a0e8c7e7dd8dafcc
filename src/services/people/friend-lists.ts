/** Who is a user's friend: the list as a whole, in pages, and what changed since a version. */
import type { RequestPagination } from '../../openim/proto/conversations.js'
import type { FriendInfo, GetIncrementalFriendsReq, UserInfo } from '../../openim/proto/people.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, scan } from '../../store/ports/steps.js'
import { blacks, friends } from '../../store/schema/tables.js'
import { assertSelf, operation, sliceOf } from '../operations/operation.js'
import { findFriends, friendCount, idsOf } from './friends.js'
import { idsOrEqual, incremental } from './known-list.js'
import { assertDistinct, findUsers, USERS_MAX, userToWire } from './users.js'
import { List } from './version-log.js'
import {
  type BlackInfo,
  blackInfo,
  type Friend,
  friendInfo,
  friendOnly,
  profilesOf,
  seconds,
} from './wire.js'

export const friendsPage = operation(
  'reader',
  function* (
    { caller },
    { userID, pagination }: { userID: UserId; pagination: RequestPagination },
  ): Operation<{ friendsInfo: FriendInfo[]; total: number }> {
    assertSelf(caller, userID)
    const { offset, limit } = sliceOf(pagination, USERS_MAX)
    const total = yield* friendCount(userID)
    const page = limit <= 0 || offset >= total ? [] : yield* friendsOf(userID, { offset, limit })
    return { friendsInfo: yield* infosOf(page), total }
  },
)

/** In the order of the list. */
export const orderedFriendIds = operation(
  'reader',
  function* ({ caller }, { userID }: { userID: UserId }): Operation<{ friendIDs: UserId[] }> {
    assertSelf(caller, userID)
    return { friendIDs: idsOf(yield* friendsOf(userID)) }
  },
)

/** Those of these that are friends, in the order asked. */
export const designatedFriends = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID, friendUserIDs }: { ownerUserID: UserId; friendUserIDs: UserId[] },
  ): Operation<{ friendsInfo: FriendInfo[] }> {
    assertSelf(caller, ownerUserID)
    assertDistinct('friendUserIDs', friendUserIDs)
    return { friendsInfo: yield* infosOf(yield* findFriends(ownerUserID, friendUserIDs)) }
  },
)

interface SpecifiedInfo {
  userInfo: UserInfo
  friendInfo: (ReturnType<typeof friendOnly> & { friendUser: null }) | null
  blackInfo: BlackInfo | null
}

/** What a user has noted of others: of each that is registered, in the order asked. */
export const specifiedFriends = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID, userIDList }: { ownerUserID: UserId; userIDList: UserId[] },
  ): Operation<{ infos: SpecifiedInfo[] }> {
    assertSelf(caller, ownerUserID)
    assertDistinct('userIDList', userIDList)
    const bucket = bucketOfUser(ownerUserID)
    const own = new Map(
      (yield* findFriends(ownerUserID, userIDList)).map((friend) => [friend.userId, friend]),
    )
    const keys = userIDList.map((userId) => [bucket, ownerUserID, userId])
    const blocked = new Map(
      (yield* findMany(blacks, keys)).filter((row) => row !== undefined).map((row) => [row.userId, row]),
    )
    return {
      infos: (yield* findUsers(userIDList)).map((user) => {
        const [friend, black] = [own.get(user.userId), blocked.get(user.userId)]
        return {
          userInfo: userToWire(user),
          friendInfo: friend === undefined ? null : { ...friendOnly(friend), friendUser: null },
          blackInfo: black === undefined ? null : blackInfo(black, undefined, black.createdMs),
        }
      }),
    }
  },
)

/** Whether each has the other in their list. */
export const areFriends = operation(
  'reader',
  function* (
    { caller },
    { userID1, userID2 }: { userID1: UserId; userID2: UserId },
  ): Operation<{ inUser1Friends: boolean; inUser2Friends: boolean }> {
    if (caller.userId !== userID2) assertSelf(caller, userID1)
    const pairs = [
      [userID1, userID2],
      [userID2, userID1],
    ] as const
    const [first, second] = yield* findMany(
      friends,
      pairs.map(([ownerId, userId]) => [bucketOfUser(ownerId), ownerId, userId]),
    )
    return { inUser1Friends: first !== undefined, inUser2Friends: second !== undefined }
  },
)

export const incrementalFriends = operation(
  'reader',
  function* ({ caller }, { userID, version, versionID }: GetIncrementalFriendsReq): Operation<object> {
    assertSelf(caller, userID)
    const { answer, changes } = yield* incremental(
      List.Friends,
      userID,
      { version, versionID },
      function* (ids) {
        return yield* infosOf(yield* findFriends(userID, ids))
      },
    )
    return { ...answer, sortVersion: changes.orderVersion }
  },
)

export const friendIds = operation(
  'reader',
  function* ({ caller }, { userID, idHash }: { userID: UserId; idHash: number }): Operation<object> {
    assertSelf(caller, userID)
    const own = idsOf(yield* friendsOf(userID))
    const { ids, ...answer } = yield* idsOrEqual(List.Friends, userID, own, idHash)
    return { ...answer, userIDs: ids }
  },
)

/** In the order of the list: pinned ones first, then by age. */
function* friendsOf(ownerId: UserId, page: { offset?: number; limit?: number } = {}): Operation<Friend[]> {
  return yield* scan(friends, [bucketOfUser(ownerId), ownerId], { order: 'byPlace', ...page })
}

function* infosOf(own: readonly Friend[]): Operation<FriendInfo[]> {
  const profiles = yield* profilesOf(idsOf(own))
  return own.map((friend) => friendInfo(friend, profiles, seconds(friend.createdMs)))
}
