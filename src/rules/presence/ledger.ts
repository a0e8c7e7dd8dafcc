/**
 * What this node has in the store of one shard's users, or is about to have: so that a shard that starts empty can
 * withdraw users who left while it was gone.
 */
import type { Assertion, PlatformId, UserId, UserPlatforms } from '../types.js'

export class Ledger {
  readonly #held = new Map<UserId, PlatformId[]>()
  /** The last withdrawal of a user that the store has not answered. */
  readonly #withdrawals = new Map<UserId, Assertion>()

  get size(): number {
    return this.#held.size
  }

  /** An assertion goes to the store. From now on the store may hold it, whatever becomes of the answer. */
  sent(assertion: Assertion): void {
    const { userId, platformIds } = assertion
    if (platformIds.length === 0) {
      this.#withdrawals.set(userId, assertion)
      return
    }
    this.#held.set(userId, platformIds)
    this.#withdrawals.delete(userId)
  }

  /**
   * The store has recorded the assertion. A shard may give an assertion up and send a later one before the first is
   * answered; so a withdrawal only removes a user that was not asserted again after it.
   */
  recorded(assertion: Assertion): void {
    const { userId, platformIds } = assertion
    if (platformIds.length > 0 || this.#withdrawals.get(userId) !== assertion) return
    this.#withdrawals.delete(userId)
    this.#held.delete(userId)
  }

  users(): UserPlatforms[] {
    return [...this.#held].map(([userId, platformIds]) => ({ userId, platformIds }))
  }
}
