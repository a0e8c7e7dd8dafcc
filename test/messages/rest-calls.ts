/** The REST paths about messages, conversations and accounts, each with a body that is right. */

import type { Route } from '../../src/doors/rest/route.js'
import { allRoutes } from '../../src/doors/rest/routes/all.js'
import { authRoutes } from '../../src/doors/rest/routes/auth-routes.js'
import { connectionRoutes } from '../../src/doors/rest/routes/connection-routes.js'
import { userRoutes } from '../../src/doors/rest/routes/user-routes.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { PlatformTable } from '../../src/rules/platforms.js'

/** Who a call is about: a user and the chat of two others, in which the user may have no part. */
export interface Subject {
  userID: string
  /** The two of the chat; the last message is of `bob`. */
  ann: string
  bob: string
  chat: string
  /** One of each conversation that the call may touch. */
  ids: string[]
  /** A message that nobody has revoked. */
  seq: number
  /** A group of Ann, in which Bob is a member, and one who has asked to come in. */
  group: string
  applicant: string
}

/** What stands in the way of callers that are not the user of the body. */
export type Rule =
  /** Users for themselves, and administrators for anybody. */
  | 'self'
  /** The same, and who asks for themselves changes something whoever they are. */
  | 'own'
  /** The two that it is about, and administrators. */
  | 'either'
  /** The body says nothing of whom it is about: callers ask for themselves. */
  | 'caller'
  | 'admin'
  | 'anyToken'
  /** Members of the group. */
  | 'member'
  /** Its owner, and its administrators. */
  | 'manager'
  /** Its owner. */
  | 'owner'

export interface RestCall {
  path: string
  rule: Rule
  body(subject: Subject): Record<string, unknown>
}

const known = ({ userID }: Subject) => ({ userID, version: 0, versionID: '' })
const hashed = ({ userID }: Subject) => ({ userID, idHash: 0 })
const none = () => ({})

const text = ({ userID, bob }: Subject) => ({
  sendID: userID,
  recvID: bob,
  content: { content: 'text' },
  contentType: 101,
  sessionType: 1,
})

const page = ({ userID }: Subject) => ({ userID, pagination: { pageNumber: 1, showNumber: 10 } })
const profile = ({ userID }: Subject) => ({ userInfo: { userID, nickname: 'New', ex: 'ex' } })
const command = ({ userID }: Subject) => ({ userID, type: 7, uuid: 'mark', value: 'value' })
/** The other one of the chat. */
const otherOf = ({ userID, ann, bob }: Subject) => (userID === bob ? ann : bob)
const ofOwner = (subject: Subject) => ({ ownerUserID: subject.userID, friendUserID: otherOf(subject) })
const black = (subject: Subject) => ({ ownerUserID: subject.userID, blackUserID: otherOf(subject) })
const others = (subject: Subject) => ({ ownerUserID: subject.userID, userIDList: [otherOf(subject)] })

const FRIEND_CALLS: readonly RestCall[] = [
  { path: '/friend/get_incremental_friends', rule: 'self', body: known },
  { path: '/friend/get_full_friend_user_ids', rule: 'self', body: hashed },
  { path: '/friend/get_friend_list', rule: 'self', body: page },
  { path: '/friend/get_friend_id', rule: 'self', body: ({ userID }) => ({ userID }) },
  {
    path: '/friend/get_designated_friends',
    rule: 'self',
    body: (subject) => ({ ownerUserID: subject.userID, friendUserIDs: [otherOf(subject)] }),
  },
  { path: '/friend/get_specified_friends_info', rule: 'self', body: others },
  {
    path: '/friend/is_friend',
    rule: 'either',
    body: (subject) => ({ userID1: subject.userID, userID2: otherOf(subject) }),
  },
  { path: '/friend/delete_friend', rule: 'self', body: ofOwner },
  {
    path: '/friend/set_friend_remark',
    rule: 'self',
    body: (subject) => ({ ...ofOwner(subject), remark: 'remark' }),
  },
  {
    path: '/friend/update_friends',
    rule: 'self',
    body: (subject) => ({
      ownerUserID: subject.userID,
      friendUserIDs: [otherOf(subject)],
      isPinned: true,
    }),
  },
  {
    path: '/friend/import_friend',
    rule: 'admin',
    body: ({ ann, bob }) => ({ ownerUserID: ann, friendUserIDs: [bob] }),
  },
  {
    path: '/friend/add_friend',
    rule: 'own',
    body: (subject) => ({ fromUserID: subject.userID, toUserID: otherOf(subject), reqMsg: 'please' }),
  },
  {
    path: '/friend/add_friend_response',
    rule: 'self',
    body: (subject) => ({
      fromUserID: otherOf(subject),
      toUserID: subject.userID,
      handleResult: 1,
      handleMsg: 'yes',
    }),
  },
  { path: '/friend/get_friend_apply_list', rule: 'self', body: page },
  { path: '/friend/get_self_friend_apply_list', rule: 'self', body: page },
  {
    path: '/friend/get_designated_friend_apply',
    rule: 'either',
    body: (subject) => ({ fromUserID: subject.userID, toUserID: otherOf(subject) }),
  },
  {
    path: '/friend/get_self_unhandled_apply_count',
    rule: 'self',
    body: ({ userID }) => ({ userID, time: 0 }),
  },
  { path: '/friend/add_black', rule: 'own', body: black },
  { path: '/friend/remove_black', rule: 'own', body: black },
  { path: '/friend/get_black_list', rule: 'self', body: page },
  { path: '/friend/get_specified_blacks', rule: 'self', body: others },
]

