/** Groups and their members over REST. */
import { z } from 'zod'
import type { Route } from '../route.js'
import {
  countField,
  hashedBody,
  idField,
  idsField,
  knownBody,
  operationRoute,
  optionalTextField,
  own,
  pageField,
  seqsField,
  textField,
} from './operation-route.js'

const VERSIONED = ['version', 'versionID', 'full', 'delete', 'insert', 'update', 'sortVersion'] as const
const MEMBERS = 'members of the group; an administrator'
const MANAGERS = 'the owner and the administrators of the group; an administrator'
const OVER = 'the owner for all members, administrators of the group for ordinary ones; an administrator'

const member = { may: 'token', mayNote: MEMBERS } as const
const manager = { may: 'token', mayNote: MANAGERS } as const
const over = { may: 'token', mayNote: OVER } as const

const lineField = z.boolean().nullish()
const settingField = (max: number) => z.int().min(0).max(max).nullish()
const group = z.object({ groupID: idField })
const groupAndUser = group.extend({ userID: idField })
const known = group.extend({ version: countField, versionID: textField })
const wanted = {
  introduction: optionalTextField,
  faceURL: optionalTextField,
  notification: optionalTextField,
  groupName: optionalTextField,
  ex: optionalTextField,
  needVerification: settingField(2),
  lookMemberInfo: settingField(1),
  applyMemberFriend: settingField(1),
}
const made = z.object({
  groupID: textField,
  groupName: textField,
  notification: textField,
  introduction: textField,
  faceURL: textField,
  ex: textField,
  groupType: countField,
  needVerification: z.int().min(0).max(2).default(0),
  lookMemberInfo: z.int().min(0).max(1).default(0),
  applyMemberFriend: z.int().min(0).max(1).default(0),
})

export function groupRoutes(): Route[] {
  return [...listRoutes(), ...memberListRoutes(), ...changeRoutes(), ...memberRoutes(), ...requestRoutes()]
}

function listRoutes(): Route[] {
  return [
    operationRoute({
      path: '/group/get_incremental_join_groups',
      operation: 'incrementalGroups',
      ...own,
      doc: "What changed in a user's list of groups since a version.",
      body: knownBody,
      answers: VERSIONED,
    }),
    operationRoute({
      path: '/group/get_full_join_group_ids',
      operation: 'joinedGroupIds',
      ...own,
      doc: 'The IDs of the list of groups, in its order.',
      body: hashedBody,
      answers: ['version', 'versionID', 'equal', 'groupIDs'],
    }),
    operationRoute({
      path: '/group/get_joined_group_list',
      operation: 'joinedGroupsPage',
      ...own,
      doc: 'The groups of a user in pages, by name.',
      body: z.object({ fromUserID: idField, pagination: pageField }),
      answers: ['groups', 'total'],
    }),
    operationRoute({
      path: '/group/get_groups_info',
      operation: 'groupsInfo',
      may: 'token',
      doc: 'Groups by ID, at most 1,000, dismissed ones too; unknown ones are left out.',
      body: z.object({ groupIDs: idsField }),
      answers: ['groupInfos'],
    }),
    operationRoute({
      path: '/group/get_group_abstract_info',
      operation: 'groupAbstracts',
      ...member,
      doc: 'How many members groups have, and a hash of what they are.',
      body: z.object({ groupIDs: idsField }),
      answers: ['groupAbstractInfos'],
    }),
  ]
}

