/** Which messages of a conversation a user may read, and how each of them looks to that user. */
import { ContentType, MessageStatus } from '../../openim/content-types.js'
import { newMessage, withFields } from '../../openim/message-bytes.js'
import { MsgData } from '../../openim/proto/messages.js'
import { bucketOfConversation } from '../../rules/messages/bucket.js'
import {
  type ConversationId,
  isNotifications,
  isSingleChat,
  ownNotifications,
} from '../../rules/messages/conversation-id.js'
import { MessageState } from '../../rules/messages/message-state.js'
import type { UserId } from '../../rules/types.js'
import type { Operation } from '../../store/ports/database.js'
import { findMany, findOne, scan } from '../../store/ports/steps.js'
import { conversations, deletions, messages } from '../../store/schema/tables.js'
import { type ConversationRecord, findRecord } from '../conversations/records.js'
import type { Head, StoredMessage } from './lookup.js'
import { type RevokeNote, revokedContent, withRevokedQuote } from './revoked.js'

/** The numbers that a user may read, both inclusive; empty where `min` > `max`. */
export interface Bounds {
  min: number
  max: number
}

/** Undefined = this is no conversation of the user. */
export function* boundsOf(userId: UserId, conversationId: ConversationId): Operation<Bounds | undefined> {
  const head = yield* findOne(conversations, bucketOfConversation(conversationId), conversationId)
  if (isNotifications(conversationId)) return boundsOfNotifications(userId, conversationId, head)
  const record = yield* findRecord(userId, conversationId)
  return record === undefined ? undefined : boundsWithin(head, record)
}

/** Empty where the name is that of another pair's conversation. */
export function boundsWithin(head: Head | undefined, record: ConversationRecord): Bounds {
  const { maxSeq: max, minSeq } = head !== undefined && isParty(head, record.ownerId) ? head : NOTHING_YET
  return {
    min: Math.max(1, minSeq, record.minSeq),
    max: record.maxSeq === 0 ? max : Math.min(max, record.maxSeq),
  }
}

const NOTHING_YET = { maxSeq: 0, minSeq: 0 }

export function isParty({ a, b }: Head, userId: UserId): boolean {
  return a === userId || b === userId
}

function boundsOfNotifications(
  userId: UserId,
  conversationId: ConversationId,
  head: Head | undefined,
): Bounds | undefined {
  const isOwn = conversationId === ownNotifications(userId)
  if (head === undefined) return isOwn ? { min: 1, max: 0 } : undefined
  return isParty(head, userId) ? { min: Math.max(1, head.minSeq), max: head.maxSeq } : undefined
}

/** What decides how a message looks to a user. */
interface Lens {
  userId: UserId
  /** Numbers that the user has deleted for themselves. */
  deleted: ReadonlySet<number>
  /** Revoked messages that others quote, by number. */
  quoted: ReadonlyMap<number, StoredMessage>
  /** How far the user and the other one of a single chat have read. */
  ownReadSeq: number
  otherReadSeq: number
}

/** Messages as the user sees them, in the order asked. Numbers without a message get a placeholder. */
export function* view(
  userId: UserId,
  conversationId: ConversationId,
  seqs: readonly number[],
): Operation<Uint8Array[]> {
  if (seqs.length === 0) return []
  const bucket = bucketOfConversation(conversationId)
  const found = yield* findMany(
    messages,
    seqs.map((seq) => [bucket, conversationId, seq]),
  )
  const lens: Lens = {
    userId,
    deleted: yield* deletedBy(userId, conversationId, seqs),
    quoted: yield* findQuoted(found),
    ...(yield* readMarksOf(userId, conversationId)),
  }
  return found.map((row, index) =>
    row === undefined ? placeholder(conversationId, seqs[index]!) : bodyFor(row, lens),
  )
}

/** Only messages of single chats say whether they were read. */
function* readMarksOf(
  userId: UserId,
  conversationId: ConversationId,
): Operation<Pick<Lens, 'ownReadSeq' | 'otherReadSeq'>> {
  if (!isSingleChat(conversationId)) return { ownReadSeq: 0, otherReadSeq: 0 }
  const own = yield* findRecord(userId, conversationId)
  const other = own && (yield* findRecord(own.userId, conversationId))
  return { ownReadSeq: own?.readSeq ?? 0, otherReadSeq: other?.readSeq ?? 0 }
}

function* deletedBy(
  userId: UserId,
  conversationId: ConversationId,
  seqs: readonly number[],
): Operation<Set<number>> {
  const rows = yield* scan(deletions, [bucketOfConversation(conversationId), conversationId, userId], {
    from: Math.min(...seqs),
    to: Math.max(...seqs),
  })
  return new Set(rows.map(({ seq }) => seq))
}

/** Revoked messages that are quoted by these, by number. */
function* findQuoted(rows: readonly (StoredMessage | undefined)[]): Operation<Map<number, StoredMessage>> {
  const wanted = new Map<number, StoredMessage>()
  for (const row of rows) {
    if (row?.contentType !== ContentType.Quote) continue
    const seq = quotedSeq(row)
    if (seq > 0) wanted.set(seq, row)
  }
  const found = yield* findMany(
    messages,
    [...wanted].map(([seq, { bucket, conversationId }]) => [bucket, conversationId, seq]),
  )
  const revoked = found.filter((row) => row !== undefined && row.state === MessageState.Revoked)
  return new Map(revoked.map((row) => [row!.seq, row!]))
}

function quotedSeq({ body }: StoredMessage): number {
  try {
    const { content } = MsgData.decode(body)
    const seq = JSON.parse(Buffer.from(content).toString())?.quoteMessage?.seq
    return Number.isSafeInteger(seq) ? seq : 0
  } catch {
    return 0
  }
}

/** What the revoke of a message left. */
function revokeNoteOf(row: StoredMessage): RevokeNote {
  return JSON.parse(row.revoke ?? '{}') as RevokeNote
}

function bodyFor(
  row: StoredMessage,
  { userId, deleted, quoted, ownReadSeq, otherReadSeq }: Lens,
): Uint8Array {
  const { body, seq, state, senderId, contentType } = row
  if (state === MessageState.Revoked) return revokedBody(row, deleted.has(seq))
  if (state === MessageState.Deleted || deleted.has(seq)) return emptied(body)
  const isRead = seq <= (senderId === userId ? otherReadSeq : ownReadSeq)
  const shown = isRead ? withFields(body, { isRead: true }) : body
  const original = contentType === ContentType.Quote ? quoted.get(quotedSeq(row)) : undefined
  if (original === undefined) return shown
  return withRevokedQuote(shown, MsgData.decode(original.body), revokeNoteOf(original))
}

function revokedBody(row: StoredMessage, isDeleted: boolean): Uint8Array {
  const message = MsgData.decode(row.body)
  const content = revokedContent(message, revokeNoteOf(row))
  const status = isDeleted ? MessageStatus.Deleted : message.status
  return MsgData.encode({ ...message, contentType: ContentType.Revoked, content, status }).finish()
}

/** Without what it said. */
export function emptied(body: Uint8Array): Uint8Array {
  const message = MsgData.decode(body)
  return MsgData.encode({ ...message, content: new Uint8Array(), status: MessageStatus.Deleted }).finish()
}

/** Clients stop paging where they get fewer messages than they asked for. Its ID is its own: some keep it by that. */
function placeholder(conversationId: ConversationId, seq: number): Uint8Array {
  const clientMsgID = `${conversationId}:${seq}`
  return MsgData.encode(newMessage({ seq, clientMsgID, status: MessageStatus.Deleted })).finish()
}
