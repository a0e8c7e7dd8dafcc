/**
 * Missed changes: a renewal of watches (anti-entropy) read them, and no message told of them. The message may only be
 * late, so it is given time to arrive. A healthy system misses nothing.
 */
import type { UserId } from '../types.js'

/** Far longer than a message takes from node to node. */
const LATE_MS = 5_000

export class MissedChanges {
  /** In the order in which they were read. */
  readonly #unheard = new Map<UserId, { version: number; dueMs: number }>()

  /** A renewal read this version, and something in it was new. */
  read(userId: UserId, version: number, nowMs: number): void {
    this.#unheard.delete(userId)
    this.#unheard.set(userId, { version, dueMs: nowMs + LATE_MS })
  }

  /** A message told of this version. It covers all earlier ones. */
  heard(userId: UserId, version: number): void {
    const unheard = this.#unheard.get(userId)
    if (unheard !== undefined && version >= unheard.version) this.#unheard.delete(userId)
  }

  /** How many changes became overdue since the last call. Each is counted once. */
  takeOverdue(nowMs: number): number {
    let count = 0
    for (const [userId, { dueMs }] of this.#unheard) {
      if (dueMs > nowMs) break
      this.#unheard.delete(userId)
      count++
    }
    return count
  }
}
