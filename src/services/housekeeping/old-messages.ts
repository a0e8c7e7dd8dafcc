/**
 * RETENTION_DAYS: messages that are older are deleted, and with them those of conversations that were cleared for all.
 *
 * Messages lie by conversation and number, and no index tells the oldest of all. None is needed: what is to be deleted
 * lies at the lower end of its conversation, so two rows at this end say whether there is any. A head's `minSeq` is raised
 * first: nobody reads below it, and rows that are left below it, by a slice or a crash, are found there by the next one.
 */
import { bucketOfConversation, bucketOfUser } from '../../rules/messages/bucket.js'
import type { Change, Operation } from '../../store/ports/database.js'
import { findMany, lock, raise, remove, scan } from '../../store/ports/steps.js'
import { conversations, deletions, messages, records } from '../../store/schema/tables.js'
import type { Head, StoredMessage } from '../messages/stored.js'
import { firstSince } from './first-since.js'
import { after, type Budget, type Cursor, type Slice } from './slice.js'

/** Heads that are looked at together, with two messages of each. */
const HEADS = 25
/** Rows that are removed between two looks at the clock. */
const CHUNK = 50

type Mark = Change & { set: { readSeq: number } }

export function* deleteOldMessages(cursor: Cursor, cutoffMs: number, budget: Budget): Operation<Slice> {
  const marks: Mark[] = []
  const slice: Slice = { next: cursor, messages: 0, conversations: 0, deliveries: [] }
  do {
    const heads = yield* scan(conversations, [], {
      from: slice.next!.bucket,
      offset: slice.next!.done,
      limit: HEADS,
    })
    budget.spend(heads.length)
    const ends = yield* lowerEnds(heads)
    for (const [index, head] of heads.entries()) {
      if (needsWork(head, ends[index]!, cutoffMs)) {
        const kept = hasOld(head, ends[index]!, cutoffMs)
          ? yield* firstKept(head, cutoffMs)
          : firstSeqOf(head)
        if (!(yield* shorten(head, kept, budget, slice, marks))) return yield* finish(slice, marks)
        slice.next = after(slice.next!, head)
        if (budget.isSpent) return yield* finish(slice, marks)
      } else slice.next = after(slice.next!, head)
    }
    if (heads.length < HEADS) slice.next = undefined
  } while (slice.next !== undefined && !budget.isSpent)
  return yield* finish(slice, marks)
}

/** After all heads: whoever locks both locks heads first. */
function* finish(slice: Slice, marks: readonly Mark[]): Operation<Slice> {
  yield* raise(records, marks)
  return slice
}

type End = Pick<StoredMessage, 'seq' | 'sentMs'>

interface LowerEnd {
  /** The last message that nobody can read any more. */
  below: End | undefined
  /** The first one that may be read. */
  first: End | undefined
}

const firstSeqOf = ({ minSeq }: Head) => Math.max(1, minSeq)

function* lowerEnds(heads: readonly Head[]): Operation<LowerEnd[]> {
  const keys = heads.flatMap((head) => {
    const { bucket, conversationId } = head
    const first = firstSeqOf(head)
    return [first - 1, first].map((seq) => [bucket, conversationId, seq])
  })
  const found = yield* findMany(messages, keys, { columns: ['seq', 'sentMs'] })
  return heads.map((_, index) => ({ below: found[2 * index], first: found[2 * index + 1] }))
}

function needsWork(head: Head, end: LowerEnd, cutoffMs: number): boolean {
  return end.below !== undefined || hasOld(head, end, cutoffMs)
}

/** A number that is missing at this end, after a restored backup, says nothing: what comes next is looked for. */
function hasOld(head: Head, { first }: LowerEnd, cutoffMs: number): boolean {
  return first === undefined ? head.maxSeq >= firstSeqOf(head) : first.sentMs < cutoffMs
}

function* firstKept(head: Head, cutoffMs: number): Operation<number> {
  const { conversationId, lastMs, maxSeq } = head
  return lastMs < cutoffMs
    ? maxSeq + 1
    : yield* firstSince(conversationId, firstSeqOf(head), maxSeq, cutoffMs)
}

/** `kept`: the first number that stays. Whether nothing is left to delete in this conversation. */
function* shorten(head: Head, kept: number, budget: Budget, slice: Slice, marks: Mark[]): Operation<boolean> {
  if (kept > firstSeqOf(head)) {
    yield* lock(conversations, [head])
    // Numbers may be missing: the head points behind a message that is there, by which the next slice finds what is left.
    yield* raiseMinSeq(head, yield* endOfMessages(head, kept))
    marks.push(...readMarks(head, kept - 1))
  }
  for (const userId of partiesOf(head)) {
    if (!(yield* removeDeletions(head, userId, kept, budget))) return false
  }
  if (!(yield* removeMessages(head, kept, budget, slice))) return false
  if (kept > firstSeqOf(head)) yield* raiseMinSeq(head, kept)
  return true
}

function* raiseMinSeq({ bucket, conversationId }: Head, minSeq: number): Operation<void> {
  yield* raise(conversations, [{ key: [bucket, conversationId], set: { minSeq } }])
}

/** The number after the last message before `end`; 0 = there is none. */
function* endOfMessages({ bucket, conversationId }: Head, end: number): Operation<number> {
  const range = { to: end - 1, isDescending: true, limit: 1 }
  const [last] = yield* scan(messages, [bucket, conversationId], range)
  return last === undefined ? 0 : last.seq + 1
}

/** What is deleted is not unread any more. */
function readMarks(head: Head, readSeq: number): Mark[] {
  const { conversationId } = head
  return partiesOf(head).map((userId) => ({
    key: [bucketOfUser(userId), userId, conversationId],
    set: { readSeq },
  }))
}

/** Each once: notes to oneself have one. */
function partiesOf({ a, b }: Head): string[] {
  return a === b || b === '' ? [a] : [a, b]
}

/** Which of them a user had deleted for themselves. */
function* removeDeletions(head: Head, userId: string, end: number, budget: Budget): Operation<boolean> {
  const { bucket, conversationId } = head
  for (;;) {
    const rows = yield* scan(deletions, [bucket, conversationId, userId], { to: end - 1, limit: CHUNK })
    if (rows.length === 0) return true
    yield* remove(
      deletions,
      rows.map(({ seq }) => [bucket, conversationId, userId, seq]),
    )
    budget.spend(rows.length)
    if (budget.isSpent) return false
  }
}

/** From the first one on, so that the last one says whether any is left. */
function* removeMessages(
  { conversationId }: Head,
  end: number,
  budget: Budget,
  slice: Slice,
): Operation<boolean> {
  const prefix = [bucketOfConversation(conversationId), conversationId]
  for (;;) {
    const [oldest] = yield* scan(messages, prefix, { to: end - 1, limit: 1 })
    if (oldest === undefined) return true
    const count = Math.min(CHUNK, Math.max(1, budget.rowsLeft), end - oldest.seq)
    yield* remove(
      messages,
      Array.from({ length: count }, (_, index) => [...prefix, oldest.seq + index]),
    )
    budget.spend(count)
    slice.messages += count
    if (budget.isSpent) return oldest.seq + count === end
  }
}
