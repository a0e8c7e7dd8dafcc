/** Heads of conversations and messages as they are stored, by conversation and number. */
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { findMany, findOne } from '../../store/ports/steps.js'
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
