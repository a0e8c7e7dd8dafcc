/**
 * Assertions that were not answered. One may still arrive, after those that were sent later, and undo what they said. So
 * the user is asserted once more when that cannot be any more; and until then a change that the store tells, and nobody
 * here has made, shows that it has happened: the user was off the record for a while.
 */
import type { UserId } from '../types.js'

/** By then an assertion that was not answered has arrived, if it still does. */
const LATE_MS = 10_000

interface Late {
  sinceMs: number
  /** The store has recorded the user since then: what changes from now on has another reason. */
  isRecorded: boolean
}

export class LateAssertions {
  /** Oldest first. */
  readonly #late = new Map<UserId, Late>()
  /** Their last assertion is under way. */
  readonly #last = new Set<UserId>()

  unanswered(userIds: readonly UserId[], nowMs: number): void {
    for (const userId of userIds) {
      this.#late.delete(userId)
      this.#late.set(userId, { sinceMs: nowMs, isRecorded: false })
    }
  }

  /** Users who are to be asserted for the last time. */
  due(nowMs: number): UserId[] {
    const due: UserId[] = []
    for (const [userId, { sinceMs }] of this.#late) {
      if (nowMs - sinceMs < LATE_MS) break
      this.#late.delete(userId)
      this.#last.add(userId)
      due.push(userId)
    }
    return due
  }

  /** The store has recorded the user. True = a change by that is one that nobody here has made. */
  recorded(userId: UserId): boolean {
    const late = this.#late.get(userId)
    const isSecond = late?.isRecorded === true
    if (late !== undefined) late.isRecorded = true
    return this.#last.delete(userId) || isSecond
  }
}
