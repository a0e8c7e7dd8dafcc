/** What a message is known by: whether it came before, and the ID that the server gives it. */
import { hashOf } from '../../rules/hash.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'

/** 16 bytes. In one conversation no two messages of different senders or client IDs share it. */
export function digestOf({
  senderId,
  clientMsgId,
}: Pick<OutgoingMessage, 'senderId' | 'clientMsgId'>): Uint8Array {
  return hashOf('sha256', `${senderId}:${clientMsgId}`).subarray(0, 16)
}

/** 32 hexadecimal digits, as OpenIM's. */
export function serverMsgIdOf(message: OutgoingMessage, sentMs: number): string {
  const { conversationId, senderId, clientMsgId } = message
  return hashOf('md5', `${conversationId}:${senderId}:${clientMsgId}:${sentMs}`).toString('hex')
}
