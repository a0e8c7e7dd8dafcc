/** Which messages of a batch are sent, and with which numbers and times. Pure: what the database said is given. */
import { WireCode } from '../../openim/codes.js'
import { ContentType, MessageStatus } from '../../openim/content-types.js'
import { withFields } from '../../openim/message-bytes.js'
import type { MsgData } from '../../openim/proto/messages.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { Audience, Delivery, OutgoingMessage, SendOutcome } from '../../rules/messages/types.js'
import { RecvOpt } from '../conversations/records.js'
import { GroupStatus, Rank } from '../groups/values.js'
import { serverMsgIdOf } from './digest.js'
import type { Candidate, GroupView, Twin } from './lookup.js'
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
  /** The last message of each who sent to a group, with its number: they have read what came before. */
  readers: Map<string, { message: OutgoingMessage; seq: number }>
  naming: Naming[]
}

/** A message that names members of its group. */
export interface Naming {
  groupId: string
  seq: number
}

/** Changes the heads. */
export function numberAll(
  batch: readonly Candidate[],
  operationIds: readonly string[],
  nowMs: number,
): Numbered {
  const plan: Numbered = {
    outcomes: [],
    deliveries: [],
    rows: [],
    heads: new Set(),
    unlisted: [],
    readers: new Map(),
    naming: [],
  }
  for (const [index, candidate] of batch.entries()) {
    plan.outcomes.push(numberOne(plan, candidate, operationIds[index]!, nowMs))
  }
  return plan
}

function numberOne(plan: Numbered, candidate: Candidate, operationId: string, nowMs: number): SendOutcome {
  const { message, head } = candidate
  const twin = candidate.twin ?? twinWithin(plan, candidate)
  if (twin !== undefined) return sent(message, twin.sentMs, false)
  const refusal = refusalOf(candidate, nowMs)
  if (refusal !== undefined) return refusal
  const sentMs = head === undefined ? nowMs : Math.max(nowMs, head.lastMs + 1)
  const outcome = sent(message, sentMs, true)
  // The sender is not told: an answer without these IDs would leave the message unsent in the client for ever.
  if (isUnwanted(candidate)) return outcome
  const seq = head === undefined ? 0 : head.maxSeq + 1
  const body = bodyOf(candidate, { serverMsgID: outcome.serverMsgId, sendTime: sentMs, seq })
  const { conversationId, senderId, userIds } = message
  const previousMs = head?.lastMs ?? 0
  const delivery: Delivery = { conversationId, seq, sentMs, previousMs, body, senderId, userIds, operationId }
  if (message.audience !== undefined) delivery.audience = audienceOf(message, message.audience, head)
  plan.deliveries.push(delivery)
  if (head !== undefined) store(plan, candidate, head, { seq, sentMs, body })
  return outcome
}

/** The head of a group's chat says since which version its members are the same. */
function audienceOf({ isChat }: OutgoingMessage, audience: Audience, head: Head | undefined): Audience {
  return isChat && head !== undefined ? { ...audience, epoch: head.rightsEpoch } : audience
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
  if (message.audience !== undefined) plan.readers.set(`${senderId}:${conversationId}`, { message, seq })
  else if (senderId === head.a) head.aSeq = seq
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
  if (message.namesMembers) plan.naming.push({ groupId: message.parties.a, seq })
  if (message.isChat && message.audience === undefined && !receiver.hasRecord) plan.unlisted.push(message)
}

function twinWithin({ rows }: Numbered, { message, digest }: Candidate): Twin | undefined {
  return rows.find(
    (row) => row.conversationId === message.conversationId && Buffer.compare(row.digest, digest) === 0,
  )
}

function refusalOf({ message, head, receiver, group }: Candidate, nowMs: number): SendOutcome | undefined {
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
  return group === undefined ? undefined : refusalOfGroup(message, group, nowMs)
}

/** Notifications are made in the transaction that changes the group: they need no right. */
function refusalOfGroup(
  { isChat, asksMember, contentType }: OutgoingMessage,
  { group, member }: GroupView,
  nowMs: number,
): SendOutcome | undefined {
  if (!isChat) return undefined
  if (group === undefined) return refused(WireCode.RecordNotFoundError, 'groupID: no such group')
  if (group.status === GroupStatus.Dismissed && contentType !== ContentType.GroupDismissed)
    return refused(WireCode.DismissedAlreadyError, 'groupID: the group was dismissed')
  if (!asksMember) return undefined
  if (member === undefined) return refused(WireCode.NotInGroupYetError, 'groupID: you are no member')
  if (member.rank === Rank.Owner) return undefined
  if (member.muteEndMs >= nowMs) return refused(WireCode.MutedInGroup, 'you are muted in this group')
  if (group.status === GroupStatus.Muted && member.rank !== Rank.Admin)
    return refused(WireCode.MutedGroup, 'the group is muted')
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
