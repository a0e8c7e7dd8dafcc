/** A user's conversations over REST. */
import { z } from 'zod'
import {
  countField,
  idField,
  idsField,
  operationRoute,
  pageField,
  SELF,
  textField,
} from './operation-route.js'
import type { Route } from './route.js'

const VERSIONED = ['version', 'versionID', 'full', 'delete', 'insert', 'update'] as const

export function conversationRoutes(): Route[] {
  return [
    operationRoute({
      path: '/conversation/get_incremental_conversations',
      operation: 'incrementalConversations',
      may: 'token',
      mayNote: SELF,
      doc: "What changed in a user's list since a version; with `full` the whole list is to be read.",
      body: z.object({ userID: idField, version: countField, versionID: textField }),
      answers: VERSIONED,
    }),
    operationRoute({
      path: '/conversation/get_owner_conversation',
      operation: 'ownerConversations',
      may: 'token',
      mayNote: SELF,
      doc: 'A page of the list.',
      body: z.object({ userID: idField, pagination: pageField }),
      answers: ['total', 'conversations'],
    }),
    operationRoute({
      path: '/conversation/get_all_conversations',
      operation: 'allConversations',
      may: 'token',
      mayNote: SELF,
      doc: 'The whole list.',
      body: z.object({ ownerUserID: idField }),
      answers: ['conversations'],
    }),
    operationRoute({
      path: '/conversation/get_conversations',
      operation: 'conversationsById',
      may: 'token',
      mayNote: SELF,
      doc: 'Conversations by ID; unknown ones are left out.',
      body: z.object({ ownerUserID: idField, conversationIDs: idsField }),
      answers: ['conversations'],
    }),
    operationRoute({
      path: '/conversation/get_full_conversation_ids',
      operation: 'conversationIds',
      may: 'token',
      mayNote: SELF,
      doc: 'The IDs of the list, or `equal` where the client has the same.',
      body: z.object({ userID: idField, idHash: z.number().optional() }),
      answers: ['version', 'versionID', 'equal', 'conversationIDs'],
    }),
    operationRoute({
      path: '/conversation/get_not_notify_conversation_ids',
      operation: 'notNotifyConversationIds',
      may: 'token',
      mayNote: SELF,
      doc: 'Conversations whose messages are not pushed while the user is away.',
      body: z.object({ userID: idField }),
      answers: ['conversationIDs'],
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
