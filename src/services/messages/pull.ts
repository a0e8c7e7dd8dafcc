/** Reading: where a user's conversations stand, and their messages (1001, 1002, 1005, 1006, 1007). */
import { type ConversationMessages, encodeLastMessages, encodeMessages } from '../../openim/message-bytes.js'
import {
  type GetConversationsHasReadAndMaxSeqReq,
  type GetConversationsHasReadAndMaxSeqResp,
  type GetLastMessageReq,
  type GetMaxSeqReq,
  type GetMaxSeqResp,
  type GetSeqMessageReq,
  type PullMessageBySeqsReq,
  PullOrder,
  type SeqRange,
  type Seqs,
} from '../../openim/proto/messages.js'
import {
  type ConversationId,
  isNotifications,
  notificationsOf,
  ownNotifications,
  SessionType,
} from '../../rules/messages/conversation-id.js'
import type { Operation } from '../../store/ports/database.js'
import { type ConversationRecord, findRecords, recordsOf } from '../conversations/records.js'
import {
  assertLength,
  assertSelf,
  CONVERSATIONS_MAX,
  type OperationContext,
  operation,
  SEQS_MAX,
} from '../operations/operation.js'
import { headsOf } from './stored.js'
import {
  type Bounds,
  boundsWithin,
  isOfGroup,
  isParty,
  isWithin,
  lastShown,
  NOTHING,
  readableBy,
  standingsOf,
  view,
} from './visible.js'

/**
 * Clients of OpenIM's Go core end a connection that brings them more than 1 MiB. As base64 in JSON it is a third more, and
 * has to fit into BACKPRESSURE_BYTES_MAX.
 */
const REPLY_BYTES_MAX = 900_000
/** What a conversation takes beside its ID and its messages. */
const PART_BYTES = 32
/** Of older messages it is certain that they were on disk when a device logged in that reads now. */
const RECENT_MS = 60_000
/** Messages of a range in one answer. */
const RANGE_MAX = 1_000

/** 1001: the newest number of each conversation of the user, those of notifications among them. */
export const newestSeqs = operation(
  'reader',
  function* (context, { userID }: GetMaxSeqReq): Operation<GetMaxSeqResp> {
    assertSelf(context.caller, userID)
    const chats = yield* recordsOf(userID)
    const notified = chats.filter(isOpen).map(({ conversationId }) => notificationsOf(conversationId))
    const ids = chats.map(({ conversationId }) => conversationId)
    const heads = yield* headsOf([...new Set([...ids, ...notified, ownNotifications(userID)])])
    const records = new Map(chats.map((record) => [record.conversationId, record]))
    const maxSeqs: Record<ConversationId, number> = {}
    for (const [id, head] of heads) {
      const record = records.get(id)
      const isOwn = isOfGroup(head) || isParty(head, userID)
      const max = record === undefined ? (isOwn ? head.maxSeq : 0) : boundsWithin(head, record).max
      if (max > 0) maxSeqs[id] = max
      if (max > 0) noteTold(context, id, max, head.lastMs)
    }
    return { maxSeqs, minSeqs: {} }
  },
)

/** 1006: how far the user has read each conversation, and how far it goes. */
export const conversationSeqs = operation(
  'reader',
  function* (
    context,
    { userID, conversationIDs, returnPinned }: GetConversationsHasReadAndMaxSeqReq,
  ): Operation<GetConversationsHasReadAndMaxSeqResp> {
    assertSelf(context.caller, userID)
    assertLength('conversationIDs', conversationIDs.length, CONVERSATIONS_MAX)
    const own =
      conversationIDs.length === 0 ? yield* recordsOf(userID) : yield* findRecords(userID, conversationIDs)
    const standings = yield* standingsOf(own)
    for (const { conversationId, max, lastMs } of standings) noteTold(context, conversationId, max, lastMs)
    const seqs = standings.map(({ conversationId, max, readSeq, lastMs }): [string, Seqs] => [
      conversationId,
      { maxSeq: max, hasReadSeq: readSeq, maxSeqTime: lastMs },
    ])
    const pinned = returnPinned ? own.filter(({ isPinned }) => isPinned !== 0) : []
    return {
      seqs: Object.fromEntries(seqs),
      pinnedConversationIDs: pinned.map(({ conversationId }) => conversationId),
    }
  },
)

/** Who has left a group is not notified there. */
const isOpen = ({ type, maxSeq }: ConversationRecord) => type !== SessionType.Group || maxSeq === 0

function noteTold(
  { told, nowMs }: OperationContext,
  conversationId: ConversationId,
  maxSeq: number,
  lastMs: number,
): void {
  if (lastMs > nowMs - RECENT_MS) told?.set(conversationId, maxSeq)
}

