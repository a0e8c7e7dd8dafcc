/** The frames of request 2005: what a client asks, and what it is told. */
import type { PlatformId, UserId, UserPlatforms } from '../rules/types.js'
import type { FrameEncoding } from './codec/encodings.js'
import { SubUserOnlineStatusTips } from './proto/openim.js'
import { RequestId } from './requests.js'

/** The protobuf message that lists these users with their platforms, in this order. */
export function encodeTips(statuses: UserPlatforms[]): Uint8Array {
  return SubUserOnlineStatusTips.encode({
    subscribers: statuses.map(({ userId, platformIds }) => ({
      userID: userId,
      onlinePlatformIDs: platformIds,
    })),
  }).finish()
}

/** A push of one user's change: a 2005 frame that answers nobody. */
export function encodePush(encoding: FrameEncoding, userId: UserId, platformIds: PlatformId[]): Uint8Array {
  return encoding.encodeResponse({
    reqIdentifier: RequestId.SubscribeStatus,
    msgIncr: '',
    operationID: '',
    errCode: 0,
    errMsg: '',
    data: encodeTips([{ userId, platformIds }]),
  })
}
