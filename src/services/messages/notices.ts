/** Notifications: what the server tells clients of a change, in the transaction of the change. */
import { ContentType, MessageFrom, type Options } from '../../openim/content-types.js'
import { newMessage } from '../../openim/message-bytes.js'
import { SessionType } from '../../rules/messages/conversation-id.js'
import type { Audience, OutgoingMessage } from '../../rules/messages/types.js'
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

/** What the members of a group are told. */
export interface GroupNotice {
  contentType: number
  senderId: UserId
  audience: Audience
  detail: object
  /** Who has left hears of it too. */
  alsoTo?: readonly UserId[]
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
    notices.map((notice) => ({ ...notice, options: optionsOf(notice.isStored) })),
  )
}

function optionsOf(isStored: boolean): Options {
  return isStored ? { ...NOTIFICATION_OPTIONS, history: true, persistent: true } : NOTIFICATION_OPTIONS
}

/** To the members who are there; stored, it gets a number, and who is away finds it. */
export function* notifyGroup(
  context: OperationContext,
  { audience, ...notice }: GroupNotice,
  isStored = false,
): Operation<void> {
  yield* sendMade(context, [
    { ...notice, receiverId: audience.groupId, audience, options: optionsOf(isStored) },
  ])
}

/** To all who have a conversation: the other one of two, or the members of a group. */
export function* notifyChat(
  context: OperationContext,
  { userId: receiverId, groupId }: { userId: UserId; groupId: string },
  { isStored, ...notice }: Omit<Notice, 'receiverId'>,
): Operation<void> {
  if (groupId === '') yield* notify(context, { ...notice, receiverId, isStored })
  else yield* notifyGroup(context, { ...notice, audience: { groupId, epoch: 0 } }, isStored)
}

/** A line in the chat of a group: as a message, it is there for who is away. */
export function* writeGroupLine(
  context: OperationContext,
  { audience, ...notice }: GroupNotice,
): Operation<void> {
  const options = { offlinePush: false }
  yield* sendMade(context, [{ ...notice, receiverId: audience.groupId, audience, options }])
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
  { caller, nowMs, newId, deliveries, followUps }: OperationContext,
  made: readonly Made[],
): Operation<void> {
  const { operationId } = caller
  const sendings = made.map((one) => ({ message: messageOf(one, newId(), nowMs), operationId }))
  const sent = yield* sendAll(sendings, nowMs)
  deliveries.push(...sent.deliveries)
  followUps.push(...sent.followUps)
}

type Made = Omit<Notice, 'isStored'> & {
  options: Options
  audience?: Audience
  alsoTo?: readonly UserId[]
}

function messageOf(
  { contentType, senderId, receiverId, detail, options, audience, alsoTo = [] }: Made,
  clientMsgID: string,
  nowMs: number,
): OutgoingMessage {
  const isGroup = audience !== undefined
  const message = outgoingOf(
    newMessage({
      sendID: senderId,
      recvID: receiverId,
      groupID: isGroup ? audience.groupId : '',
      clientMsgID,
      sessionType: isGroup ? SessionType.Group : SessionType.Single,
      msgFrom: MessageFrom.System,
      contentType,
      content: Buffer.from(JSON.stringify({ detail: JSON.stringify(detail) })),
      createTime: nowMs,
      options,
    }),
  )
  return isGroup ? { ...message, audience, userIds: [...alsoTo] } : message
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
