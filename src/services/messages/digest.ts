/** What a message is known by: whether it came before, and the ID that the server gives it. */
import { createHash } from 'node:crypto'
import type { OutgoingMessage } from '../../rules/messages/types.js'

/** 16 bytes. In one conversation no two messages of different senders or client IDs share it. */
export function digestOf({
  senderId,
  clientMsgId,
}: Pick<OutgoingMessage, 'senderId' | 'clientMsgId'>): Uint8Array {
  return createHash('sha256').update(`${senderId}:${clientMsgId}`).digest().subarray(0, 16)
}

/** 32 hexadecimal digits, as OpenIM's. */
export function serverMsgIdOf(message: OutgoingMessage, sentMs: number): string {
  const { conversationId, senderId, clientMsgId } = message
  return createHash('md5').update(`${conversationId}:${senderId}:${clientMsgId}:${sentMs}`).digest('hex')
}
