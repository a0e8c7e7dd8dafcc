/** A user's conversations over REST. */
import { z } from 'zod'
import type { Route } from '../route.js'
import {
  conversationIdField,
  countField,
  idField,
  idsField,
  knownBody,
  operationRoute,
  own,
  pageField,
  textField,
} from './operation-route.js'

const SECONDS_MAX = 10 * 365 * 86_400
const BURN_S_MAX = 365 * 86_400

const settings = z.object({
  conversationID: conversationIdField,
  conversationType: z.literal([1, 3, 4]),
  userID: textField,
  groupID: textField,
  recvMsgOpt: z.int().min(0).max(2).nullish(),
  isPinned: z.boolean().nullish(),
  attachedInfo: z.string().max(4_096).nullish(),
  isPrivateChat: z.boolean().nullish(),
  ex: z.string().max(4_096).nullish(),
  burnDuration: z.int().min(0).max(BURN_S_MAX).nullish(),
  groupAtType: z.int().min(0).max(4).nullish(),
  msgDestructTime: z.int().min(0).max(SECONDS_MAX).nullish(),
  isMsgDestruct: z.boolean().nullish(),
})

const VERSIONED = ['version', 'versionID', 'full', 'delete', 'insert', 'update'] as const

export function conversationRoutes(): Route[] {
  return [
    operationRoute({
      path: '/conversation/get_incremental_conversations',
      operation: 'incrementalConversations',
      ...own,
      doc: "What changed in a user's list since a version; with `full` the whole list is to be read.",
      body: knownBody,
      answers: VERSIONED,
    }),
    operationRoute({
      path: '/conversation/get_owner_conversation',
      operation: 'ownerConversations',
      ...own,
      doc: 'A page of the list.',
      body: z.object({ userID: idField, pagination: pageField }),
      answers: ['total', 'conversations'],
    }),
    operationRoute({
      path: '/conversation/get_all_conversations',
      operation: 'allConversations',
      ...own,
      doc: 'The whole list.',
      body: z.object({ ownerUserID: idField }),
      answers: ['conversations'],
    }),
    operationRoute({
      path: '/conversation/get_conversations',
      operation: 'conversationsById',
      ...own,
      doc: 'Conversations by ID; unknown ones are left out.',
      body: z.object({ ownerUserID: idField, conversationIDs: idsField }),
      answers: ['conversations'],
    }),
    operationRoute({
      path: '/conversation/get_full_conversation_ids',
      operation: 'conversationIds',
      ...own,
      doc: 'The IDs of the list, or `equal` where the client has the same.',
      body: z.object({ userID: idField, idHash: z.number().optional() }),
      answers: ['version', 'versionID', 'equal', 'conversationIDs'],
    }),
    operationRoute({
      path: '/conversation/get_not_notify_conversation_ids',
      operation: 'notNotifyConversationIds',
      ...own,
      doc: 'Conversations whose messages are not pushed while the user is away.',
      body: z.object({ userID: idField }),
      answers: ['conversationIDs'],
    }),
    operationRoute({
      path: '/conversation/set_conversations',
      operation: 'setConversations',
      ...own,
      doc: 'Settings of a conversation, for each of these users. What is null or left out stays.',
      body: z.object({ userIDs: idsField, conversation: settings }),
      answers: [],
    }),
    operationRoute({
      path: '/jssdk/get_active_conversations',
      operation: 'activeConversations',
      may: 'token',
      doc: "The caller's latest conversations, each with its last message. Body and `data` may be protobuf.",
      body: z.object({ ownerUserID: textField, count: countField }),
      answers: ['unreadCount', 'conversations'],
      takesProtobuf: true,
    }),
    operationRoute({
      path: '/jssdk/get_conversations',
      operation: 'conversationsWithMessages',
      may: 'token',
      doc: "Of the caller's conversations these, each with its last message. Body and `data` may be protobuf.",
      body: z.object({ ownerUserID: textField, conversationIDs: idsField }),
      answers: ['unreadCount', 'conversations'],
      takesProtobuf: true,
    }),
  ]
}
