/** What a client of the crowd sends: a text of one user to another, made once; each send only writes its number into it. */
import { frameEncoding } from '../../src/openim/codec/encodings.js'
import { ContentType, MessageFrom, MessageStatus } from '../../src/openim/content-types.js'
import { newMessage } from '../../src/openim/message-bytes.js'
import { Platform } from '../../src/openim/platforms.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { SessionType } from '../../src/rules/messages/conversation-id.js'
import type { UserId } from '../../src/rules/types.js'

const json = frameEncoding('js', false)

/** As long as those of the SDKs, which are UUIDs or hashes. */
const OPERATION_ID = 'bench-operation-of-thirty-two-ch'
const CLIENT_MSG_ID = '0'.repeat(32)
const TEXT =
  'a text of the length that people send to each other, which is about a hundred letters, on the average'
/** Of a client message ID, what is written anew; three bytes are four letters of base64. */
const NUMBER_DIGITS = 12
const BASE64_BYTES = 3
const BASE64_LETTERS = 4

/** As OpenIM's JavaScript SDK makes it. */
export function textOf(senderId: UserId, receiverId: UserId, clientMsgID = CLIENT_MSG_ID): MsgData {
  return newMessage({
    sendID: senderId,
    recvID: receiverId,
    clientMsgID,
    senderPlatformID: Platform.Android,
    senderNickname: senderId,
    sessionType: SessionType.Single,
    msgFrom: MessageFrom.User,
    contentType: ContentType.Text,
    content: Buffer.from(JSON.stringify({ content: TEXT })),
    createTime: 1_800_000_000_000,
    status: MessageStatus.Sending,
    offlinePushInfo: {
      title: 'you have a new message',
      desc: '',
      ex: '',
      iOSPushSound: '',
      iOSBadgeCount: false,
      signalInfo: '',
    },
    attachedInfo: '{}',
  })
}

/** How a reply to it begins, up to the code of an error; all replies have it at the same place. */
export function replyStart(senderId: UserId): string {
  return `{"reqIdentifier":${RequestId.SendMessage},"msgIncr":"${senderId}","operationID":"${OPERATION_ID}","errCode":`
}

export class SendFrame {
  readonly #frame: Buffer
  readonly #numberAt: number

  constructor(senderId: UserId, receiverId: UserId) {
    const data = MsgData.encode(textOf(senderId, receiverId)).finish()
    const request = { reqIdentifier: RequestId.SendMessage, token: '', sendID: senderId, msgIncr: senderId }
    this.#frame = Buffer.from(json.encodeRequest({ ...request, operationID: OPERATION_ID, data }))
    const base64At = this.#frame.indexOf(Buffer.from(data).toString('base64'))
    const group = Math.ceil(Buffer.from(data).indexOf(CLIENT_MSG_ID) / BASE64_BYTES)
    this.#numberAt = base64At + group * BASE64_LETTERS
  }

  /** The payload of a binary frame; good until the next call. */
  numbered(n: number): Buffer {
    const digits = Buffer.from(String(n).padStart(NUMBER_DIGITS, '0')).toString('base64')
    this.#frame.write(digits, this.#numberAt, 'latin1')
    return this.#frame
  }
}
