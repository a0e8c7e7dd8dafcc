/**
 * Logins that were let in without an answer of the store, by token and by user.
 *
 * Thread  sync
 *
 * An exception to "actors share no memory": token-sync alone writes it, presence-sync reads it before it sends an
 * assertion. It outlives a restart of token-sync: these logins are still to be checked.
 */

import type * as TokenSync from '../../src/protocol/token-sync.js'
import type { TokenDigest } from '../../src/rules/logins/token-digest.js'
import type { UserId } from '../../src/rules/types.js'

export interface Unchecked {
  question: TokenSync.CheckToken
  /** The store had the token on record before: if the record is missing now, records were lost. */
  wasGood: boolean
  /** The store was known to be away when it came: its token can only have been kicked before. */
  isLate: boolean
}

/** Beyond this many the oldest is given up. */
const COUNT_MAX = 100_000

export class UncheckedLogins {
  readonly #logins = new Map<TokenDigest, Unchecked>()
  readonly #perUser = new Map<UserId, number>()
  /**
   * How many of `StoreAccess.losses` token-sync has dealt with. While there are more, logins that were let in before
   * the loss may still be missing here.
   */
  reviewedLosses = 0

  add(digest: TokenDigest, login: Unchecked): void {
    this.delete(digest)
    this.#logins.set(digest, login)
    const { userId } = login.question
    this.#perUser.set(userId, (this.#perUser.get(userId) ?? 0) + 1)
    if (this.#logins.size <= COUNT_MAX) return
    for (const oldest of this.#logins.keys()) return this.delete(oldest)
  }

  get(digest: TokenDigest): Unchecked | undefined {
    return this.#logins.get(digest)
  }

  /** Oldest first. */
  entries(): Iterable<[TokenDigest, Unchecked]> {
    return this.#logins
  }

  delete(digest: TokenDigest): void {
    const userId = this.#logins.get(digest)?.question.userId
    if (userId === undefined) return
    this.#logins.delete(digest)
    const left = this.#perUser.get(userId)! - 1
    if (left === 0) this.#perUser.delete(userId)
    else this.#perUser.set(userId, left)
  }

  /** Whether one of the user's logins is still to be checked. */
  concerns(userId: UserId): boolean {
    return this.#perUser.has(userId)
  }
}
