/**
 * After a restore: clients have seen numbers that the database does not know any more. They drop a message whose number
 * they have seen, so all conversations go on from numbers beyond, and all lists get other IDs. In slices, by the key.
 */
import { bucketOfUser } from '../../rules/messages/bucket.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import type { FillSlice, Position } from '../../store/ports/schema.js'
import { findMany, lock, put } from '../../store/ports/steps.js'
import { rowsAfter } from '../../store/schema/fill-rows.js'
import { conversations, records, versions } from '../../store/schema/tables.js'
import { readSeqOf } from '../messages/visible.js'

const ROWS = 200

/** Who had read all has read the numbers that are left out, too. */
export function* raiseNumbers(from: Position | undefined, by: number): Operation<FillSlice> {
  const heads = yield* lock(conversations, yield* rowsAfter(conversations, from, ROWS))
  const owners = heads.flatMap(({ a, b, conversationId }) =>
    [a, b].map((ownerId) => [bucketOfUser(ownerId), ownerId, conversationId]),
  )
  const own = yield* findMany(records, owners)
  const raised = heads.map((head, index) => {
    const maxSeq = head.maxSeq + by
    const hasReadAll = (record: (typeof own)[number]) =>
      record !== undefined && readSeqOf(record, head) >= head.maxSeq
    const aSeq = hasReadAll(own[2 * index]) ? maxSeq : head.aSeq
    const bSeq = hasReadAll(own[2 * index + 1]) ? maxSeq : head.bSeq
    return { ...head, maxSeq, aSeq, bSeq }
  })
  yield* put(conversations, raised)
  const last = heads.at(-1)
  return { next: last && [last.bucket, last.conversationId], rows: heads.length }
}

/** A version of a list means what it meant only together with the ID. */
export function* renameLists(from: Position | undefined, newVersionId: () => string): Operation<FillSlice> {
  const lists = yield* lock(versions, yield* rowsAfter(versions, from, ROWS))
  yield* put(
    versions,
    lists.map((list): RowOf<typeof versions> => ({ ...list, versionId: newVersionId() })),
  )
  const last = lists.at(-1)
  return { next: last && [last.bucket, last.ownerId, last.list], rows: lists.length }
}
