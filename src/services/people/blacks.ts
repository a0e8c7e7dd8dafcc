/** Black lists: whose messages and requests a user does not want. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import type { RequestPagination } from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { count, findMany, findOne, put, remove, scan } from '../../store/ports/steps.js'
import { blacks } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { notify } from '../messages/notices.js'
import { holdChat } from '../messages/stored.js'
import { assertSelf, operation, sliceOf } from '../operations/operation.js'
import { toOwner } from './friends.js'
import { assertDistinct, assertRegistered, USERS_MAX } from './users.js'
import { type Black, type BlackInfo, blackInfo, profilesOf, seconds } from './wire.js'

/** Of one user. */
const BLACKS_MAX = 10_000

interface Pair {
  ownerUserID: UserId
  blackUserID: UserId
}

/** A user who is on the list already stays there as they are. */
export const addBlack = operation(
  'writer',
  function* (context, { ownerUserID, blackUserID, ex }: Pair & { ex: string }): Operation<object> {
    assertSelf(context.caller, ownerUserID)
    if (ownerUserID === blackUserID)
      throw new CallRefusedError(WireCode.CanNotAddYourselfError, 'blackUserID: the same as ownerUserID')
    yield* assertRegistered([ownerUserID, blackUserID])
    // What was sent before is stored before the answer, and nothing after it.
    yield* holdChat(ownerUserID, blackUserID)
    const bucket = bucketOfUser(ownerUserID)
    if ((yield* findOne(blacks, bucket, ownerUserID, blackUserID)) !== undefined) return {}
    if ((yield* count(blacks, [bucket, ownerUserID])) >= BLACKS_MAX)
      throw argsError(`a black list may have ${BLACKS_MAX} users`)
    const createdMs = context.nowMs
    yield* put(blacks, [{ bucket, ownerId: ownerUserID, userId: blackUserID, createdMs, ex }])
    yield* notify(context, toOwner(ContentType.BlackAdded, ownerUserID, tipOf(ownerUserID, blackUserID)))
    return {}
  },
)

export const removeBlack = operation(
  'writer',
  function* (context, { ownerUserID, blackUserID }: Pair): Operation<object> {
    assertSelf(context.caller, ownerUserID)
    const bucket = bucketOfUser(ownerUserID)
    if ((yield* findOne(blacks, bucket, ownerUserID, blackUserID)) === undefined) return {}
    yield* remove(blacks, [[bucket, ownerUserID, blackUserID]])
    yield* notify(context, toOwner(ContentType.BlackRemoved, ownerUserID, tipOf(ownerUserID, blackUserID)))
    return {}
  },
)

function tipOf(fromUserID: UserId, toUserID: UserId): object {
  return { fromToUserID: { fromUserID, toUserID } }
}

/** In the order in which they were added. */
export const blacksPage = operation(
  'reader',
  function* (
    { caller },
    { userID, pagination }: { userID: UserId; pagination: RequestPagination },
  ): Operation<{ blacks: BlackInfo[]; total: number }> {
    assertSelf(caller, userID)
    const { offset, limit } = sliceOf(pagination, USERS_MAX)
    const of = [bucketOfUser(userID), userID]
    const total = yield* count(blacks, of)
    const page =
      limit <= 0 || offset >= total ? [] : yield* scan(blacks, of, { order: 'byTime', offset, limit })
    return { blacks: yield* infosOf(page, seconds), total }
  },
)

/** Those of these that are on the list, in the order asked. */
export const specifiedBlacks = operation(
  'reader',
  function* (
    { caller },
    { ownerUserID, userIDList }: { ownerUserID: UserId; userIDList: UserId[] },
  ): Operation<{ blacks: BlackInfo[]; total: number }> {
    assertSelf(caller, ownerUserID)
    assertDistinct('userIDList', userIDList)
    const bucket = bucketOfUser(ownerUserID)
    const found = yield* findMany(
      blacks,
      userIDList.map((userId) => [bucket, ownerUserID, userId]),
    )
    const rows = found.filter((row) => row !== undefined)
    return { blacks: yield* infosOf(rows, (ms) => ms), total: rows.length }
  },
)

function* infosOf(rows: readonly Black[], timeOf: (ms: number) => number): Operation<BlackInfo[]> {
  const profiles = yield* profilesOf(rows.map(({ userId }) => userId))
  return rows.map((row) => blackInfo(row, profiles, timeOf(row.createdMs)))
}
