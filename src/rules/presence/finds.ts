/**
 * What anti-entropy finds: changes that a renewal of watches has read, and no message has told. A message may only be
 * late, so it is waited for; a healthy system finds nothing.
 */
import type { UserId } from '../types.js'

/** Far longer than a message takes from node to node. */
const LATE_MS = 5_000

export class Finds {
  /** In the order in which they were read. */
  readonly #unheard = new Map<UserId, { version: number; dueMs: number }>()

  /** A renewal has brought this version, and with it something new. */
  read(userId: UserId, version: number, nowMs: number): void {
    this.#unheard.delete(userId)
    this.#unheard.set(userId, { version, dueMs: nowMs + LATE_MS })
  }

  /** A message has told of it, or of something later. */
  heard(userId: UserId, version: number): void {
    const unheard = this.#unheard.get(userId)
    if (unheard !== undefined && version >= unheard.version) this.#unheard.delete(userId)
  }

  /** How many no message has told of in time, since the last call. */
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
