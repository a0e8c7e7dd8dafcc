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

/** In the order of keys that begin with a bucket and an owner: locks are taken in it, so that none waits for another. */
export function byOwner(
  one: { bucket: number; ownerId: string },
  other: { bucket: number; ownerId: string },
): number {
  return one.bucket - other.bucket || compareIds(one.ownerId, other.ownerId)
}

/** In the order of their bytes. */
export function compareIds(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function bucketOf(tag: string): number {
  return hashOf('sha256', tag).readUInt16BE()
}
