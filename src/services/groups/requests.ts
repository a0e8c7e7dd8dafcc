/** Requests to come into groups: listed. */
import type { RequestPagination } from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, findOne, scan } from '../../store/ports/steps.js'
import { groupRequests, members, ownGroupRequests } from '../../store/schema/tables.js'
import { assertLength, assertSelf, operation, sliceOf } from '../operations/operation.js'
import { assertDistinct, USERS_MAX } from '../people/users.js'
import { profilesOf, RequestResult } from '../people/wire.js'
import { GROUPS_MAX } from './lists.js'
import { assertManager } from './rights.js'
import { bucketOfGroup, findGroups, type GroupId, groupIdsOf } from './stored.js'
import { Rank } from './values.js'
import { type GroupRequestInfo, type GroupRequestRow, requestInfo } from './wire.js'

/** Of each group, and of each user, the newest; what is older is not listed. */
const LISTED_MAX = 1_000

interface Filter {
  groupIDs: GroupId[]
  handleResults: number[]
}

/** Of all groups that the user owns or administers, newest first. */
export const receivedGroupRequests = operation(
  'reader',
  function* (
    { caller },
    { fromUserID, pagination, ...filter }: Filter & { fromUserID: UserId; pagination: RequestPagination },
  ): Operation<object> {
    assertSelf(caller, fromUserID)
    const slice = sliceOf(pagination, USERS_MAX)
    assertLength('groupIDs', filter.groupIDs.length, GROUPS_MAX)
    for (const groupId of new Set(filter.groupIDs)) yield* assertManager(caller, groupId)
    return yield* pageOf(yield* receivedBy(fromUserID), filter, slice)
  },
)

export const sentGroupRequests = operation(
  'reader',
  function* (
    { caller },
    { userID, pagination, ...filter }: Filter & { userID: UserId; pagination: RequestPagination },
  ): Operation<object> {
    assertSelf(caller, userID)
    const slice = sliceOf(pagination, USERS_MAX)
    const own = yield* scan(ownGroupRequests, [bucketOfUser(userID), userID], {
      order: 'byTime',
      isDescending: true,
      limit: LISTED_MAX,
    })
    const found = yield* findMany(
      groupRequests,
      own.map(({ groupId }) => [bucketOfGroup(groupId), groupId, userID]),
    )
    return yield* pageOf(
      found.filter((row) => row !== undefined),
      filter,
      slice,
    )
  },
)

function* pageOf(
  all: readonly GroupRequestRow[],
  { groupIDs, handleResults }: Filter,
  { offset, limit }: { offset: number; limit: number },
): Operation<object> {
  const wanted = all.filter(
    ({ groupId, result }) =>
      (groupIDs.length === 0 || groupIDs.includes(groupId)) &&
      (handleResults.length === 0 || handleResults.includes(result)),
  )
  wanted.sort((one, other) => other.createdMs - one.createdMs)
  const page = wanted.slice(offset, offset + Math.max(0, limit))
  return { total: wanted.length, groupRequests: yield* infosOf(page) }
}

/** Clients take an empty list for a request: without one it is null. */
export const groupRequestOf = operation(
  'reader',
  function* (
    { caller },
    { groupID, userID }: { groupID: GroupId; userID: UserId },
  ): Operation<{ total: number; groupRequests: GroupRequestInfo[] | null }> {
    if (caller.userId !== userID) yield* assertManager(caller, groupID)
    const row = yield* findOne(groupRequests, bucketOfGroup(groupID), groupID, userID)
    if (row === undefined) return { total: 0, groupRequests: null }
    return { total: 1, groupRequests: yield* infosOf([row]) }
  },
)

/** Of these users, in one group. */
export const groupRequestsOf = operation(
  'reader',
  function* (
    { caller },
    { groupID, userIDs }: { groupID: GroupId; userIDs: UserId[] },
  ): Operation<{ total: number; groupRequests: GroupRequestInfo[] }> {
    assertDistinct('userIDs', userIDs)
    yield* assertManager(caller, groupID)
    const bucket = bucketOfGroup(groupID)
    const found = yield* findMany(
      groupRequests,
      userIDs.map((userId) => [bucket, groupID, userId]),
    )
    const rows = found.filter((row) => row !== undefined)
    return { total: rows.length, groupRequests: yield* infosOf(rows) }
  },
)

/** Received, and not answered; `time` not 0: newer than that, ms. */
export const openGroupRequestCount = operation(
  'reader',
  function* ({ caller }, { userID, time }: { userID: UserId; time: number }): Operation<{ count: number }> {
    assertSelf(caller, userID)
    const open = (yield* receivedBy(userID)).filter(
      ({ result, createdMs }) => result === RequestResult.Open && createdMs > time,
    )
    return { count: open.length }
  },
)

function* receivedBy(userId: UserId): Operation<GroupRequestRow[]> {
  const groupIds = yield* groupIdsOf(userId)
  const own = yield* findMany(
    members,
    groupIds.map((groupId) => [bucketOfGroup(groupId), groupId, userId]),
    { columns: ['groupId', 'rank'] },
  )
  const rows: GroupRequestRow[] = []
  for (const member of own) {
    if (member === undefined || member.rank > Rank.Admin) continue
    const { groupId } = member
    const newest = { order: 'byTime', isDescending: true, limit: LISTED_MAX }
    rows.push(...(yield* scan(groupRequests, [bucketOfGroup(groupId), groupId], newest)))
  }
  return rows
}

function* infosOf(rows: readonly GroupRequestRow[]): Operation<GroupRequestInfo[]> {
  const profiles = yield* profilesOf(rows.map(({ userId }) => userId))
  const found = yield* findGroups([...new Set(rows.map(({ groupId }) => groupId))])
  const groupOf = new Map(found.map((group) => [group.groupId, group]))
  return rows.map((row) => requestInfo(row, profiles, groupOf.get(row.groupId)))
}
