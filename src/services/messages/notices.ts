/** Notifications: what the server tells clients of a change, in the transaction of the change. */
import { ContentType, MessageFrom, type Options } from '../../openim/content-types.js'
import { newMessage } from '../../openim/message-bytes.js'
import { SessionType } from '../../rules/messages/conversation-id.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import type { OperationContext } from '../operations/operation.js'
import { outgoingOf } from './outgoing.js'
import { sendAll } from './send.js'

export interface Notice {
  contentType: number
  senderId: UserId
  receiverId: UserId
  detail: object
  /** It gets a number, and who is away finds it. Otherwise it is a hint to those who are there. */
  isStored: boolean
}

/** Options of what is no chat. */
const NOTIFICATION_OPTIONS: Options = {
  isNotNotification: false,
  isSendMsg: false,
  history: false,
  persistent: false,
  offlinePush: false,
  unreadCount: false,
  conversationUpdate: false,
  senderConversationUpdate: false,
}

/** Pushed once the transaction is on disk, to the devices of both, in this order. */
export function* notify(context: OperationContext, ...notices: Notice[]): Operation<void> {
  yield* sendMade(
    context,
    notices.map((notice) => ({
      ...notice,
      options: notice.isStored
        ? { ...NOTIFICATION_OPTIONS, history: true, persistent: true }
        : NOTIFICATION_OPTIONS,
    })),
  )
}

/** A hint, and a line about it that is shown in the chat and counts as unread. */
export function* notifyWithLine(
  context: OperationContext,
  notice: Omit<Notice, 'isStored'>,
): Operation<void> {
  // The notification first: it is what the line in the chat is about.
  yield* notify(context, { ...notice, isStored: false })
  yield* sendMade(context, [{ ...notice, options: { offlinePush: false } }])
}

function* sendMade(
  { caller, nowMs, newId, deliveries }: OperationContext,
  made: readonly Made[],
): Operation<void> {
  const { operationId } = caller
  const sendings = made.map((one) => ({ message: messageOf(one, newId(), nowMs), operationId }))
  const sent = yield* sendAll(sendings, nowMs)
  deliveries.push(...sent.deliveries)
}

type Made = Omit<Notice, 'isStored'> & { options: Options }

function messageOf(
  { contentType, senderId, receiverId, detail, options }: Made,
  clientMsgID: string,
  nowMs: number,
): OutgoingMessage {
  return outgoingOf(
    newMessage({
      sendID: senderId,
      recvID: receiverId,
      clientMsgID,
      sessionType: SessionType.Single,
      msgFrom: MessageFrom.System,
      contentType,
      content: Buffer.from(JSON.stringify({ detail: JSON.stringify(detail) })),
      createTime: nowMs,
      options,
    }),
  )
}

/** A notification of the app's own, to those who are there. */
export function businessNotice(
  given: { key: string; data: string; sendUserID: UserId; recvUserID: UserId },
  clientMsgID: string,
  nowMs: number,
): OutgoingMessage {
  const { key, data, sendUserID: senderId, recvUserID: receiverId } = given
  const contentType = ContentType.Business
  const notice = { contentType, senderId, receiverId, detail: { key, data }, options: NOTIFICATION_OPTIONS }
  return messageOf(notice, clientMsgID, nowMs)
}

/** Clients read these conversations of their list again. */
export function conversationsChanged(userID: UserId, conversationIDList: readonly string[]): Notice {
  return {
    contentType: ContentType.ConversationChanged,
    senderId: userID,
    receiverId: userID,
    detail: { userID, conversationIDList },
    isStored: false,
  }
}
