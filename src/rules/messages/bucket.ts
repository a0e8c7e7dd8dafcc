/** Which rows of the database lie together: they share a bucket, two bytes of the SHA-256 of their tag. */

import { hashOf } from '../hash.js'
import type { UserId } from '../types.js'
import type { ConversationId } from './conversation-id.js'

/** Of what a user owns. */
export function bucketOfUser(userId: UserId): number {
  return bucketOf(userId)
}

/** Of a conversation: its chat and its notifications lie together. */
export function bucketOfConversation(conversationId: ConversationId): number {
  return bucketOf(conversationId.slice(conversationId.indexOf('_') + 1))
}

function bucketOf(tag: string): number {
  return hashOf('sha256', tag).readUInt16BE()
}