const PAGE = { pageNumber: 1, showNumber: 10 }
const inGroup = ({ group: groupID }: Subject) => ({ groupID })
const groupIds = ({ group }: Subject) => ({ groupIDs: [group] })
const ofBob = ({ group: groupID, bob: userID }: Subject) => ({ groupID, userID })
const filter = { groupIDs: [], handleResults: [], pagination: PAGE }

const GROUP_CALLS: readonly RestCall[] = [
  { path: '/group/get_incremental_join_groups', rule: 'self', body: known },
  { path: '/group/get_full_join_group_ids', rule: 'self', body: hashed },
  {
    path: '/group/get_joined_group_list',
    rule: 'self',
    body: ({ userID: fromUserID }) => ({ fromUserID, pagination: PAGE }),
  },
  { path: '/group/get_groups_info', rule: 'anyToken', body: groupIds },
  { path: '/group/get_group_abstract_info', rule: 'member', body: groupIds },
  {
    path: '/group/get_incremental_group_members',
    rule: 'member',
    body: (subject) => ({ ...inGroup(subject), version: 0, versionID: '' }),
  },
  {
    path: '/group/get_incremental_group_members_batch',
    rule: 'self',
    body: ({ userID, group: groupID }) => ({ userID, reqList: [{ groupID, version: 0, versionID: '' }] }),
  },
  {
    path: '/group/get_full_group_member_user_ids',
    rule: 'member',
    body: (subject) => ({ ...inGroup(subject), idHash: 0 }),
  },
  { path: '/group/get_group_member_user_id', rule: 'member', body: inGroup },
  {
    path: '/group/get_group_member_list',
    rule: 'member',
    body: (subject) => ({ ...inGroup(subject), pagination: PAGE, filter: 0, keyword: '' }),
  },
  {
    path: '/group/get_group_members_info',
    rule: 'member',
    body: (subject) => ({ ...inGroup(subject), userIDs: [subject.bob] }),
  },
  {
    path: '/group/create_group',
    rule: 'own',
    body: (subject) => ({
      ownerUserID: subject.userID,
      memberUserIDs: [otherOf(subject)],
      groupInfo: { groupType: 2, groupName: 'New' },
    }),
  },
  {
    path: '/group/set_group_info',
    rule: 'manager',
    body: (subject) => ({ groupInfoForSet: { ...inGroup(subject), introduction: 'New' } }),
  },
  {
    path: '/group/set_group_info_ex',
    rule: 'manager',
    body: (subject) => ({ ...inGroup(subject), notification: 'New' }),
  },
  { path: '/group/mute_group', rule: 'manager', body: inGroup },
  { path: '/group/cancel_mute_group', rule: 'manager', body: inGroup },
  {
    path: '/group/transfer_group',
    rule: 'owner',
    body: (subject) => ({
      ...inGroup(subject),
      oldOwnerUserID: subject.ann,
      newOwnerUserID: subject.bob,
    }),
  },
  { path: '/group/dismiss_group', rule: 'owner', body: inGroup },
  {
    path: '/group/join_group',
    rule: 'own',
    body: (subject) => ({ ...inGroup(subject), joinSource: 3, inviterUserID: subject.userID }),
  },
  {
    path: '/group/invite_user_to_group',
    rule: 'member',
    body: (subject) => ({ ...inGroup(subject), invitedUserIDs: [subject.applicant] }),
  },
  {
    path: '/group/quit_group',
    rule: 'self',
    body: (subject) => ({ ...inGroup(subject), userID: subject.userID }),
  },
  {
    path: '/group/kick_group',
    rule: 'owner',
    body: (subject) => ({ ...inGroup(subject), kickedUserIDs: [subject.bob] }),
  },
  {
    path: '/group/set_group_member_info',
    rule: 'member',
    body: (subject) => ({ members: [{ ...ofBob(subject), nickname: 'New' }] }),
  },
  {
    path: '/group/mute_group_member',
    rule: 'manager',
    body: (subject) => ({ ...ofBob(subject), mutedSeconds: 60 }),
  },
  { path: '/group/cancel_mute_group_member', rule: 'manager', body: ofBob },
  {
    path: '/group/group_application_response',
    rule: 'manager',
    body: (subject) => ({ ...inGroup(subject), fromUserID: subject.applicant, handleResult: 1 }),
  },
  {
    path: '/group/get_recv_group_applicationList',
    rule: 'self',
    body: ({ userID: fromUserID }) => ({ fromUserID, ...filter }),
  },
  {
    path: '/group/get_user_req_group_applicationList',
    rule: 'self',
    body: ({ userID }) => ({ userID, ...filter }),
  },
  {
    path: '/group/get_specified_user_group_request_info',
    rule: 'self',
    body: (subject) => ({ ...inGroup(subject), userID: subject.userID }),
  },
  {
    path: '/group/get_group_users_req_application_list',
    rule: 'manager',
    body: (subject) => ({ ...inGroup(subject), userIDs: [subject.applicant] }),
  },
  {
    path: '/group/get_group_application_unhandled_count',
    rule: 'self',
    body: ({ userID }) => ({ userID, time: 0 }),
  },
]