function memberListRoutes(): Route[] {
  return [
    operationRoute({
      path: '/group/get_incremental_group_members',
      operation: 'incrementalMembers',
      ...member,
      doc: 'What changed in a group and its list of members since a version.',
      body: known,
      answers: [...VERSIONED, 'group'],
    }),
    operationRoute({
      path: '/group/get_incremental_group_members_batch',
      operation: 'incrementalMembersBatch',
      ...own,
      doc: 'The same for several groups of a user. Those that are left out are to be asked for again.',
      body: z.object({
        userID: idField,
        reqList: z
          .array(known)
          .nullish()
          .transform((list) => list ?? []),
      }),
      answers: ['respList'],
    }),
    operationRoute({
      path: '/group/get_full_group_member_user_ids',
      operation: 'memberIds',
      ...member,
      doc: 'The IDs of the members, in the order of the list.',
      body: group.extend({ idHash: z.number().default(0) }),
      answers: ['version', 'versionID', 'equal', 'userIDs'],
    }),
    operationRoute({
      path: '/group/get_group_member_user_id',
      operation: 'memberUserIds',
      ...member,
      doc: 'The IDs of the members, in the order of the list.',
      body: group,
      answers: ['userIDs'],
    }),
    operationRoute({
      path: '/group/get_group_member_list',
      operation: 'membersPage',
      ...member,
      doc: 'Members in pages: the owner, administrators, then the others by age; `keyword`: an ID, or a part of the name.',
      body: group.extend({ pagination: pageField, keyword: textField }),
      answers: ['members', 'total'],
    }),
    operationRoute({
      path: '/group/get_group_members_info',
      operation: 'membersById',
      ...member,
      doc: 'Those of these users, at most 1,000, that are members.',
      body: group.extend({ userIDs: idsField }),
      answers: ['members'],
    }),
  ]
}

function changeRoutes(): Route[] {
  return [
    operationRoute({
      path: '/group/create_group',
      operation: 'createGroup',
      may: 'token',
      mayNote: 'users who own it themselves; an administrator for anybody',
      doc: 'Makes a group of at most 1,000 members; more are invited. `groupInfo.groupID` empty = one is made.',
      body: z.object({
        ownerUserID: idField,
        memberUserIDs: idsField,
        adminUserIDs: idsField,
        groupInfo: made,
        sendMessage: lineField,
      }),
      answers: ['groupInfo'],
    }),
    operationRoute({
      path: '/group/set_group_info',
      operation: 'setGroupOld',
      ...manager,
      doc: 'Changes what is given of a group; an empty text stays as it is. `/group/set_group_info_ex` can empty it.',
      body: z.object({ groupInfoForSet: group.extend(wanted) }),
      answers: [],
    }),
    operationRoute({
      path: '/group/set_group_info_ex',
      operation: 'setGroup',
      ...manager,
      doc: 'Changes what is given of a group. A `notification` is announced to all members.',
      body: group.extend(wanted),
      answers: [],
    }),
    operationRoute({
      path: '/group/mute_group',
      operation: 'muteGroup',
      ...manager,
      doc: 'From now on only the owner and administrators of the group may speak.',
      body: group,
      answers: [],
    }),
    operationRoute({
      path: '/group/cancel_mute_group',
      operation: 'unmuteGroup',
      ...manager,
      doc: 'All members may speak again.',
      body: group,
      answers: [],
    }),
    operationRoute({
      path: '/group/transfer_group',
      operation: 'transferGroup',
      may: 'token',
      mayNote: 'the owner; an administrator',
      doc: 'Another member becomes the owner; the two change places.',
      body: group.extend({ oldOwnerUserID: idField, newOwnerUserID: idField }),
      answers: [],
    }),
    operationRoute({
      path: '/group/dismiss_group',
      operation: 'dismissGroup',
      may: 'token',
      mayNote: 'the owner; an administrator',
      doc: 'Ends a group for ever. Members keep what was said.',
      body: group.extend({ sendMessage: lineField }),
      answers: [],
    }),
  ]
}

