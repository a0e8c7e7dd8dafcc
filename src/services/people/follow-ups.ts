/**
 * What follows from a change and is too much for its transaction: a row that is written with the change, and slices that
 * are done soon after. What a node that died has left is done by another.
 */
import { hashOf } from '../../rules/hash.js'
import type { Operation, RowOf } from '../../store/ports/database.js'
import { put, scan } from '../../store/ports/steps.js'
import { followUps } from '../../store/schema/tables.js'
import type { OperationContext } from '../operations/operation.js'

export const FollowUp = { ProfileToFriends: 1, Dismissal: 2, ProfileToGroups: 3, Naming: 4 } as const
export type FollowUp = (typeof FollowUp)[keyof typeof FollowUp]

/** Where a database is split, each part has follow-ups of its own. */
export const BUCKET = 0
/** By then the node that did the last slice has done the next one, or is dead. */
const LEFT_AFTER_MS = 15_000
const TAKEN_MAX = 20

/** In the transaction of the change. */
export function* leaveFollowUp(
  { newId, nowMs, followUps: left }: OperationContext,
  kind: FollowUp,
  subject: string,
): Operation<void> {
  const jobId = newId()
  yield* put(followUps, [{ bucket: BUCKET, jobId, kind, subject, after: '', takenMs: nowMs }])
  left.push(jobId)
}

/** The same for messages that name members of their group: one that is sent twice leaves one job. */
export function* leaveNaming(
  naming: readonly { groupId: string; seq: number }[],
  nowMs: number,
): Operation<string[]> {
  const rows = naming.map(({ groupId: subject, seq }) => ({
    bucket: BUCKET,
    jobId: hashOf('sha256', `${subject}:${seq}`).toString('hex'),
    kind: FollowUp.Naming,
    subject,
    after: String(seq),
    takenMs: nowMs,
  }))
  yield* put(followUps, rows)
  return rows.map(({ jobId }) => jobId)
}

/** Jobs that nobody has gone on with for a while: they are this node's from now on. */
export function* takeLeftFollowUps(nowMs: number): Operation<string[]> {
  const to = nowMs - LEFT_AFTER_MS
  const old: RowOf<typeof followUps>[] = yield* scan(followUps, [BUCKET], {
    order: 'byAge',
    to,
    limit: TAKEN_MAX,
  })
  yield* put(
    followUps,
    old.map((row) => ({ ...row, takenMs: nowMs })),
  )
  return old.map(({ jobId }) => jobId)
}
