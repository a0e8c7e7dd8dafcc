/**
 * Admission: so many logins a second come in, and as many at once after a quiet second. The rest are told when to come
 * back, each somewhat later than the one before, so that they do not all come at once again. Whoever is turned away
 * takes nothing from those who come in.
 */

const SECOND_MS = 1_000
/** Nobody is sent away for longer. */
const AWAY_MAX_MS = 60 * SECOND_MS

export class Admission {
  readonly #perSecond: number
  #places: number
  #filledMs: number
  /** When the last who was turned away is to come back. */
  #lastBackMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#places = perSecond
    this.#filledMs = nowMs
  }

  /** 0 = come in; else in how many ms to come back. */
  admit(nowMs: number): number {
    const refill = ((nowMs - this.#filledMs) / SECOND_MS) * this.#perSecond
    this.#filledMs = nowMs
    this.#places = Math.min(this.#perSecond, this.#places + refill)
    if (this.#places >= 1) {
      this.#places--
      return 0
    }
    const backMs = Math.max(this.#lastBackMs, nowMs + SECOND_MS) + SECOND_MS / this.#perSecond
    this.#lastBackMs = Math.min(backMs, nowMs + AWAY_MAX_MS)
    return this.#lastBackMs - nowMs
  }
}
