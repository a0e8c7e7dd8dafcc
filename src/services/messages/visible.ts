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
import { scan } from '../../store/ports/steps.js'
import { deletions, messages } from '../../store/schema/tables.js'
import { type ConversationRecord, findRecord } from '../conversations/records.js'
import { findMember } from '../groups/stored.js'
import { type RevokeNote, revokedContent, withRevokedQuote } from './revoked.js'
import { type Head, headOf, headsOf, messagesAt, type StoredMessage } from './stored.js'

/** How far back a message is looked for that is shown. */
const LOOK_BACK = 100

/** The numbers that a user may read, both inclusive; empty where `min` > `max`. */
export interface Bounds {
  min: number
  max: number
}

/** Of a conversation that is not the user's. */
export const NOTHING: Bounds = { min: 1, max: 0 }

export function isWithin({ min, max }: Bounds, seq: number): boolean {
  return seq >= min && seq <= max
}

/** A conversation as one user may read it. */
export interface Readable extends Bounds {
  userId: UserId
  conversationId: ConversationId
  /** The user's; notifications have none. */
  record: ConversationRecord | undefined
  /** None before the first message. */
  head: Head | undefined
}

/** Undefined = this is no conversation of the user. */
export function* readableBy(userId: UserId, conversationId: ConversationId): Operation<Readable | undefined> {
  const head = yield* headOf(conversationId)
  if (isNotifications(conversationId)) {
    const bounds = yield* boundsOfNotifications(userId, conversationId, head)
    return bounds && { userId, conversationId, record: undefined, head, ...bounds }
  }
  const record = yield* findRecord(userId, conversationId)
  return record && readableOf(record, head)
}

/** The same where its record and head have been read. */
export function readableOf(record: ConversationRecord, head: Head | undefined): Readable {
  const { ownerId: userId, conversationId } = record
  return { userId, conversationId, record, head, ...boundsWithin(head, record) }
}

/** Where a user stands in a conversation. */
export interface Standing extends Readable {
  record: ConversationRecord
  /** How far they have read. */
  readSeq: number
  /** When the newest message was sent; 0 = there is none. */
  lastMs: number
}

export function* standingsOf(own: readonly ConversationRecord[]): Operation<Standing[]> {
  const heads = yield* headsOf(own.map(({ conversationId }) => conversationId))
  return own.map((record) => {
    const head = heads.get(record.conversationId)
    return {
      ...readableOf(record, head),
      record,
      readSeq: readSeqOf(record, head),
      lastMs: head?.lastMs ?? 0,
    }
  })
}

/** Who sends has read what came before. */
export function readSeqOf({ ownerId, readSeq, groupId }: ConversationRecord, head: Head | undefined): number {
  if (groupId !== '') return readSeq
  if (head?.a === ownerId) return Math.max(readSeq, head.aSeq)
  return head?.b === ownerId ? Math.max(readSeq, head.bSeq) : readSeq
}

/** Empty where the name is that of another pair's conversation. */
export function boundsWithin(head: Head | undefined, record: ConversationRecord): Bounds {
  const { maxSeq: max, minSeq } = head !== undefined && isOf(head, record) ? head : NOTHING_YET
  return {
    min: Math.max(1, minSeq, record.minSeq),
    max: record.maxSeq === 0 ? max : Math.min(max, record.maxSeq),
  }
}

const NOTHING_YET = { maxSeq: 0, minSeq: 0 }

/** A record is the right to read; of a group it is made with the membership. */
function isOf(head: Head, { ownerId, groupId }: ConversationRecord): boolean {
  return groupId === '' ? isParty(head, ownerId) : isOfGroup(head) && head.a === groupId
}

/** Of a conversation of two. */
export function isParty(head: Head, userId: UserId): boolean {
  return !isOfGroup(head) && (head.a === userId || head.b === userId)
}

export function isOfGroup({ b }: Head): boolean {
  return b === ''
}

function* boundsOfNotifications(
  userId: UserId,
  conversationId: ConversationId,
  head: Head | undefined,
): Operation<Bounds | undefined> {
  const isOwn = conversationId === ownNotifications(userId)
  if (head === undefined) return isOwn ? NOTHING : undefined
  if (isOfGroup(head)) {
    const isMember = (yield* findMember(head.a, userId)) !== undefined
    return isMember ? { min: Math.max(1, head.minSeq), max: head.maxSeq } : undefined
  }
  return isParty(head, userId) ? { min: Math.max(1, head.minSeq), max: head.maxSeq } : undefined
}

