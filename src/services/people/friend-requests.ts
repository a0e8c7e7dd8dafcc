/** Requests for friendship: made, answered and listed. One for each who asks and each who is asked; both have a row of it. */
import { WireCode } from '../../openim/codes.js'
import { ContentType } from '../../openim/content-types.js'
import type { RequestPagination } from '../../openim/proto/conversations.js'
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, findOne, lock, put, scan } from '../../store/ports/steps.js'
import { blacks, friendRequests, friends } from '../../store/schema/tables.js'
import { argsError, CallRefusedError } from '../call-refused.js'
import { notify, notifyWithLine } from '../messages/notices.js'
import { assertSelf, type OperationContext, operation, sliceOf } from '../operations/operation.js'
import { AddSource, befriend } from './friends.js'
import { assertRegistered, USERS_MAX } from './users.js'
import {
  type Asked,
  type FriendRequestInfo,
  type FriendRequestRow,
  profilesOf,
  RequestResult,
  requestInfo,
} from './wire.js'

/** Which side of a request a row is. */
const Side = { Received: 0, Sent: 1 } as const
/** Of each side, the newest; what is older is not listed. */
const LISTED_MAX = 1_000

// Asking

interface Apply {
  fromUserID: UserId
  toUserID: UserId
  reqMsg: string
  ex: string
}

/** The one who is asked may have said that all are accepted or refused: FRIEND_POLICY. */
export const requestFriend = operation(
  'writer',
  function* (context, { fromUserID: from, toUserID: to, reqMsg, ex }: Apply): Operation<object> {
    const { caller, settings } = context
    assertSelf(caller, from)
    if (from === to)
      throw new CallRefusedError(WireCode.CanNotAddYourselfError, 'toUserID: the same as fromUserID')
    yield* assertRegistered([from, to])
    if ((yield* findOne(blacks, bucketOfUser(to), to, from)) !== undefined)
      throw new CallRefusedError(WireCode.BlockedByPeer, 'toUserID: does not want to hear of fromUserID')
    if (settings.friendPolicy === 'refuse')
      throw new CallRefusedError(
        WireCode.NoPermissionError,
        'friend requests are refused here (FRIEND_POLICY)',
      )
    if (yield* areMutual({ from, to }))
      throw new CallRefusedError(WireCode.RelationshipAlreadyError, 'they are friends already')
    const [request] = yield* lockRequest({ from, to }, context.nowMs)
    const open = { result: RequestResult.Open, createdMs: context.nowMs, handleMsg: '', reqMsg, ex }
    yield* putRequest({ from, to }, { ...request!, ...open })
    if (settings.friendPolicy === 'accept') {
      yield* agree(context, { from, to }, '')
    } else {
      yield* notify(context, {
        ...(yield* tipOf({ from, to })),
        contentType: ContentType.FriendRequested,
        senderId: from,
        receiverId: to,
        isStored: false,
      })
    }
    return {}
  },
)

// Answering

interface Answer {
  fromUserID: UserId
  toUserID: UserId
  handleResult: number
  handleMsg: string
}

export const answerFriend = operation(
  'writer',
  function* (
    context,
    { fromUserID: from, toUserID: to, handleResult, handleMsg }: Answer,
  ): Operation<object> {
    assertSelf(context.caller, to)
    if (handleResult !== RequestResult.Agreed && handleResult !== RequestResult.Refused)
      throw argsError('handleResult: expected 1 or -1')
    const isThere = (yield* findRequest({ from, to })) !== undefined
    if (!isThere) throw new CallRefusedError(WireCode.RecordNotFoundError, 'fromUserID: has not asked')
    const [request] = yield* lockRequest({ from, to }, context.nowMs)
    if (request!.result !== RequestResult.Open) {
      const isAgreed = handleResult === RequestResult.Agreed
      throw new CallRefusedError(
        isAgreed ? WireCode.ArgsError : WireCode.FriendRequestHandled,
        'the request has been answered',
      )
    }
    if (handleResult === RequestResult.Agreed) yield* agree(context, { from, to }, handleMsg)
    else yield* refuse(context, { from, to }, handleMsg)
    return {}
  },
)

/** A request of the other one that is open is agreed to as well. */
function* agree(context: OperationContext, { from, to }: Asked, handleMsg: string): Operation<void> {
  yield* close(context, { from, to }, RequestResult.Agreed, handleMsg)
  const reverse = yield* findRequest({ from: to, to: from })
  if (reverse?.result === RequestResult.Open)
    yield* close(context, { from: to, to: from }, RequestResult.Agreed, '')
  yield* befriend(context, from, [to], { addSource: AddSource.Request, operatorId: from })
  const { detail } = yield* tipOf({ from, to })
  yield* notifyWithLine(context, {
    contentType: ContentType.FriendRequestAccepted,
    senderId: to,
    receiverId: from,
    detail: { ...detail, handleMsg, friendVersion: 0, friendVersionID: '' },
  })
}

function* refuse(context: OperationContext, { from, to }: Asked, handleMsg: string): Operation<void> {
  yield* close(context, { from, to }, RequestResult.Refused, handleMsg)
  const { detail } = yield* tipOf({ from, to })
  yield* notify(context, {
    contentType: ContentType.FriendRequestRefused,
    senderId: to,
    receiverId: from,
    detail: { ...detail, handleMsg },
    isStored: false,
  })
}

