/** Heads of conversations and messages as they are stored, by conversation and number. */
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import {
  type ConversationId,
  type Parties,
  pairOf,
  singleChatId,
} from '../../rules/messages/conversation-id.js'
import type { UserId } from '../../rules/types.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, findOne, lock, remove } from '../../store/ports/steps.js'
import { conversations, messages } from '../../store/schema/tables.js'

export type Head = RowOf<typeof conversations>
export type StoredMessage = RowOf<typeof messages>

export function* headOf(id: ConversationId): Operation<Head | undefined> {
  return yield* findOne(conversations, bucketOfConversation(id), id)
}

/** Those that are there. */
export function* headsOf(ids: readonly ConversationId[]): Operation<Map<ConversationId, Head>> {
  const found = yield* findMany(
    conversations,
    ids.map((id) => [bucketOfConversation(id), id]),
  )
  return new Map(found.filter((head) => head !== undefined).map((head) => [head.conversationId, head]))
}

/** Of a conversation without a message. Its name is between these two. */
export function newHead(
  conversationId: ConversationId,
  parties: Parties,
  bucket = bucketOfConversation(conversationId),
): Head {
  const numbers = { aSeq: 0, bSeq: 0, maxSeq: 0, minSeq: 0, lastMs: 0, rightsEpoch: 0 }
  return { bucket, conversationId, ...parties, ...numbers }
}

/** An empty head is not kept: it would keep the name from another pair, and anybody could make any number. */
export function isEmpty({ maxSeq, minSeq, rightsEpoch }: Head): boolean {
  return maxSeq === 0 && minSeq === 0 && rightsEpoch === 0
}

/**
 * No message from one to the other is under way until the transaction is over. To be taken before a right changes: what is
 * sent later sees the change.
 */
export function* holdChat(one: UserId, other: UserId): Operation<void> {
  const parties = pairOf(one, other)
  const [head] = yield* lock(conversations, [newHead(singleChatId(parties), parties)])
  if (isEmpty(head!)) yield* remove(conversations, [[head!.bucket, head!.conversationId]])
}

/** In the order asked; undefined where there is none. */
export function* messagesAt(
  id: ConversationId,
  seqs: readonly number[],
): Operation<(StoredMessage | undefined)[]> {
  const bucket = bucketOfConversation(id)
  return yield* findMany(
    messages,
    seqs.map((seq) => [bucket, id, seq]),
  )
}