export const REST_CALLS: readonly RestCall[] = [
  { path: '/msg/newest_seq', rule: 'self', body: ({ userID }) => ({ userID }) },
  {
    path: '/msg/pull_msg_by_seq',
    rule: 'self',
    body: ({ userID, ids }) => ({
      userID,
      seqRanges: ids.map((conversationID) => ({ conversationID, begin: 1, end: 100, num: 100 })),
      order: 0,
    }),
  },
  {
    path: '/msg/get_conversations_has_read_and_max_seq',
    rule: 'self',
    body: ({ userID, chat }) => ({ userID, conversationIDs: [chat], returnPinned: true }),
  },
  {
    path: '/msg/mark_conversation_as_read',
    rule: 'self',
    body: ({ userID, chat }) => ({ conversationID: chat, userID, hasReadSeq: 2, seqs: [1] }),
  },
  {
    path: '/msg/mark_msgs_as_read',
    rule: 'self',
    body: ({ userID, chat }) => ({ conversationID: chat, userID, seqs: [1, 2] }),
  },
  {
    path: '/msg/set_conversation_has_read_seq',
    rule: 'self',
    body: ({ userID, chat }) => ({ conversationID: chat, userID, hasReadSeq: 2 }),
  },
  {
    path: '/msg/revoke_msg',
    rule: 'self',
    body: ({ userID, chat, seq }) => ({ conversationID: chat, seq, userID }),
  },
  {
    path: '/msg/delete_msgs',
    rule: 'self',
    body: ({ userID, chat, seq }) => ({
      conversationID: chat,
      seqs: [seq],
      userID,
      deleteSyncOpt: { IsSyncSelf: true, IsSyncOther: false },
    }),
  },
  {
    path: '/msg/clear_conversation_msg',
    rule: 'self',
    body: ({ userID, chat }) => ({
      conversationIDs: [chat],
      userID,
      deleteSyncOpt: { IsSyncSelf: true, IsSyncOther: false },
    }),
  },
  {
    path: '/msg/user_clear_all_msg',
    rule: 'self',
    body: ({ userID }) => ({ userID, deleteSyncOpt: { IsSyncSelf: true, IsSyncOther: false } }),
  },
  { path: '/msg/send_msg', rule: 'admin', body: text },
  {
    path: '/msg/batch_send_msg',
    rule: 'admin',
    body: (subject) => ({ ...text(subject), recvIDs: [subject.bob] }),
  },
  {
    path: '/msg/send_business_notification',
    rule: 'admin',
    body: ({ userID, bob }) => ({ key: 'key', data: 'data', sendUserID: userID, recvUserID: bob }),
  },
  {
    path: '/msg/search_msg',
    rule: 'admin',
    body: ({ ann, bob }) => ({
      sendID: bob,
      recvID: ann,
      pagination: { pageNumber: 1, showNumber: 10 },
    }),
  },
  {
    path: '/msg/delete_msg_phsical_by_seq',
    rule: 'admin',
    body: ({ chat, seq }) => ({ conversationID: chat, seqs: [seq] }),
  },
  { path: '/msg/check_msg_is_send_success', rule: 'admin', body: none },
  { path: '/msg/get_server_time', rule: 'anyToken', body: none },
  { path: '/conversation/get_incremental_conversations', rule: 'self', body: known },
  {
    path: '/conversation/get_owner_conversation',
    rule: 'self',
    body: ({ userID }) => ({ userID, pagination: { pageNumber: 1, showNumber: 10 } }),
  },
  {
    path: '/conversation/get_all_conversations',
    rule: 'self',
    body: ({ userID }) => ({ ownerUserID: userID }),
  },
  {
    path: '/conversation/get_conversations',
    rule: 'self',
    body: ({ userID, ids }) => ({ ownerUserID: userID, conversationIDs: ids }),
  },
  { path: '/conversation/get_full_conversation_ids', rule: 'self', body: hashed },
  {
    path: '/conversation/get_not_notify_conversation_ids',
    rule: 'self',
    body: ({ userID }) => ({ userID }),
  },
  {
    path: '/conversation/set_conversations',
    rule: 'self',
    body: ({ userID, ann, bob, chat }) => ({
      userIDs: [userID],
      conversation: {
        conversationID: chat,
        conversationType: 1,
        userID: userID === bob ? ann : bob,
        groupID: '',
        isPinned: true,
      },
    }),
  },
  {
    path: '/jssdk/get_active_conversations',
    rule: 'caller',
    body: ({ userID }) => ({ ownerUserID: userID, count: 10 }),
  },
  {
    path: '/jssdk/get_conversations',
    rule: 'caller',
    body: ({ userID, ids }) => ({ ownerUserID: userID, conversationIDs: ids }),
  },
  ...FRIEND_CALLS,
  ...GROUP_CALLS,
  {
    path: '/user/user_register',
    rule: 'admin',
    body: ({ userID }) => ({ users: [{ userID: `new-${userID}`, nickname: 'New' }] }),
  },
  {
    path: '/user/account_check',
    rule: 'admin',
    body: ({ userID }) => ({ checkUserIDs: [userID] }),
  },
  { path: '/user/process_user_command_add', rule: 'own', body: command },
  { path: '/user/process_user_command_update', rule: 'self', body: command },
  { path: '/user/process_user_command_delete', rule: 'self', body: command },
  {
    path: '/user/process_user_command_get',
    rule: 'self',
    body: ({ userID }) => ({ userID, type: 7 }),
  },
  { path: '/user/process_user_command_get_all', rule: 'self', body: ({ userID }) => ({ userID }) },
  {
    path: '/user/add_notification_account',
    rule: 'admin',
    body: () => ({ userID: '', nickName: 'News', faceURL: '', appMangerLevel: 3 }),
  },
  {
    path: '/user/update_notification_account',
    rule: 'admin',
    body: ({ userID }) => ({ userID, nickName: 'News', faceURL: '' }),
  },
  {
    path: '/user/search_notification_account',
    rule: 'admin',
    body: () => ({ keyword: '', pagination: { pageNumber: 1, showNumber: 10 } }),
  },
  { path: '/user/update_user_info_ex', rule: 'own', body: profile },
  { path: '/user/update_user_info', rule: 'own', body: profile },
  {
    path: '/user/set_global_msg_recv_opt',
    rule: 'own',
    body: ({ userID }) => ({ userID, globalRecvMsgOpt: 2 }),
  },
  { path: '/user/get_users_info', rule: 'anyToken', body: ({ userID }) => ({ userIDs: [userID] }) },
]

/** Every path but those about tokens, connections and presence, which have tests of their own. */
export function messageRoutesOfAll(): Route[] {
  const platforms = new PlatformTable(OPENIM_PLATFORMS)
  const others = [...authRoutes(platforms), ...connectionRoutes(platforms), ...userRoutes()]
  const skipped = new Set(others.map(({ path }) => path))
  return allRoutes(platforms).filter(({ path }) => !skipped.has(path))
}
