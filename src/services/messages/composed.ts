/** Messages that administrators send over REST: from the fields of a call to a message of the protocol. */
import { ContentType, MessageFrom, type Options } from '../../openim/content-types.js'
import { newMessage } from '../../openim/message-bytes.js'
import type { MsgData, OfflinePushInfo } from '../../openim/proto/messages.js'
import { SessionType } from '../../rules/messages/conversation-id.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'
import type { UserId } from '../../rules/types.js'
import { argsError } from '../call-refused.js'
import { outgoingOf } from './outgoing.js'

export interface Composition {
  sendID: UserId
  recvID: UserId
  groupID: string
  senderNickname: string
  senderFaceURL: string
  senderPlatformID: number
  content: object
  contentType: number
  sessionType: number
  isOnlineOnly: boolean
  notOfflinePush: boolean
  offlinePushInfo?: OfflinePushInfo | undefined
  ex: string
}

const ONLINE_ONLY: Options = {
  history: false,
  persistent: false,
  senderSync: false,
  conversationUpdate: false,
}

/** `clientMsgID`: a call has none; a message that is sent to several has one for all of them. */
export function compose(given: Composition, clientMsgID: string, nowMs: number): OutgoingMessage {
  const { isOnlineOnly, notOfflinePush, content, offlinePushInfo, contentType, ...fields } = given
  const isOfAccount = contentType === ContentType.AccountNotification
  const text = textOf(isOfAccount ? { detail: textOf(content) } : content)
  const options: Options = {
    ...(isOnlineOnly && ONLINE_ONLY),
    ...(notOfflinePush && { offlinePush: false }),
  }
  const message: Partial<MsgData> = {
    ...fields,
    clientMsgID,
    contentType,
    sessionType: isOfAccount ? SessionType.Notification : fields.sessionType,
    msgFrom: MessageFrom.System,
    content: Buffer.from(text),
    createTime: nowMs,
    options,
    offlinePushInfo,
  }
  return outgoingOf(newMessage(message))
}

/** JSON can be read deeper than it can be written. */
function textOf(content: object): string {
  try {
    return JSON.stringify(content)
  } catch {
    throw argsError('content: nested too deep')
  }
}