/** What decides how a message looks to a user. */
interface Lens {
  userId: UserId
  /** Numbers that the user has deleted for themselves. */
  deleted: ReadonlySet<number>
  /** Revoked messages, by the numbers of those that quote them. */
  quoted: ReadonlyMap<number, StoredMessage>
  /** How far the user and the other one of a single chat have read. */
  ownReadSeq: number
  otherReadSeq: number
}

/** Messages as the user sees them, in the order asked. Numbers without a message get a placeholder. */
export function* view(readable: Readable, seqs: readonly number[]): Operation<Uint8Array[]> {
  if (seqs.length === 0) return []
  const { conversationId } = readable
  const found = yield* messagesAt(conversationId, seqs)
  const lens = yield* lensOn(readable, found)
  return found.map((row, index) =>
    row === undefined ? placeholder(conversationId, seqs[index]!) : bodyFor(row, lens),
  )
}

/** The newest message that the user would see in a list of conversations. */
export function* lastShown(readable: Readable): Operation<Uint8Array | undefined> {
  const { conversationId, min } = readable
  let to = readable.max
  // The newest one is nearly always shown: the others are read only where it is not.
  for (const limit of [1, LOOK_BACK - 1]) {
    const range = { from: min, to, isDescending: true, limit }
    const rows =
      to < min ? [] : yield* scan(messages, [bucketOfConversation(conversationId), conversationId], range)
    if (rows.length === 0) return undefined
    const lens = yield* lensOn(readable, rows)
    const shown = rows.find(({ state, seq }) => state !== MessageState.Deleted && !lens.deleted.has(seq))
    if (shown !== undefined) return bodyFor(shown, lens)
    to = rows.at(-1)!.seq - 1
  }
  return undefined
}

function* lensOn(readable: Readable, rows: readonly (StoredMessage | undefined)[]): Operation<Lens> {
  const { userId } = readable
  const present = rows.filter((row) => row !== undefined)
  return {
    userId,
    deleted: yield* deletedBy(readable, present),
    quoted: yield* findQuoted(readable, present),
    ...(yield* readMarksOf(readable)),
  }
}

/** Only messages of single chats say whether they were read. */
function* readMarksOf({
  conversationId,
  record,
  head,
}: Readable): Operation<Pick<Lens, 'ownReadSeq' | 'otherReadSeq'>> {
  if (record === undefined || !isSingleChat(conversationId)) return { ownReadSeq: 0, otherReadSeq: 0 }
  const other = yield* findRecord(record.userId, conversationId)
  return {
    ownReadSeq: readSeqOf(record, head),
    otherReadSeq: other === undefined ? 0 : readSeqOf(other, head),
  }
}

function* deletedBy(
  { userId, conversationId }: Readable,
  rows: readonly StoredMessage[],
): Operation<Set<number>> {
  if (rows.length === 0) return new Set()
  const seqs = rows.map(({ seq }) => seq)
  const found = yield* scan(deletions, [bucketOfConversation(conversationId), conversationId, userId], {
    from: Math.min(...seqs),
    to: Math.max(...seqs),
  })
  return new Set(found.map(({ seq }) => seq))
}

/** Revoked messages that are quoted by these. */
function* findQuoted(
  { conversationId }: Readable,
  rows: readonly StoredMessage[],
): Operation<Map<number, StoredMessage>> {
  const quotes = rows
    .filter(({ contentType }) => contentType === ContentType.Quote)
    .map((row) => ({ seq: row.seq, of: quotedSeq(row) }))
    .filter(({ of }) => of > 0)
  const found = yield* messagesAt(
    conversationId,
    quotes.map(({ of }) => of),
  )
  const quoted = new Map<number, StoredMessage>()
  for (const [index, row] of found.entries()) {
    if (row?.state === MessageState.Revoked) quoted.set(quotes[index]!.seq, row)
  }
  return quoted
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
  const { body, seq, state, senderId } = row
  if (state === MessageState.Revoked) return revokedBody(row, deleted.has(seq))
  if (state === MessageState.Deleted || deleted.has(seq)) return emptied(body)
  const isRead = seq <= (senderId === userId ? otherReadSeq : ownReadSeq)
  const shown = isRead ? withFields(body, { isRead: true }) : body
  const original = quoted.get(seq)
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
