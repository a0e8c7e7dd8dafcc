/**
 * What a sender may send, as far as can be told without the database. A message of OpenIM's protocol becomes one that
 * storage takes, or CALL_REFUSED says what is wrong with it.
 */
import { isUtf8 } from 'node:buffer'
import {
  ContentType,
  forcedOptions,
  isOn,
  isSystemContent,
  MessageStatus,
} from '../../openim/content-types.js'
import { withFields } from '../../openim/message-bytes.js'
import { MsgData } from '../../openim/proto/messages.js'
import {
  accountChatId,
  type ConversationId,
  groupChatId,
  notificationsOf,
  type Parties,
  pairOf,
  partiesOfGroup,
  SessionType,
  singleChatId,
} from '../../rules/messages/conversation-id.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'
import { checkUserId } from '../../rules/user-id.js'
import { isId } from '../../store/ports/ids.js'
import { argsError, noPermissionError } from '../call-refused.js'
import { assertOperationId, type Caller } from '../operations/operation.js'

const CLIENT_MSG_ID_BYTES_MAX = 128
const TEXT_BYTES_MAX = 8_192
/** Clients of the Go core end a connection that brings them more than 1 MiB, and would at each attempt to read it. */
const MESSAGE_BYTES_MAX = 512 * 1024
const AT_USERS_MAX = 1_000

/** A message that came over a socket, with its bytes. `check` makes the checks of users' messages. Throws CALL_REFUSED. */
export function outgoingFrom(
  message: MsgData,
  bytes: Uint8Array,
  caller: Caller,
  check: (message: MsgData) => MsgData = (given) => given,
): OutgoingMessage {
  if (message.sendID !== caller.userId)
    throw noPermissionError('sendID: expected the user of this connection')
  if (!caller.isAdmin) assertNoNotification(message)
  assertOperationId(caller.operationId)
  if (bytes.length > MESSAGE_BYTES_MAX) throw argsError(`message: at most ${MESSAGE_BYTES_MAX} bytes`)
  const { id, parties } = conversationOf(message)
  checkFields(message)
  const passed = caller.isAdmin ? message : check(message)
  const isAsItCame = passed === message && isClean(message)
  // Made anew where a check changed it: what was appended to the bytes would leave in them what is not to be kept.
  return outgoing(passed, isAsItCame ? bytes : cleaned(passed), id, parties, caller.isAdmin)
}

/** They pass black lists and settings, and go where no user writes. */
function assertNoNotification({ contentType, options }: MsgData): void {
  if (isSystemContent(contentType)) {
    throw noPermissionError('contentType: notifications are made by the server')
  }
  if (!isOn(options, 'isNotNotification')) {
    throw noPermissionError('options.isNotNotification: notifications are made by the server')
  }
}

/** A message that the server or an administrator makes; it need not be checked. */
export function outgoingOf(message: MsgData): OutgoingMessage {
  const { id, parties } = conversationOf(message)
  return outgoing(message, MsgData.encode(message).finish(), id, parties, true)
}

function outgoing(
  message: MsgData,
  bytes: Uint8Array,
  id: ConversationId,
  parties: Parties,
  isTrusted: boolean,
): OutgoingMessage {
  const { sendID, recvID, groupID, clientMsgID, contentType, sessionType } = message
  const forced = forcedOptions(contentType)
  const options = { ...message.options, ...forced }
  const isNotification = !isOn(options, 'isNotNotification')
  const isSingle = sessionType === SessionType.Single
  const isGroup = sessionType === SessionType.Group
  return {
    conversationId: isNotification ? notificationsOf(id) : id,
    parties,
    senderId: sendID,
    receiverId: isGroup ? '' : recvID,
    clientMsgId: clientMsgID,
    contentType,
    body: Object.keys(forced).length === 0 ? bytes : withFields(bytes, { options: forced }),
    isStored: isOn(options, 'history'),
    isChat: !isNotification,
    ...receiversOf({ sendID, recvID, groupID, sessionType, options }),
    asksReceiver: isSingle && !isNotification,
    asksBlackList: isSingle && !isTrusted && !isNotification,
    asksMember: isGroup && !isTrusted && !isNotification,
    namesMembers: isGroup && contentType === ContentType.AtText && !isNotification,
  }
}