/** 1002: the newest messages of ranges. A conversation that is not the user's, or an empty range, is left out. */
export const pullRanges = operation(
  'reader',
  function* ({ caller }, { userID, seqRanges, order }: PullMessageBySeqsReq): Operation<Uint8Array> {
    assertSelf(caller, userID)
    assertLength('seqRanges', seqRanges.length, CONVERSATIONS_MAX)
    const answer = new Answer()
    for (const range of seqRanges) {
      if (answer.isFull) break
      const readable = yield* readableBy(userID, range.conversationID)
      if (readable === undefined) continue
      const seqs = seqsOfRange(range, readable)
      if (seqs.length === 0) continue
      const { min, max } = readable
      const isEnd = order === PullOrder.PullOrderDesc ? range.begin <= min : max <= range.end
      answer.add(range.conversationID, yield* view(readable, seqs), { isEnd, endSeq: 0 }, 'newest')
    }
    return answer.encode()
  },
)

/** 1005: messages by their numbers, in the order asked. Each conversation of the request is in the answer. */
export const pullSeqs = operation(
  'reader',
  function* ({ caller }, { userID, conversations: asked, order }: GetSeqMessageReq): Operation<Uint8Array> {
    assertSelf(caller, userID)
    assertLength('conversations', asked.length, CONVERSATIONS_MAX)
    const answer = new Answer()
    for (const { conversationID, seqs } of asked) {
      assertLength('seqs', seqs.length, SEQS_MAX)
      const readable = yield* readableBy(userID, conversationID)
      const bounds = readable ?? NOTHING
      const own = seqs.filter((seq) => isWithin(bounds, seq))
      const found = answer.isFull || readable === undefined ? [] : yield* view(readable, own)
      answer.add(conversationID, found, endOf(seqs, bounds, order), 'first')
    }
    return answer.encode()
  },
)

/** 1007: the last message of each conversation that is not deleted. */
export const lastMessages = operation(
  'reader',
  function* ({ caller }, { userID, conversationIDs }: GetLastMessageReq): Operation<Uint8Array> {
    assertSelf(caller, userID)
    assertLength('conversationIDs', conversationIDs.length, CONVERSATIONS_MAX)
    const last = new Map<ConversationId, Uint8Array>()
    for (const id of new Set(conversationIDs)) {
      const readable = yield* readableBy(userID, id)
      const message = readable && (yield* lastShown(readable))
      if (message !== undefined) last.set(id, message)
    }
    return encodeLastMessages(last)
  },
)

/** Ascending; the newest ones of the range. Of notifications all, whatever `num` says. */
function seqsOfRange({ conversationID, begin, end, num }: SeqRange, { min, max }: Bounds): number[] {
  const wanted = isNotifications(conversationID) ? RANGE_MAX : Math.min(num, RANGE_MAX)
  const last = Math.min(end, max)
  const first = Math.max(begin, min, last - wanted + 1)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index)
}

/** Clients learn the bounds of a conversation from this alone. */
function endOf(
  seqs: readonly number[],
  { min, max }: Bounds,
  order: PullOrder,
): { isEnd: boolean; endSeq: number } {
  if (order === PullOrder.PullOrderDesc && seqs.some((seq) => seq < min)) return { isEnd: true, endSeq: min }
  if (order === PullOrder.PullOrderAsc && seqs.some((seq) => seq > max)) return { isEnd: true, endSeq: max }
  return { isEnd: false, endSeq: 0 }
}

/** An answer that ends at a whole message, below what clients bear. */
class Answer {
  readonly #parts: ConversationMessages[] = []
  #bytesLeft = REPLY_BYTES_MAX

  get isFull(): boolean {
    return this.#bytesLeft <= 0
  }

  /** What has no room is left out: of the newest ones the oldest, of the first ones the last. */
  add(
    conversationId: ConversationId,
    found: readonly Uint8Array[],
    end: { isEnd: boolean; endSeq: number },
    keep: 'newest' | 'first',
  ): void {
    this.#bytesLeft -= Buffer.byteLength(conversationId) + PART_BYTES
    const ordered = keep === 'newest' ? [...found].reverse() : found
    const kept: Uint8Array[] = []
    for (const message of ordered) {
      this.#bytesLeft -= message.length
      if (this.#bytesLeft < 0) break
      kept.push(message)
    }
    this.#parts.push({ conversationId, messages: keep === 'newest' ? kept.reverse() : kept, ...end })
  }

  encode(): Uint8Array {
    return encodeMessages(this.#parts)
  }
}
