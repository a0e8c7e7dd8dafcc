/** The forms of people on the wire. Times of friends and black lists are seconds in lists, milliseconds elsewhere. */
import type { FriendInfo, PublicUserInfo } from '../../openim/proto/people.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import type { blacks, friendRequests, friends } from '../../store/schema/tables.js'
import { findUsers, type User } from './users.js'

export type Friend = RowOf<typeof friends>
export type Black = RowOf<typeof blacks>
export type FriendRequestRow = RowOf<typeof friendRequests>

export interface BlackInfo {
  ownerUserID: UserId
  createTime: number
  blackUserInfo: PublicUserInfo | null
  addSource: number
  operatorUserID: UserId
  ex: string
}

export interface FriendRequestInfo {
  fromUserID: UserId
  fromNickname: string
  fromFaceURL: string
  toUserID: UserId
  toNickname: string
  toFaceURL: string
  handleResult: number
  reqMsg: string
  createTime: number
  handlerUserID: UserId
  handleMsg: string
  handleTime: number
  ex: string
}

/** What came of a request: for friendship, or to come into a group. */
export const RequestResult = { Open: 0, Agreed: 1, Refused: -1 } as const

/** One who asked, and one who was asked. */
export interface Asked {
  from: UserId
  to: UserId
}

export type Profiles = ReadonlyMap<UserId, User>

export function* profilesOf(userIds: Iterable<UserId>): Operation<Profiles> {
  const found = yield* findUsers([...new Set(userIds)])
  return new Map(found.map((user) => [user.userId, user]))
}

/** Of somebody who is not registered any more the ID is left. */
export function publicInfo(profiles: Profiles, userID: UserId): PublicUserInfo {
  const { nickname = '', faceUrl: faceURL = '', ex = '' } = profiles.get(userID) ?? {}
  return { userID, nickname, faceURL, ex }
}

export const seconds = (ms: number) => Math.floor(ms / 1_000)

/** `createTime`: in the unit of the answer. */
export function friendInfo(friend: Friend, profiles: Profiles, createTime: number): FriendInfo {
  return {
    ...friendOnly(friend),
    createTime,
    friendUser: {
      ...publicInfo(profiles, friend.userId),
      createTime: 0,
      appMangerLevel: 0,
      globalRecvMsgOpt: 0,
    },
  }
}

export function friendOnly({ ownerId, rank, createdMs, addSource, operatorId, remark, ex }: Friend) {
  return {
    ownerUserID: ownerId,
    remark,
    createTime: createdMs,
    addSource,
    operatorUserID: operatorId,
    ex,
    isPinned: rank === 0,
  }
}

/** `createTime`: in the unit of the answer. */
export function blackInfo(
  { ownerId, userId, ex }: Black,
  profiles: Profiles | undefined,
  createTime: number,
): BlackInfo {
  return {
    ownerUserID: ownerId,
    createTime,
    blackUserInfo: profiles === undefined ? null : publicInfo(profiles, userId),
    addSource: 0,
    operatorUserID: ownerId,
    ex: ex ?? '',
  }
}

export function requestInfo(
  row: FriendRequestRow,
  { from, to }: Asked,
  profiles: Profiles,
): FriendRequestInfo {
  const [sender, receiver] = [publicInfo(profiles, from), publicInfo(profiles, to)]
  return {
    fromUserID: from,
    fromNickname: sender.nickname,
    fromFaceURL: sender.faceURL,
    toUserID: to,
    toNickname: receiver.nickname,
    toFaceURL: receiver.faceURL,
    handleResult: row.result,
    reqMsg: row.reqMsg,
    createTime: row.createdMs,
    handlerUserID: row.handlerId,
    handleMsg: row.handleMsg,
    handleTime: row.handledMs,
    ex: row.ex,
  }
}