/** Whose devices get a message: members, or the receiver's, and the sender's unless it says otherwise. */
export function receiversOf({
  sendID,
  recvID,
  groupID,
  sessionType,
  options,
}: Pick<MsgData, 'sendID' | 'recvID' | 'groupID' | 'sessionType' | 'options'>): Pick<
  OutgoingMessage,
  'userIds' | 'audience'
> {
  if (sessionType === SessionType.Group) return { userIds: [], audience: { groupId: groupID, epoch: 0 } }
  const isForSender = isOn(options, 'senderSync') && sendID !== recvID
  return { userIds: isForSender ? [recvID, sendID] : [recvID], audience: undefined }
}

function conversationOf({ sessionType, contentType, sendID, recvID, groupID }: MsgData): {
  id: ConversationId
  parties: Parties
} {
  const isOfAccount = contentType === ContentType.AccountNotification
  if (isOfAccount !== (sessionType === SessionType.Notification)) {
    throw argsError('sessionType: 4 belongs to contentType 1400, and to no other')
  }
  if (sessionType === SessionType.Group) {
    if (groupID === '') throw argsError('groupID: missing')
    const id = groupChatId(groupID)
    if (!isId(id)) throw argsError('groupID: too long, or not an ID')
    return { id, parties: partiesOfGroup(groupID) }
  }
  if (sessionType !== SessionType.Single && !isOfAccount) throw argsError('sessionType: expected 1, 3 or 4')
  const flaw = checkUserId(recvID)
  if (flaw !== undefined) throw argsError(`recvID: ${flaw}`)
  if (groupID !== '') throw argsError('groupID: expected none in a chat of two')
  const parties = pairOf(sendID, recvID)
  const id = isOfAccount ? accountChatId(parties) : singleChatId(parties)
  // Of a receiver who is not registered: those who are have shorter ones.
  if (!isId(id)) throw argsError('recvID: too long for a conversation')
  return { id, parties }
}

/** Clients rely on these: one whose text is not JSON aborts what they do with it. */
function checkFields(message: MsgData): void {
  const { clientMsgID, content, attachedInfo, ex, atUserIDList, senderNickname, senderFaceURL } = message
  if (clientMsgID === '') throw argsError('clientMsgID: missing')
  if (Buffer.byteLength(clientMsgID) > CLIENT_MSG_ID_BYTES_MAX) {
    throw argsError(`clientMsgID: at most ${CLIENT_MSG_ID_BYTES_MAX} bytes`)
  }
  if (content.length === 0) throw argsError('content: missing')
  const text = Buffer.from(content.buffer, content.byteOffset, content.length)
  if (!isUtf8(text) || !isJson(text.toString())) throw argsError('content: expected JSON')
  if (attachedInfo !== '' && !isJson(attachedInfo)) throw argsError('attachedInfo: expected JSON, or nothing')
  for (const [name, value] of Object.entries({ ex, senderNickname, senderFaceURL })) {
    if (Buffer.byteLength(value) > TEXT_BYTES_MAX) throw argsError(`${name}: at most ${TEXT_BYTES_MAX} bytes`)
  }
  if (atUserIDList.length > AT_USERS_MAX) throw argsError(`atUserIDList: at most ${AT_USERS_MAX} users`)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Whether the server's own fields are as clients leave them. The others win over what is appended to them. */
function isClean({ seq, sendTime, serverMsgID, isRead, status }: MsgData): boolean {
  return seq === 0 && sendTime === 0 && serverMsgID === '' && !isRead && status <= MessageStatus.Sent
}

function cleaned(message: MsgData): Uint8Array {
  return MsgData.encode({
    ...message,
    seq: 0,
    sendTime: 0,
    serverMsgID: '',
    isRead: false,
    status: MessageStatus.Sending,
  }).finish()
}
