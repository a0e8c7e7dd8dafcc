/**
 * Every operation by its name, with the protobuf forms of those that come so. A door names an operation and gives its
 * input; the thread that its row names carries it out.
 */
import {
  GetActiveConversationsReq,
  GetActiveConversationsResp,
  JsSdkGetConversationsReq,
  JsSdkGetConversationsResp,
} from '../../openim/proto/jssdk.js'
import {
  GetConversationsHasReadAndMaxSeqReq,
  GetConversationsHasReadAndMaxSeqResp,
  GetLastMessageReq,
  GetLastMessageResp,
  GetMaxSeqReq,
  GetMaxSeqResp,
  GetSeqMessageReq,
  GetSeqMessageResp,
  PullMessageBySeqsReq,
  PullMessageBySeqsResp,
} from '../../openim/proto/messages.js'
import type { Operation } from '../../store/ports/database.js'
import { activeConversations, conversationsWithMessages } from '../conversations/active.js'
import {
  allConversations,
  conversationIds,
  conversationsById,
  incrementalConversations,
  notNotifyConversationIds,
  ownerConversations,
} from '../conversations/lists.js'
import { setConversations } from '../conversations/settings.js'
import { createGroup } from '../groups/create.js'
import { answerGroupRequest, inviteToGroup, joinGroup } from '../groups/entering.js'
import { muteGroup, setGroup, setGroupOld, unmuteGroup } from '../groups/info.js'
import { dismissGroup, kickFromGroup, quitGroup } from '../groups/leaving.js'
import {
  groupAbstracts,
  groupsInfo,
  incrementalGroups,
  joinedGroupIds,
  joinedGroupsPage,
} from '../groups/lists.js'
import {
  incrementalMembers,
  incrementalMembersBatch,
  memberIds,
  membersById,
  membersPage,
  memberUserIds,
} from '../groups/member-lists.js'
import {
  groupRequestOf,
  groupRequestsOf,
  openGroupRequestCount,
  receivedGroupRequests,
  sentGroupRequests,
} from '../groups/requests.js'
import { muteMember, setMembers, transferGroup, unmuteMember } from '../groups/roles.js'
import { markConversationRead, markMessagesRead, setReadSeq } from '../messages/mark-read.js'
import { conversationSeqs, lastMessages, newestSeqs, pullRanges, pullSeqs } from '../messages/pull.js'
import {
  clearAllConversations,
  clearConversations,
  deleteMessages,
  eraseMessages,
} from '../messages/remove.js'
import { revokeMessage } from '../messages/revoke.js'
import { searchMessages } from '../messages/search.js'
import { addBlack, blacksPage, removeBlack, specifiedBlacks } from '../people/blacks.js'
import {
  areFriends,
  designatedFriends,
  friendIds,
  friendsPage,
  incrementalFriends,
  orderedFriendIds,
  specifiedFriends,
} from '../people/friend-lists.js'
import {
  answerFriend,
  openRequestCount,
  receivedRequests,
  requestFriend,
  requestsBetween,
  sentRequests,
} from '../people/friend-requests.js'
import { deleteFriend, importFriends, setRemark, updateFriends } from '../people/friends.js'
import {
  addNotificationAccount,
  searchNotificationAccounts,
  updateNotificationAccount,
} from '../people/notification-accounts.js'
import { setGlobalRecvOpt, updateProfile, updateProfileOld } from '../people/profiles.js'
import {
  addCommand,
  allCommands,
  commandsOfType,
  deleteCommand,
  updateCommand,
} from '../people/user-commands.js'
import { checkUsers, ensureUser, registerUsers, usersInfo } from '../people/users.js'
import type { OperationContext, OperationRow } from './operation.js'
import { type ProtobufForm, protobuf, protobufOfBytes, readInput, writeOutput } from './wire-form.js'

const ROWS = {
  newestSeqs: { ...newestSeqs, ...protobuf(GetMaxSeqReq, GetMaxSeqResp) },
  conversationSeqs: {
    ...conversationSeqs,
    ...protobuf(GetConversationsHasReadAndMaxSeqReq, GetConversationsHasReadAndMaxSeqResp),
  },
  pullRanges: { ...pullRanges, ...protobufOfBytes(PullMessageBySeqsReq, PullMessageBySeqsResp) },
  pullSeqs: { ...pullSeqs, ...protobufOfBytes(GetSeqMessageReq, GetSeqMessageResp) },
  lastMessages: { ...lastMessages, ...protobufOfBytes(GetLastMessageReq, GetLastMessageResp) },
  activeConversations: {
    ...activeConversations,
    ...protobuf(GetActiveConversationsReq, GetActiveConversationsResp),
  },
  conversationsWithMessages: {
    ...conversationsWithMessages,
    ...protobuf(JsSdkGetConversationsReq, JsSdkGetConversationsResp),
  },
  incrementalConversations,
  ownerConversations,
  allConversations,
  conversationsById,
  conversationIds,
  notNotifyConversationIds,
  setConversations,
  markConversationRead,
  markMessagesRead,
  setReadSeq,
  revokeMessage,
  deleteMessages,
  eraseMessages,
  searchMessages,
  clearConversations,
  clearAllConversations,
  incrementalFriends,
  friendIds,
  friendsPage,
  orderedFriendIds,
  designatedFriends,
  specifiedFriends,
  areFriends,
  deleteFriend,
  setRemark,
  updateFriends,
  importFriends,
  requestFriend,
  answerFriend,
  receivedRequests,
  sentRequests,
  requestsBetween,
  openRequestCount,
  addBlack,
  removeBlack,
  blacksPage,
  specifiedBlacks,
  updateProfile,
  updateProfileOld,
  setGlobalRecvOpt,
  addCommand,
  updateCommand,
  deleteCommand,
  commandsOfType,
  allCommands,
  addNotificationAccount,
  updateNotificationAccount,
  searchNotificationAccounts,
  createGroup,
  joinGroup,
  inviteToGroup,
  answerGroupRequest,
  quitGroup,
  kickFromGroup,
  dismissGroup,
  transferGroup,
  setMembers,
  muteMember,
  unmuteMember,
  setGroup,
  setGroupOld,
  muteGroup,
  unmuteGroup,
  incrementalGroups,
  joinedGroupsPage,
  joinedGroupIds,
  groupsInfo,
  groupAbstracts,
  membersPage,
  membersById,
  memberUserIds,
  memberIds,
  incrementalMembers,
  incrementalMembersBatch,
  receivedGroupRequests,
  sentGroupRequests,
  groupRequestOf,
  groupRequestsOf,
  openGroupRequestCount,
  registerUsers,
  ensureUser,
  checkUsers,
  usersInfo,
} satisfies Record<string, OperationRow & { form?: ProtobufForm }>

export type OperationName = keyof typeof ROWS
export type InputOf<N extends OperationName> = Parameters<(typeof ROWS)[N]['run']>[1]

export const OPERATIONS: Readonly<Record<OperationName, OperationRow & { form?: ProtobufForm }>> = ROWS

/** Throws CALL_REFUSED. The output is of the same kind as the input. */
export function* carryOut(
  name: OperationName,
  context: OperationContext,
  input: Uint8Array | string,
): Operation<Uint8Array | string> {
  const { run, form } = OPERATIONS[name]
  const output = yield* run(context, readInput(form, input) as never)
  return writeOutput(form, input, output)
}
