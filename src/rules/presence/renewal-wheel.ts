/**
 * The renewal wheel: each user once per turn of the wheel, spread evenly however the users came.
 *
 * A user's place follows from the user ID, not from the login, so a reconnect storm does not become a storm of renewals
 * a third of the TTL later. The first renewal comes within one turn.
 */
import { hashOf } from '../placement.js'
import type { UserId } from '../types.js'

/**
 * Ticks about a second apart; at least 8, so that short turns (tests) are spread too. No more than these: of a million
 * users in 4 shards, renewed every four hours, one tick then fills its batches.
 */
const TICK_MS = 1_000
const TICKS_MIN = 8
const TICKS_MAX = 1_024
const HASHES = 2 ** 32

export class RenewalWheel {
  /** Time between calls of `due`, ms. */
  readonly tickMs: number
  readonly #slots: Set<UserId>[]
  #at = 0

  /** `turnMs`: the time in which everybody is renewed once. */
  constructor(turnMs: number) {
    const ticks = Math.min(TICKS_MAX, Math.max(TICKS_MIN, Math.round(turnMs / TICK_MS)))
    this.tickMs = turnMs / ticks
    this.#slots = Array.from({ length: ticks }, () => new Set())
  }

  add(userId: UserId): void {
    this.#slotOf(userId).add(userId)
  }

  remove(userId: UserId): void {
    this.#slotOf(userId).delete(userId)
  }

  /** The users of the next tick. */
  due(): Iterable<UserId> {
    this.#at = (this.#at + 1) % this.#slots.length
    return this.#slots[this.#at]!
  }

  #slotOf(userId: UserId): Set<UserId> {
    // The upper bits: the lower ones chose the shard, and are the same for all of its users.
    return this.#slots[Math.floor((hashOf(userId) / HASHES) * this.#slots.length)]!
  }
}
