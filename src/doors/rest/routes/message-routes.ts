/** Messages over REST. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { ContentType } from '../../../openim/content-types.js'
import { compose } from '../../../services/messages/composed.js'
import { businessNotice } from '../../../services/messages/notices.js'
import { type Route, route, userIdField } from '../route.js'
import {
  callerOf,
  conversationIdField,
  countField,
  flagField,
  idField,
  idsField,
  operationRoute,
  pageField,
  SELF,
  seqsField,
  textField,
} from './operation-route.js'

const RECEIVERS_MAX = 1_000
const SENT = ['serverMsgID', 'clientMsgID', 'sendTime'] as const

const seqField = z.int().min(1)
const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))
const dayField = textField.refine((text) => text === '' || isDay(text), 'expected a day, as 2026-01-31')
const syncOption = z
  .object({ IsSyncSelf: flagField, IsSyncOther: flagField })
  .nullish()
  .transform((given) => given ?? { IsSyncSelf: false, IsSyncOther: false })

/** Any number that the message can hold; clients show nothing by it. */
const platformField = z
  .int32()
  .nullish()
  .transform((platform) => platform ?? 0)

/** What REST sends; the rest is for clients, and for the server itself. */
const SENDABLE = [101, 102, 103, 104, 105, 106, 110, ContentType.AccountNotification] as const

const composition = {
  sendID: userIdField,
  groupID: textField,
  senderNickname: textField,
  senderFaceURL: textField,
  senderPlatformID: platformField,
  content: z.record(z.string(), z.unknown()),
  contentType: z.literal(SENDABLE),
  sessionType: z.int(),
  isOnlineOnly: flagField,
  notOfflinePush: flagField,
  offlinePushInfo: z
    .object({
      title: textField,
      desc: textField,
      ex: textField,
      iOSPushSound: textField,
      iOSBadgeCount: flagField,
      signalInfo: textField,
    })
    .optional(),
  ex: textField,
}

const newClientMsgId = () => randomUUID().replaceAll('-', '')

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
    operationRoute({
      path: '/msg/mark_conversation_as_read',
      operation: 'markConversationRead',
      may: 'token',
      mayNote: SELF,
      doc: 'A user has read a conversation up to a number, and some messages beside. The other one is told.',
      body: z.object({
        conversationID: conversationIdField,
        userID: idField,
        hasReadSeq: seqField,
        seqs: seqsField,
      }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/mark_msgs_as_read',
      operation: 'markMessagesRead',
      may: 'token',
      mayNote: SELF,
      doc: 'A user has read these messages, and so all before the last of them. The other one is told.',
      body: z.object({ conversationID: conversationIdField, userID: idField, seqs: seqsField }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/set_conversation_has_read_seq',
      operation: 'setReadSeq',
      may: 'token',
      mayNote: SELF,
      doc: "How far a user has read. Only the user's own devices are told.",
      body: z.object({ conversationID: conversationIdField, userID: idField, hasReadSeq: seqField }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/revoke_msg',
      operation: 'revokeMessage',
      may: 'token',
      mayNote: 'the sender, within REVOKE_LIMIT_S; an administrator',
      doc: 'Takes a message back: it stays in its place, and says who revoked it. Both are told.',
      body: z.object({ conversationID: conversationIdField, seq: seqField, userID: idField }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/delete_msgs',
      operation: 'deleteMessages',
      may: 'token',
      mayNote: SELF,
      doc: 'Deletes messages for a user, or with `IsSyncOther` for all (DELETE_FOR_ALL).',
      body: z.object({
        conversationID: conversationIdField,
        seqs: seqsField,
        userID: idField,
        deleteSyncOpt: syncOption,
      }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/clear_conversation_msg',
      operation: 'clearConversations',
      may: 'token',
      mayNote: SELF,
      doc: 'Clears conversations for a user, or with `IsSyncOther` for all (DELETE_FOR_ALL).',
      body: z.object({ conversationIDs: idsField, userID: idField, deleteSyncOpt: syncOption }),
      answers: [],
    }),
    operationRoute({
      path: '/msg/user_clear_all_msg',
      operation: 'clearAllConversations',
      may: 'token',
      mayNote: SELF,
      doc: 'The same for all conversations of a user.',
      body: z.object({ userID: idField, deleteSyncOpt: syncOption }),
      answers: [],
    }),
    route({
      path: '/msg/send_msg',
      may: 'admin',
      doc: 'Sends a message in the name of a user; answered when it is on disk. Its fields: as OpenIM has them.',
      body: z.object({ ...composition, recvID: userIdField }),
      answers: SENT,
      isAct: false,
      handle: async ({ operations }, body, call) => {
        const sent = await operations.send(compose(body, newClientMsgId(), Date.now()), callerOf(call))
        return { ...sent, modify: null }
      },
    }),
    route({
      path: '/msg/batch_send_msg',
      may: 'admin',
      doc: 'The same message to several, at most 1,000.',
      body: z.object({ ...composition, recvIDs: z.array(userIdField).min(1).max(RECEIVERS_MAX) }),
      answers: ['results', 'failedUserIDs'],
      isAct: false,
      handle: async ({ operations }, { recvIDs, ...body }, call) => {
        const clientMsgId = newClientMsgId()
        const settled = await Promise.allSettled(
          recvIDs.map(async (recvID) => ({
            ...(await operations.send(compose({ ...body, recvID }, clientMsgId, Date.now()), callerOf(call))),
            recvID,
          })),
        )
        return {
          results: settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
          failedUserIDs: recvIDs.filter((_, index) => settled[index]!.status === 'rejected'),
        }
      },
    }),
    route({
      path: '/msg/send_business_notification',
      may: 'admin',
      doc: "A notification of the app's own (2001), to the devices that are online.",
      body: z.object({ key: z.string(), data: z.string(), sendUserID: userIdField, recvUserID: userIdField }),
      answers: SENT,
      isAct: false,
      handle: async ({ operations }, body, call) =>
        operations.send(businessNotice(body, newClientMsgId(), Date.now()), callerOf(call)),
    }),
    operationRoute({
      path: '/msg/search_msg',
      operation: 'searchMessages',
      may: 'admin',
      doc:
        'Messages of chats: from a user, to a user, of a kind, of a day (UTC, as `2026-01-31`). By conversation, the oldest ' +
        'first. `isCut`: it has looked at as much as it may, and there may be more; name a user, or both.',
      body: z.object({
        sendID: textField,
        recvID: textField,
        contentType: countField,
        sendTime: dayField,
        sessionType: countField,
        pagination: pageField,
      }),
      answers: ['chatLogs', 'chatLogsNum', 'isCut'],
      isAct: true,
    }),
    operationRoute({
      // Spelled so by OpenIM.
      path: '/msg/delete_msg_phsical_by_seq',
      operation: 'eraseMessages',
      may: 'admin',
      doc: 'Erases what messages said, for all. They keep their numbers, and nobody is told.',
      body: z.object({ conversationID: conversationIdField, seqs: seqsField }),
      answers: [],
      isAct: true,
    }),
    route({
      path: '/msg/check_msg_is_send_success',
      may: 'admin',
      doc:
        'What came of the last message that this node sent over REST in the name of this operationID: 1 under way, 2 on ' +
        'disk, 3 failed; 0 unknown. The last 10,000 are known.',
      body: z.object({}),
      answers: ['status'],
      isAct: false,
      handle: async ({ operations }, _, { operationId }) => ({
        status: operations.statusOf(operationId) ?? 0,
      }),
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
