/** Messages over REST. */
import { z } from 'zod'
import { countField, flagField, idField, idsField, operationRoute, SELF } from './operation-route.js'
import { type Route, route } from './route.js'

export function messageRoutes(): Route[] {
  return [
    operationRoute({
      path: '/msg/newest_seq',
      operation: 'newestSeqs',
      may: 'token',
      mayNote: SELF,
      doc: 'The newest number of each conversation of a user.',
      body: z.object({ userID: idField }),
      answers: ['maxSeqs', 'minSeqs'],
    }),
    operationRoute({
      path: '/msg/pull_msg_by_seq',
      operation: 'pullRanges',
      may: 'token',
      mayNote: SELF,
      doc: 'The newest messages of ranges of numbers.',
      body: z.object({
        userID: idField,
        seqRanges: z.array(
          z.object({ conversationID: idField, begin: countField, end: countField, num: countField }),
        ),
        order: countField,
      }),
      answers: ['msgs', 'notificationMsgs'],
    }),
    operationRoute({
      path: '/msg/get_conversations_has_read_and_max_seq',
      operation: 'conversationSeqs',
      may: 'token',
      mayNote: SELF,
      doc: 'How far a user has read each conversation, and how far it goes.',
      body: z.object({ userID: idField, conversationIDs: idsField, returnPinned: flagField }),
      answers: ['seqs', 'pinnedConversationIDs'],
    }),
    route({
      path: '/msg/get_server_time',
      may: 'token',
      doc: 'The time of this server, ms.',
      body: z.object({}),
      answers: ['serverTime'],
      isAct: false,
      handle: async () => ({ serverTime: Date.now() }),
    }),
  ]
}
