/**
 * Messages as bytes. A message is decoded once, when it comes; from then on its bytes are carried as they are: what the
 * server adds is appended, because of a protobuf field that comes twice the last one counts, and answers are put together
 * from the bytes of their messages.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { MsgData } from './proto/messages.js'

/** What a conversation's part of an answer or a push holds. */
export interface ConversationMessages {
  conversationId: string
  /** Each a protobuf MsgData. */
  messages: readonly Uint8Array[]
  isEnd: boolean
  endSeq: number
}

const BYTES = 2
/** Tags of fields 1 and 2 of the messages below. */
const CHATS = (1 << 3) | BYTES
const NOTIFICATIONS = (2 << 3) | BYTES
const FIRST = (1 << 3) | BYTES
const SECOND = (2 << 3) | BYTES
const IS_END = 2 << 3
const END_SEQ = 3 << 3

const EMPTY: MsgData = {
  sendID: '',
  recvID: '',
  groupID: '',
  clientMsgID: '',
  serverMsgID: '',
  senderPlatformID: 0,
  senderNickname: '',
  senderFaceURL: '',
  sessionType: 0,
  msgFrom: 0,
  contentType: 0,
  content: new Uint8Array(),
  seq: 0,
  sendTime: 0,
  createTime: 0,
  status: 0,
  isRead: false,
  options: {},
  offlinePushInfo: undefined,
  atUserIDList: [],
  attachedInfo: '',
  ex: '',
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const strictText = (bytes: Uint8Array) => utf8.decode(bytes)

/**
 * Of a client: its bytes go on to others as they came. Throws for text that is not UTF-8, because Go's decoder gives up a
 * whole answer for one such message.
 */
export function readMessage(bytes: Uint8Array): MsgData {
  return MsgData.decode(new BinaryReader(bytes, strictText))
}

/** The message with these fields set. Zero, '' and false cannot be set so. */
export function withFields(body: Uint8Array, fields: Partial<MsgData>): Uint8Array {
  const tail = MsgData.encode({ ...EMPTY, ...fields }).finish()
  const whole = new Uint8Array(body.length + tail.length)
  whole.set(body)
  whole.set(tail, body.length)
  return whole
}

export function newMessage(fields: Partial<MsgData>): MsgData {
  return { ...EMPTY, ...fields }
}

/** A PushMessages, PullMessageBySeqsResp or GetSeqMessageResp: they have one shape. */
export function encodeMessages(conversations: readonly ConversationMessages[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const { conversationId, messages, isEnd, endSeq } of conversations) {
    writer.uint32(conversationId.startsWith('n_') ? NOTIFICATIONS : CHATS).fork()
    writer.uint32(FIRST).string(conversationId)
    writer.uint32(SECOND).fork()
    for (const message of messages) writer.uint32(FIRST).bytes(message)
    if (isEnd) writer.uint32(IS_END).bool(true)
    if (endSeq !== 0) writer.uint32(END_SEQ).int64(endSeq)
    writer.join().join()
  }
  return writer.finish()
}

/** A GetLastMessageResp. */
export function encodeLastMessages(
  messages: Iterable<readonly [conversationId: string, message: Uint8Array]>,
): Uint8Array {
  const writer = new BinaryWriter()
  for (const [conversationId, message] of messages) {
    writer.uint32(FIRST).fork()
    writer.uint32(FIRST).string(conversationId)
    writer.uint32(SECOND).bytes(message).join()
  }
  return writer.finish()
}
