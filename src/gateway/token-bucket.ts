/** A token bucket: so many a second, and as many at once after a quiet second. */
export class TokenBucket {
  readonly #perSecond: number
  #tokens: number
  #filledMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond
    this.#filledMs = nowMs
  }

  /**
   * Take one. A positive result is how far the bucket is overdrawn: it may go on being overdrawn, up to a second's
   * worth, so that the caller can tell impatience (answer with an error) from a flood (close).
   */
  take(nowMs: number): number {
    const refill = ((nowMs - this.#filledMs) / 1_000) * this.#perSecond
    this.#filledMs = nowMs
    this.#tokens = Math.min(this.#perSecond, this.#tokens + refill)
    if (this.#tokens > -this.#perSecond) this.#tokens--
    return this.#tokens >= 0 ? 0 : -this.#tokens
  }

  /** Overdrawn by a whole second's worth. */
  get isFlooded(): boolean {
    return this.#tokens <= -this.#perSecond
  }
}
