/** What the database says of a batch of messages, before they get numbers: heads, twins, and what receivers allow. */
import { bucketOfConversation, bucketOfUser } from '../../rules/messages/bucket.js'
import type { ConversationId } from '../../rules/messages/conversation-id.js'
import type { OutgoingMessage } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, lock } from '../../store/ports/steps.js'
import {
  blacks,
  conversations,
  groups,
  members,
  messages,
  records,
  users,
} from '../../store/schema/tables.js'
import { bucketOfGroup, type Group, type Member } from '../groups/stored.js'
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
  /** Of a message to a group. */
  group: GroupView | undefined
}

/** What decides whether a sender may speak in a group; undefined = there is no such group, or they are no member. */
export interface GroupView {
  group: Pick<Group, 'status'> | undefined
  member: Pick<Member, 'rank' | 'muteEndMs'> | undefined
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
  const views = yield* viewGroups(batch)
  return batch.map((message, index) => ({
    message,
    digest: digests[index]!,
    // Another message of the batch may have locked it.
    head: message.isStored ? heads.get(message.conversationId) : undefined,
    twin: twins[index],
    receiver: receivers.get(message) ?? NOBODY,
    group: views.get(message),
  }))
}

/** Read under the locks of the heads, which every change of a group takes first. */
function* viewGroups(batch: readonly OutgoingMessage[]): Operation<Map<OutgoingMessage, GroupView>> {
  const toGroups = batch.filter(({ audience }) => audience !== undefined)
  const keyOf = ({ audience }: OutgoingMessage) => [bucketOfGroup(audience!.groupId), audience!.groupId]
  const found = yield* findMany(groups, toGroups.map(keyOf), { columns: ['status'] })
  const senders = yield* findMany(
    members,
    toGroups.map((message) => [...keyOf(message), message.senderId]),
    { columns: ['rank', 'muteEndMs'] },
  )
  return new Map(toGroups.map((message, index) => [message, { group: found[index], member: senders[index] }]))
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

/** A group is asked as a whole. */
const NOBODY: ReceiverView = { isRegistered: false, hasBlocked: false, recvOpts: [], hasRecord: false }

function* viewReceivers(all: readonly OutgoingMessage[]): Operation<Map<OutgoingMessage, ReceiverView>> {
  const batch = all.filter(({ audience }) => audience === undefined)
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
  return new Map(
    batch.map((message, index) => [
      message,
      {
        isRegistered: registered[index] !== undefined,
        hasBlocked: blocked[index] !== undefined,
        recvOpts: [registered[index]?.recvOpt ?? 0, listed[index]?.recvOpt ?? 0],
        hasRecord: listed[index] !== undefined,
      },
    ]),
  )
}
