/**
 * Adaptive batching: which users go to the store next, and when.
 *
 * A quiet buffer sends at once. While a batch is in flight, users gather. A full batch goes at once, and no user waits
 * longer than `mergeIntervalMs`, except for the end of their own flight: at most one batch in flight holds a user, so
 * that states of one user neither overtake each other nor get lost. A batch names users only. Their state is read when
 * they are taken, so the last state wins however often it changed.
 *
 * Renewals, and everything after an outage, are nothing new. They go in the background: in batches of their own, one at
 * a time, so that no change waits behind them.
 */
import type { UserId } from '../types.js'

export interface BatchLimits {
  /** Users in one batch. */
  batchSize: number
  /** The longest that a user waits while others are in flight, ms. */
  mergeIntervalMs: number
  /** Batches in flight at once. Two keep the store busy; more would only queue there. */
  flightsMax: number
}

/** No time is before it. */
const UNCHANGED = Number.NEGATIVE_INFINITY

export class AdaptiveBatch {
  readonly #limits: BatchLimits
  /** Waiting users, oldest first, with the time since which each waits. */
  readonly #waiting = new Map<UserId, number>()
  /** Users who changed during their flight; they go first. At most those of `flightsMax` batches, in no order. */
  readonly #returned = new Map<UserId, number>()
  /** Users in flight: UNCHANGED, or changed again meanwhile, waiting since then. */
  readonly #inFlight = new Map<UserId, number>()
  /** Users that failed while others of their batch did not, with the time until which they rest, in that order. */
  readonly #resting = new Map<UserId, number>()
  /** Users to be sent again although nothing is new. */
  readonly #background = new Set<UserId>()
  #backgroundFlight: UserId[] | undefined
  /** Without that of the background. */
  #flights = 0

  constructor(limits: BatchLimits) {
    this.#limits = limits
  }

  /** Users waiting, resting or in flight. */
  get size(): number {
    const changed = this.#waiting.size + this.#returned.size + this.#resting.size
    return changed + this.#background.size + this.#inFlight.size
  }

  has(userId: UserId): boolean {
    return this.#isChanged(userId) || this.#background.has(userId) || this.#inFlight.has(userId)
  }

  #isChanged(userId: UserId): boolean {
    return this.#waiting.has(userId) || this.#returned.has(userId) || this.#resting.has(userId)
  }

  /** The user changed. A resting user goes on resting, as the state is read only when the user is taken. */
  add(userId: UserId, nowMs: number): void {
    const changedAgainMs = this.#inFlight.get(userId)
    if (changedAgainMs === UNCHANGED) this.#inFlight.set(userId, nowMs)
    if (changedAgainMs !== undefined || this.#isChanged(userId)) return
    this.#background.delete(userId)
    this.#waiting.set(userId, nowMs)
  }

  /** The user is to be sent again, after all changes. */
  addBackground(userId: UserId, nowMs: number): void {
    if (this.#inFlight.has(userId)) this.add(userId, nowMs)
    else if (!this.has(userId)) this.#background.add(userId)
  }

  /** The user need not be sent any more. No effect on a flight. */
  remove(userId: UserId): void {
    for (const users of [this.#waiting, this.#returned, this.#resting, this.#background]) users.delete(userId)
  }

  /** The batch to send now; undefined when there is none, or when it is better to wait. */
  take(nowMs: number): UserId[] | undefined {
    const { batchSize, flightsMax } = this.#limits
    this.#wake(nowMs)
    const size = this.#waiting.size + this.#returned.size
    if (size === 0 || this.#flights >= flightsMax) return undefined
    const isDue = this.#flights === 0 || size >= batchSize || nowMs >= this.#oldestDueMs()
    if (!isDue) return undefined
    const batch: UserId[] = []
    for (const waiting of [this.#returned, this.#waiting]) {
      for (const userId of waiting.keys()) {
        if (batch.length === batchSize) break
        batch.push(userId)
        waiting.delete(userId)
        this.#inFlight.set(userId, UNCHANGED)
      }
    }
    this.#flights++
    return batch
  }

  /** The batch of the background to send now; undefined when there is none, or one is in flight. */
  takeBackground(): UserId[] | undefined {
    if (this.#background.size === 0 || this.#backgroundFlight !== undefined) return undefined
    const batch: UserId[] = []
    for (const userId of this.#background) {
      if (batch.length === this.#limits.batchSize) break
      batch.push(userId)
      this.#background.delete(userId)
      this.#inFlight.set(userId, UNCHANGED)
    }
    this.#backgroundFlight = batch
    return batch
  }

  /**
   * A flight ended. Users in `failed` wait again, behind all others. With `restMs` they rest before, so that a user that
   * always fails holds up nobody; `restMs` must be the same for every single failure. Returns the users that are fully
   * flushed.
   */
  land(batch: UserId[], failed: ReadonlySet<UserId>, nowMs: number, restMs = 0): UserId[] {
    const isBackground = batch === this.#backgroundFlight
    if (isBackground) this.#backgroundFlight = undefined
    else this.#flights--
    const settled: UserId[] = []
    for (const userId of batch) {
      const changedAgainMs = this.#inFlight.get(userId)!
      this.#inFlight.delete(userId)
      if (failed.has(userId) && restMs > 0) this.#resting.set(userId, nowMs + restMs)
      else if (changedAgainMs !== UNCHANGED) this.#returned.set(userId, changedAgainMs)
      else if (!failed.has(userId)) settled.push(userId)
      else if (isBackground) this.#background.add(userId)
      else this.#waiting.set(userId, nowMs)
    }
    return settled
  }

  /** When `take` may give a batch without any other event; undefined = not before one. */
  dueMs(): number | undefined {
    if (this.#flights >= this.#limits.flightsMax) return undefined
    const [restsUntilMs = Number.POSITIVE_INFINITY] = this.#resting.values()
    const dueMs = Math.min(restsUntilMs, this.#oldestDueMs())
    return dueMs === Number.POSITIVE_INFINITY ? undefined : dueMs
  }

  #wake(nowMs: number): void {
    for (const [userId, untilMs] of this.#resting) {
      if (untilMs > nowMs) return
      this.#resting.delete(userId)
      this.#waiting.set(userId, nowMs)
    }
  }

  #oldestDueMs(): number {
    let [sinceMs = Number.POSITIVE_INFINITY] = this.#waiting.values()
    for (const returnedSinceMs of this.#returned.values()) sinceMs = Math.min(sinceMs, returnedSinceMs)
    return sinceMs + this.#limits.mergeIntervalMs
  }
}
