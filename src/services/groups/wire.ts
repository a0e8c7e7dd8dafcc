/** The forms of groups on the wire. Times are milliseconds. */
import type { GroupInfo, GroupMemberFullInfo, PublicUserInfo } from '../../openim/proto/people.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import type { groupRequests } from '../../store/schema/tables.js'
import { type Profiles, profilesOf, publicInfo } from '../people/wire.js'
import type { Group, Member } from './stored.js'
import { levelOf, WORKING_GROUP } from './values.js'

export type GroupRequestRow = RowOf<typeof groupRequests>

export interface GroupRequestInfo {
  userInfo: PublicUserInfo
  groupInfo: GroupInfo | null
  handleResult: number
  reqMsg: string
  handleMsg: string
  reqTime: number
  handleUserID: UserId
  handleTime: number
  ex: string
  joinSource: number
  inviterUserID: UserId
}

export function groupInfo(group: Group): GroupInfo {
  return {
    groupID: group.groupId,
    groupName: group.name,
    notification: group.notification,
    introduction: group.introduction,
    faceURL: group.faceUrl,
    ownerUserID: group.ownerId,
    createTime: group.createdMs,
    memberCount: group.memberCount,
    ex: group.ex,
    status: group.status,
    creatorUserID: group.creatorId,
    groupType: WORKING_GROUP,
    needVerification: group.needVerification,
    lookMemberInfo: group.lookMembers,
    applyMemberFriend: group.addFriends,
    notificationUpdateTime: group.notifiedMs,
    notificationUserID: group.notifierId,
  }
}

/** A member without a name or picture for the group has those of their profile. */
export function memberInfo(member: Member, profiles: Profiles): GroupMemberFullInfo {
  const { nickname, faceURL } = publicInfo(profiles, member.userId)
  return {
    groupID: member.groupId,
    userID: member.userId,
    roleLevel: levelOf(member.rank),
    joinTime: member.joinedMs,
    nickname: member.nickname || nickname,
    faceURL: member.faceUrl || faceURL,
    appMangerLevel: 0,
    joinSource: member.joinSource,
    operatorUserID: member.operatorId,
    ex: member.ex,
    muteEndTime: member.muteEndMs,
    inviterUserID: member.inviterId,
  }
}

export function* memberInfos(own: readonly Member[]): Operation<GroupMemberFullInfo[]> {
  const profiles = yield* profilesOf(own.map(({ userId }) => userId))
  return own.map((member) => memberInfo(member, profiles))
}

export function requestInfo(
  row: GroupRequestRow,
  profiles: Profiles,
  group: Group | undefined,
): GroupRequestInfo {
  return {
    userInfo: publicInfo(profiles, row.userId),
    groupInfo: group === undefined ? null : groupInfo(group),
    handleResult: row.result,
    reqMsg: row.reqMsg,
    handleMsg: row.handleMsg,
    reqTime: row.createdMs,
    handleUserID: row.handlerId,
    handleTime: row.handledMs,
    ex: row.ex,
    joinSource: row.joinSource,
    inviterUserID: row.inviterId,
  }
}
