/** Which messages of a batch are sent, and with which numbers and times. Pure: what the database said is given. */
import { WireCode } from '../../openim/codes.js'
import { MessageStatus } from '../../openim/content-types.js'
import { withFields } from '../../openim/message-bytes.js'
import type { MsgData } from '../../openim/proto/messages.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { Delivery, OutgoingMessage, SendOutcome } from '../../rules/messages/types.js'
import { RecvOpt } from '../conversations/records.js'
import { serverMsgIdOf } from './digest.js'
import type { Candidate, Twin } from './lookup.js'
import type { Head, StoredMessage } from './stored.js'

/** What is to be written, answered and pushed. */
export interface Numbered {
  /** In the order of the batch. */
  outcomes: SendOutcome[]
  deliveries: Delivery[]
  rows: StoredMessage[]
  /** Heads with new numbers. */
  heads: Set<Head>
  /** Messages of chats that the receiver has not listed yet. */
  unlisted: OutgoingMessage[]
}

/** Changes the heads. */
export function numberAll(
  batch: readonly Candidate[],
  operationIds: readonly string[],
  nowMs: number,
): Numbered {
  const plan: Numbered = { outcomes: [], deliveries: [], rows: [], heads: new Set(), unlisted: [] }
  for (const [index, candidate] of batch.entries()) {
    plan.outcomes.push(numberOne(plan, candidate, operationIds[index]!, nowMs))
  }
  return plan
}

function numberOne(plan: Numbered, candidate: Candidate, operationId: string, nowMs: number): SendOutcome {
  const { message, head } = candidate
  const twin = candidate.twin ?? twinWithin(plan, candidate)
  if (twin !== undefined) return sent(message, twin.sentMs, false)
  const refusal = refusalOf(candidate)
  if (refusal !== undefined) return refusal
  const sentMs = head === undefined ? nowMs : Math.max(nowMs, head.lastMs + 1)
  const outcome = sent(message, sentMs, true)
  // The sender is not told: an answer without these IDs would leave the message unsent in the client for ever.
  if (isUnwanted(candidate)) return outcome
  const seq = head === undefined ? 0 : head.maxSeq + 1
  const body = bodyOf(candidate, { serverMsgID: outcome.serverMsgId, sendTime: sentMs, seq })
  const { conversationId, senderId, userIds } = message
  const previousMs = head?.lastMs ?? 0
  plan.deliveries.push({ conversationId, seq, sentMs, previousMs, body, senderId, userIds, operationId })
  if (head !== undefined) store(plan, candidate, head, { seq, sentMs, body })
  return outcome
}

function store(
  plan: Numbered,
  { message, digest, receiver }: Candidate,
  head: Head,
  { seq, sentMs, body }: { seq: number; sentMs: number; body: Uint8Array },
): void {
  if (head.maxSeq === 0) Object.assign(head, message.parties)
  head.maxSeq = seq
  head.lastMs = sentMs
  plan.heads.add(head)
  const { conversationId, senderId, contentType } = message
  if (senderId === head.a) head.aSeq = seq
  else if (senderId === head.b) head.bSeq = seq
  const { bucket } = head
  const state = MessageState.Normal
  plan.rows.push({
    bucket,
    conversationId,
    seq,
    digest,
    senderId,
    sentMs,
    contentType,
    state,
    body,
    revoke: null,
  })
  if (message.isChat && !receiver.hasRecord) plan.unlisted.push(message)
}

function twinWithin({ rows }: Numbered, { message, digest }: Candidate): Twin | undefined {
  return rows.find(
    (row) => row.conversationId === message.conversationId && Buffer.compare(row.digest, digest) === 0,
  )
}

function refusalOf({ message, head, receiver }: Candidate): SendOutcome | undefined {
  const { parties, asksBlackList, asksReceiver } = message
  const isTaken = head !== undefined && head.maxSeq > 0
  if (isTaken && (head.a !== parties.a || head.b !== parties.b)) {
    return refused(WireCode.ArgsError, 'recvID: the name of this conversation is taken by two other users')
  }
  if (asksBlackList && receiver.hasBlocked)
    return refused(WireCode.BlockedByPeer, 'the receiver has blocked you')
  if (asksReceiver && !receiver.isRegistered) {
    return refused(WireCode.RecordNotFoundError, 'recvID: not registered')
  }
  return undefined
}

function isUnwanted({ message, receiver }: Candidate): boolean {
  return message.asksReceiver && receiver.recvOpts.includes(RecvOpt.Refuse)
}

function bodyOf(
  { message, receiver }: Candidate,
  given: Pick<MsgData, 'serverMsgID' | 'sendTime' | 'seq'>,
): Uint8Array {
  const isQuiet = message.asksReceiver && receiver.recvOpts.includes(RecvOpt.NoPush)
  return withFields(message.body, {
    ...given,
    status: MessageStatus.Sent,
    ...(isQuiet && { options: { offlinePush: false } }),
  })
}

function sent(
  message: OutgoingMessage,
  sentMs: number,
  isNew: boolean,
): Extract<SendOutcome, { kind: 'sent' }> {
  return { kind: 'sent', serverMsgId: serverMsgIdOf(message, sentMs), sentMs, isNew }
}

function refused(errCode: number, detail: string): SendOutcome {
  return { kind: 'refused', errCode, detail }
}
