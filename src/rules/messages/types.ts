/** The words of messages: plain data that crosses threads. */
import type { UserId } from '../types.js'
import type { ConversationId, Parties } from './conversation-id.js'

/** Of a message to a group: the members are its receivers, as many as they are. */
export interface Audience {
  groupId: string
  /** The version of the list of members since which nobody has come or left; 0 = not known. */
  epoch: number
  /** What the transaction of the message has changed of it. */
  change?: AudienceChange
}

export interface AudienceChange {
  /** The epoch before. */
  since: number
  entered: UserId[]
  left: UserId[]
}

/** A message that its sender may send as far as can be told without the database. */
export interface OutgoingMessage {
  conversationId: ConversationId
  parties: Parties
  senderId: UserId
  /** '' = a group. */
  receiverId: UserId
  clientMsgId: string
  contentType: number
  /** The protobuf message as its sender made it, with what is forced appended. */
  body: Uint8Array
  /** It gets a number and is kept. Otherwise it is only pushed. */
  isStored: boolean
  /** It is shown in a chat: the conversation is listed by both, and its sender has read it. */
  isChat: boolean
  /** Whose devices get it; the members of its group come on top. */
  userIds: UserId[]
  audience: Audience | undefined
  /** Whether the receiver's black list and settings are asked. */
  asksReceiver: boolean
  asksBlackList: boolean
  /** Whether the sender has to be a member who may speak. */
  asksMember: boolean
  /** It names members of its group, whose conversations are marked for it. */
  namesMembers: boolean
}

/** The members that a message to a group names. */
export interface AtUsers {
  isAll: boolean
  userIds: UserId[]
}

/** What became of a message. */
export type SendOutcome =
  /** `isNew` false: the same message came before; these are its ID and time. */
  | { kind: 'sent'; serverMsgId: string; sentMs: number; isNew: boolean }
  | { kind: 'refused'; errCode: number; detail: string }

/** A message on its way to the sockets of its receivers. */
export interface Delivery {
  conversationId: ConversationId
  /** 0 = it is not kept. */
  seq: number
  sentMs: number
  /** When the message before it in the conversation was sent. */
  previousMs: number
  /** The protobuf message as clients get it. */
  body: Uint8Array
  senderId: UserId
  /** Whose devices get it; the members of its group come on top. */
  userIds: UserId[]
  audience?: Audience
  /** Of the request that caused it. */
  operationId: string
}