function memberRoutes(): Route[] {
  return [
    operationRoute({
      path: '/group/join_group',
      operation: 'joinGroup',
      ...own,
      doc: 'Asks to come in, or comes in where the group lets everybody in. `inviterUserID`: who asks.',
      body: group.extend({
        reqMessage: textField,
        joinSource: z.int().min(1).max(4),
        inviterUserID: textField,
        ex: textField,
      }),
      answers: [],
    }),
    operationRoute({
      path: '/group/invite_user_to_group',
      operation: 'inviteToGroup',
      ...member,
      doc: 'Brings users in, at most 1,000, or asks for them where the group wants that. Members are passed over.',
      body: group.extend({ reason: textField, invitedUserIDs: idsField, sendMessage: lineField }),
      answers: [],
    }),
    operationRoute({
      path: '/group/quit_group',
      operation: 'quitGroup',
      ...own,
      doc: 'Leaves a group. The owner cannot.',
      body: group.extend({ userID: textField }),
      answers: [],
    }),
    operationRoute({
      path: '/group/kick_group',
      operation: 'kickFromGroup',
      ...over,
      doc: 'Sends members away, at most 1,000. When it is answered they are heard no more.',
      body: group.extend({ kickedUserIDs: idsField, reason: textField, sendMessage: lineField }),
      answers: [],
    }),
    operationRoute({
      path: '/group/set_group_member_info',
      operation: 'setMembers',
      may: 'token',
      mayNote: `members for themselves; ${OVER}`,
      doc: 'Changes what is given of members: their names and pictures in the group, `roleLevel` 60 or 20.',
      body: z.object({
        members: z
          .array(
            groupAndUser.extend({
              nickname: optionalTextField,
              faceURL: optionalTextField,
              roleLevel: z.int().nullish(),
              ex: optionalTextField,
            }),
          )
          .nullish()
          .transform((list) => list ?? []),
      }),
      answers: [],
    }),
    operationRoute({
      path: '/group/mute_group_member',
      operation: 'muteMember',
      ...over,
      doc: 'A member may not speak for so many seconds.',
      body: groupAndUser.extend({ mutedSeconds: z.int().min(0).max(0xffff_ffff) }),
      answers: [],
    }),
    operationRoute({
      path: '/group/cancel_mute_group_member',
      operation: 'unmuteMember',
      ...over,
      doc: 'A member may speak again.',
      body: groupAndUser,
      answers: [],
    }),
  ]
}

function requestRoutes(): Route[] {
  const filter = { groupIDs: idsField, handleResults: seqsField, pagination: pageField }
  return [
    operationRoute({
      path: '/group/group_application_response',
      operation: 'answerGroupRequest',
      ...manager,
      doc: 'Answers a request: `handleResult` 1 = the user is let in, -1 = not.',
      body: group.extend({ fromUserID: idField, handledMsg: textField, handleResult: z.int() }),
      answers: [],
    }),
    operationRoute({
      path: '/group/get_recv_group_applicationList',
      operation: 'receivedGroupRequests',
      ...own,
      doc: 'Requests for the groups that a user owns or administers, newest first; empty filters = all.',
      body: z.object({ fromUserID: idField, ...filter }),
      answers: ['groupRequests', 'total'],
    }),
    operationRoute({
      path: '/group/get_user_req_group_applicationList',
      operation: 'sentGroupRequests',
      ...own,
      doc: 'Requests that a user has made, newest first; empty filters = all.',
      body: z.object({ userID: idField, ...filter }),
      answers: ['groupRequests', 'total'],
    }),
    operationRoute({
      path: '/group/get_specified_user_group_request_info',
      operation: 'groupRequestOf',
      may: 'token',
      mayNote: `the one who asked; ${MANAGERS}`,
      doc: "A user's request for a group; null = there is none.",
      body: groupAndUser,
      answers: ['groupRequests', 'total'],
    }),
    operationRoute({
      path: '/group/get_group_users_req_application_list',
      operation: 'groupRequestsOf',
      ...manager,
      doc: 'Requests of these users, at most 1,000, for a group.',
      body: group.extend({ userIDs: idsField }),
      answers: ['groupRequests', 'total'],
    }),
    operationRoute({
      path: '/group/get_group_application_unhandled_count',
      operation: 'openGroupRequestCount',
      ...own,
      doc: 'How many requests wait in the groups that a user owns or administers; those after `time` (ms) alone.',
      body: z.object({ userID: idField, time: countField }),
      answers: ['count'],
    }),
  ]
}
