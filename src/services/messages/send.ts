/**
 * Sending: a batch of messages in one transaction.
 *
 * The heads are locked first. Under the locks it is seen which messages came before and who may send; only what is left
 * gets numbers. So numbers have no holes, and nobody is heard after the right to send was taken away.
 */
import { bucketOfUser } from '../../rules/messages/bucket.js'
import { SessionType } from '../../rules/messages/conversation-id.js'
import type { Delivery, OutgoingMessage, SendOutcome } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { insert, put, raise, remove } from '../../store/ports/steps.js'
import { conversations, messages, records } from '../../store/schema/tables.js'
import { findRecord, newRecord, writeRecords } from '../conversations/records.js'
import { leaveNaming } from '../people/follow-ups.js'
import { ChangeState } from '../people/version-log.js'
import { type Candidate, lookUp } from './lookup.js'
import { numberAll } from './numbering.js'
import { type Head, isEmpty } from './stored.js'

/** A message, and the operation ID of the request that sends it. */
export interface Sending {
  message: OutgoingMessage
  operationId: string
}

export interface Sent {
  /** In the order of the messages. */
  outcomes: SendOutcome[]
  /** What is to be pushed once it is on disk, in the order of the numbers. */
  deliveries: Delivery[]
  /** Jobs that are left in the table of follow-ups. */
  followUps: string[]
}

export function* sendAll(batch: readonly Sending[], nowMs: number): Operation<Sent> {
  const candidates = yield* lookUp(batch.map(({ message }) => message))
  const plan = numberAll(
    candidates,
    batch.map(({ operationId }) => operationId),
    nowMs,
  )
  // A record before its message: clients take a message without one for read.
  for (const message of firstOfEach(plan.unlisted)) yield* list(message)
  yield* insert(messages, plan.rows)
  yield* put(conversations, [...plan.heads])
  yield* removeEmpty(candidates)
  yield* markSendersRead(plan.readers.values())
  const followUps = yield* leaveNaming(plan.naming, nowMs)
  return { outcomes: plan.outcomes, deliveries: plan.deliveries, followUps }
}

/** In a group, as in a chat of two, who sends has read what came before. */
function* markSendersRead(readers: Iterable<{ message: OutgoingMessage; seq: number }>): Operation<void> {
  const marks = [...readers].map(({ message: { senderId, conversationId }, seq }) => ({
    key: [bucketOfUser(senderId), senderId, conversationId],
    set: { readSeq: seq },
  }))
  yield* raise(records, marks)
}

/** A refused message leaves no head: it would keep the name from another pair, and anybody could make any number. */
function* removeEmpty(candidates: readonly Candidate[]): Operation<void> {
  const empty = new Set<Head>()
  for (const { head } of candidates) if (head !== undefined && isEmpty(head)) empty.add(head)
  yield* remove(
    conversations,
    [...empty].map(({ bucket, conversationId }) => [bucket, conversationId]),
  )
}

/** To each receiver: an account may be the receiver of another one. */
function firstOfEach(unlisted: readonly OutgoingMessage[]): OutgoingMessage[] {
  const first = new Map<string, OutgoingMessage>()
  for (const message of unlisted) {
    const key = `${message.receiverId}:${message.conversationId}`
    if (!first.has(key)) first.set(key, message)
  }
  return [...first.values()]
}

/** The conversation becomes one of the receiver's list, and of the sender's: but not of an account that only notifies. */
function* list({ conversationId, senderId, receiverId }: OutgoingMessage): Operation<void> {
  const isAccount = conversationId.startsWith('sn_')
  const type = isAccount ? SessionType.Notification : SessionType.Single
  const pairs = [[receiverId, senderId] as const]
  if (!isAccount && senderId !== receiverId) pairs.push([senderId, receiverId])
  for (const [ownerId, userId] of pairs) {
    if ((yield* findRecord(ownerId, conversationId)) !== undefined) continue
    yield* writeRecords(ownerId, [newRecord(ownerId, conversationId, { type, userId })], ChangeState.Insert)
  }
}
