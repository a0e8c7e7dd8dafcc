/** A leaky bucket: what is done fills it, time empties it. For work whose weight is known only when some is done. */
export class LeakyBucket {
  readonly #perSecond: number
  #level = 0
  #leakedMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#leakedMs = nowMs
  }

  levelAt(nowMs: number): number {
    const leaked = ((nowMs - this.#leakedMs) / 1_000) * this.#perSecond
    this.#leakedMs = nowMs
    this.#level = Math.max(0, this.#level - leaked)
    return this.#level
  }

  fill(amount: number): void {
    this.#level += amount
  }
}
