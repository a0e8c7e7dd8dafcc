/** What the database says of a batch of messages, before they get numbers: heads, twins, and what receivers allow. */
import { bucketOfConversation, bucketOfUser } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, lock } from '../../store/ports/steps.js'
import { blacks, conversations, messages, records, users } from '../../store/schema/tables.js'
import { digestOf } from './digest.js'
import { type Head, newHead, type StoredMessage } from './stored.js'

/** A message with what is known of it. */
export interface Candidate {
  message: OutgoingMessage
  digest: Uint8Array
  /** The head of its conversation, locked; none of a message that is not stored. */
  head: Head | undefined
  /** The same message, stored earlier. */
  twin: Twin | undefined
  receiver: ReceiverView
}

export type Twin = Pick<StoredMessage, 'sentMs'>

/** What the receiver allows. */
export interface ReceiverView {
  isRegistered: boolean
  /** The sender is on the receiver's black list. */
  hasBlocked: boolean
  /** Of all conversations, and of this one; see `RecvOpt`. */
  recvOpts: readonly number[]
  /** The conversation is listed by the receiver. */
  hasRecord: boolean
}

export function* lookUp(batch: readonly OutgoingMessage[]): Operation<Candidate[]> {
  const buckets = batch.map(({ conversationId }) => bucketOfConversation(conversationId))
  const heads = yield* lockHeads(batch, buckets)
  const digests = batch.map(digestOf)
  const twins = yield* findTwins(batch, buckets, digests)
  const receivers = yield* viewReceivers(batch)
  return batch.map((message, index) => ({
    message,
    digest: digests[index]!,
    // Another message of the batch may have locked it.
    head: message.isStored ? heads.get(message.conversationId) : undefined,
    twin: twins[index],
    receiver: receivers[index]!,
  }))
}

/** Sorted, so that two transactions never wait for each other. */
function* lockHeads(
  batch: readonly OutgoingMessage[],
  buckets: readonly number[],
): Operation<Map<ConversationId, Head>> {
  const wanted = new Map<ConversationId, Head>()
  for (const [index, message] of batch.entries()) {
    if (message.isStored && !wanted.has(message.conversationId)) {
      wanted.set(message.conversationId, newHead(message.conversationId, message.parties, buckets[index]))
    }
  }
  const sorted = [...wanted.values()].sort(
    (one, other) => one.bucket - other.bucket || (one.conversationId < other.conversationId ? -1 : 1),
  )
  const locked = sorted.length === 0 ? [] : yield* lock(conversations, sorted)
  return new Map(locked.map((head) => [head.conversationId, head]))
}

function* findTwins(
  batch: readonly OutgoingMessage[],
  buckets: readonly number[],
  digests: readonly Uint8Array[],
): Operation<(Twin | undefined)[]> {
  const keys = batch.map(({ conversationId }, index) => [buckets[index]!, conversationId, digests[index]!])
  return yield* findMany(messages, keys, { order: 'byDigest', columns: ['sentMs'] })
}

function* viewReceivers(batch: readonly OutgoingMessage[]): Operation<ReceiverView[]> {
  const buckets = batch.map(({ receiverId }) => bucketOfUser(receiverId))
  const keysOf = (rest: (message: OutgoingMessage) => string[]) =>
    batch.map((message, index) => [buckets[index]!, message.receiverId, ...rest(message)])
  const registered = yield* findMany(
    users,
    keysOf(() => []),
    { columns: ['recvOpt'] },
  )
  const blocked = yield* findMany(
    blacks,
    keysOf(({ senderId }) => [senderId]),
    { columns: ['createdMs'] },
  )
  const listed = yield* findMany(
    records,
    keysOf(({ conversationId }) => [conversationId]),
    { columns: ['recvOpt'] },
  )
  return batch.map((_, index) => ({
    isRegistered: registered[index] !== undefined,
    hasBlocked: blocked[index] !== undefined,
    recvOpts: [registered[index]?.recvOpt ?? 0, listed[index]?.recvOpt ?? 0],
    hasRecord: listed[index] !== undefined,
  }))
}