function* close(
  { nowMs }: OperationContext,
  { from, to }: Asked,
  result: number,
  handleMsg: string,
): Operation<void> {
  const [request] = yield* lockRequest({ from, to }, nowMs)
  yield* putRequest(
    { from, to },
    { ...request!, result, handlerId: to, handledMs: nowMs, ...(handleMsg !== '' && { handleMsg }) },
  )
}

/** What clients are told of a request. */
function* tipOf({ from, to }: Asked): Operation<{ detail: object }> {
  const row = yield* findRequest({ from, to })
  const request = requestInfo(row!, { from, to }, yield* profilesOf([from, to]))
  return { detail: { fromToUserID: { fromUserID: from, toUserID: to }, request } }
}

// Listing

interface Page {
  userID: UserId
  pagination: RequestPagination
  handleResults: number[]
}

/** Newest first. */
export const receivedRequests = operation('reader', function* ({ caller }, page: Page): Operation<object> {
  assertSelf(caller, page.userID)
  const { requests, total } = yield* pageOf(page, Side.Received)
  // Spelled so upstream.
  return { FriendRequests: requests, total }
})

export const sentRequests = operation('reader', function* ({ caller }, page: Page): Operation<object> {
  assertSelf(caller, page.userID)
  const { requests, total } = yield* pageOf(page, Side.Sent)
  return { friendRequests: requests, total }
})

function* pageOf(
  { userID, pagination, handleResults }: Page,
  side: number,
): Operation<{ requests: FriendRequestInfo[]; total: number }> {
  const { offset, limit } = sliceOf(pagination, USERS_MAX)
  const all = yield* newest(userID, side)
  const wanted = handleResults.length === 0 ? all : all.filter(({ result }) => handleResults.includes(result))
  return { requests: yield* infosOf(wanted.slice(offset, offset + limit)), total: wanted.length }
}

/** Those between two, in both directions. Clients ask with the two the wrong way round, and look at the first. */
export const requestsBetween = operation(
  'reader',
  function* (
    { caller },
    { fromUserID, toUserID }: { fromUserID: UserId; toUserID: UserId },
  ): Operation<{ friendRequests: FriendRequestInfo[] | null }> {
    if (caller.userId !== toUserID) assertSelf(caller, fromUserID)
    const asked = [
      { from: fromUserID, to: toUserID },
      { from: toUserID, to: fromUserID },
    ]
    const rows: FriendRequestRow[] = []
    for (const one of asked) rows.push(...[yield* findRequest(one)].filter((row) => row !== undefined))
    rows.sort((one, other) => other.createdMs - one.createdMs)
    return { friendRequests: rows.length === 0 ? null : yield* infosOf(rows) }
  },
)

/** Received, and not answered; `time` not 0: newer than that, ms. */
export const openRequestCount = operation(
  'reader',
  function* ({ caller }, { userID, time }: { userID: UserId; time: number }): Operation<{ count: number }> {
    assertSelf(caller, userID)
    const open = (yield* newest(userID, Side.Received)).filter(
      ({ result, createdMs }) => result === RequestResult.Open && createdMs > time,
    )
    return { count: open.length }
  },
)

function* newest(ownerId: UserId, side: number): Operation<FriendRequestRow[]> {
  return yield* scan(friendRequests, [bucketOfUser(ownerId), ownerId, side], {
    order: 'byTime',
    isDescending: true,
    limit: LISTED_MAX,
  })
}

function* infosOf(rows: readonly FriendRequestRow[]): Operation<FriendRequestInfo[]> {
  const profiles = yield* profilesOf(rows.flatMap(({ ownerId, otherId }) => [ownerId, otherId]))
  return rows.map((row) => requestInfo(row, askedIn(row), profiles))
}

function askedIn({ ownerId, otherId, side }: FriendRequestRow): Asked {
  return side === Side.Sent ? { from: ownerId, to: otherId } : { from: otherId, to: ownerId }
}

// Rows

/** As the one who was asked has it. */
function* findRequest({ from, to }: Asked): Operation<FriendRequestRow | undefined> {
  return yield* findOne(friendRequests, bucketOfUser(to), to, Side.Received, from)
}

/** As the one who was asked has it; it is made where it is not there. */
function* lockRequest({ from, to }: Asked, createdMs: number): Operation<FriendRequestRow[]> {
  return yield* lock(friendRequests, [
    {
      bucket: bucketOfUser(to),
      ownerId: to,
      side: Side.Received,
      otherId: from,
      result: RequestResult.Open,
      createdMs,
      handlerId: '',
      handledMs: 0,
      reqMsg: '',
      handleMsg: '',
      ex: '',
    },
  ])
}

function* putRequest({ from, to }: Asked, row: FriendRequestRow): Operation<void> {
  const sent = { bucket: bucketOfUser(from), ownerId: from, side: Side.Sent, otherId: to }
  yield* put(friendRequests, [row, { ...row, ...sent }])
}

function* areMutual({ from, to }: Asked): Operation<boolean> {
  const sides = yield* findMany(friends, [
    [bucketOfUser(from), from, to],
    [bucketOfUser(to), to, from],
  ])
  return sides.every((side) => side !== undefined)
}
