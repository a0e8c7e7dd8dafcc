/**
 * Jobs that go through a whole table, a slice in a transaction: short enough that messages hardly wait for one. A pass
 * begins on one node at a time, and its cursor says how far it has come.
 */
import type { Delivery } from '../../rules/messages/types.js'
import type { Operation } from '../../store/ports/database.js'
import { lock, raise } from '../../store/ports/steps.js'
import { jobs } from '../../store/schema/tables.js'

/** Rows of a table that is sorted by bucket: those before this bucket are done, and so many of its own. */
export interface Cursor {
  bucket: number
  done: number
}

export const BEGINNING: Cursor = { bucket: 0, done: 0 }

export function after({ bucket, done }: Cursor, row: { bucket: number }): Cursor {
  return row.bucket === bucket ? { bucket, done: done + 1 } : { bucket: row.bucket, done: 1 }
}

export interface Slice {
  /** Where the next one goes on; undefined = the pass is over. */
  next: Cursor | undefined
  /** Messages that were deleted. */
  messages: number
  /** Conversations that were cut for their owners. */
  conversations: number
  /** To be pushed once it is on disk. */
  deliveries: Delivery[]
}

/** What a slice may do. It does one thing at least, so that it gets on however slow the database is. */
export class Budget {
  #rowsLeft: number
  readonly #isLate: () => boolean

  /** `isLate`: its time is over. */
  constructor(rows: number, isLate: () => boolean) {
    this.#rowsLeft = rows
    this.#isLate = isLate
  }

  get rowsLeft(): number {
    return Math.max(0, this.#rowsLeft)
  }

  get isSpent(): boolean {
    return this.#rowsLeft <= 0 || this.#isLate()
  }

  spend(rows: number): void {
    this.#rowsLeft -= rows
  }
}

/** Where a database is split, each part has jobs of its own. */
const BUCKET = 0

/** Whether a pass of a job is due, which is then this node's; nobody else begins one before `untilMs`. */
export function* claimPass(job: string, nowMs: number, untilMs: number): Operation<boolean> {
  const [row] = yield* lock(jobs, [{ bucket: BUCKET, job, dueMs: 0 }])
  if (row!.dueMs > nowMs) return false
  yield* holdPass(job, untilMs)
  return true
}

export function* holdPass(job: string, untilMs: number): Operation<void> {
  yield* raise(jobs, [{ key: [BUCKET, job], set: { dueMs: untilMs } }])
}
