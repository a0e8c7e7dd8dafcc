/** How a revoked message looks: who took it back, and when, in place of what it said. */
import { ContentType } from '../../openim/content-types.js'
import { MsgData } from '../../openim/proto/messages.js'

/** What is stored of a revoke. */
export interface RevokeNote {
  userId: string
  nickname: string
  /** Of a member in a group, or of an account. */
  role: number
  timeMs: number
}

export function revokedContent(message: MsgData, note: RevokeNote): Uint8Array {
  return Buffer.from(JSON.stringify({ detail: detailOf(message, note) }))
}

function detailOf(message: MsgData, { userId, nickname, role, timeMs }: RevokeNote): string {
  return JSON.stringify({
    revokerID: userId,
    revokerRole: role,
    clientMsgID: message.clientMsgID,
    revokerNickname: nickname,
    revokeTime: timeMs,
    sourceMessageSendTime: message.sendTime,
    sourceMessageSendID: message.sendID,
    sourceMessageSenderNickname: message.senderNickname,
    sessionType: message.sessionType,
    seq: message.seq,
    ex: message.ex,
  })
}

/** A message that quotes a revoked one. Its other contents stay as they are. */
export function withRevokedQuote(body: Uint8Array, quoted: MsgData, note: RevokeNote): Uint8Array {
  const message = MsgData.decode(body)
  const element = JSON.parse(Buffer.from(message.content).toString())
  const revoked = {
    contentType: ContentType.Revoked,
    content: JSON.stringify({ detail: detailOf(quoted, note) }),
  }
  Object.assign(element.quoteMessage, revoked)
  return MsgData.encode({ ...message, content: jsonOf(element, { quoteMessage: revoked }) }).finish()
}

/** JSON can be read deeper than it can be written: what somebody nested so deep is left out. */
function jsonOf(value: object, otherwise: object): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value))
  } catch {
    return Buffer.from(JSON.stringify(otherwise))
  }
}
