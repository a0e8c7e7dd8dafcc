/**
 * Lets so many logins a second in, and as many at once after a quiet second. The rest are told when to retry, each
 * somewhat later than the one before, so that they do not all come at once again. A login that is refused takes nothing
 * from those that come in.
 */

const SECOND_MS = 1_000
/** The longest time to retry after. */
const RETRY_MAX_MS = 60 * SECOND_MS

export class HandshakeThrottle {
  readonly #perSecond: number
  #places: number
  #filledMs: number
  /** When the login that was refused last is to retry. */
  #lastRetryMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#places = perSecond
    this.#filledMs = nowMs
  }

  /** 0 = it may come in; else after how many ms to retry. */
  admit(nowMs: number): number {
    const refill = ((nowMs - this.#filledMs) / SECOND_MS) * this.#perSecond
    this.#filledMs = nowMs
    this.#places = Math.min(this.#perSecond, this.#places + refill)
    if (this.#places >= 1) {
      this.#places--
      return 0
    }
    const retryMs = Math.max(this.#lastRetryMs, nowMs + SECOND_MS) + SECOND_MS / this.#perSecond
    this.#lastRetryMs = Math.min(retryMs, nowMs + RETRY_MAX_MS)
    return this.#lastRetryMs - nowMs
  }
}
