/** What inputs have reached so far, by the counters of instrumented code. */

/** The property of `globalThis` with the counters; to be set before an instrumented module is imported. */
export const COUNTERS = '__fuzzCounters'

/** A counter above 0 falls in one of 32 classes, by its power of two: a loop that runs ten times longer is news. */
function classOf(count: number): number {
  return 1 << (31 - Math.clz32(count))
}

export class Coverage {
  /** Classes seen of each counter, as bits. */
  readonly #seen: Uint32Array

  constructor(private readonly counters: Uint32Array) {
    this.#seen = new Uint32Array(counters.length)
  }

  /** To be called before an input is run. */
  reset(): void {
    this.counters.fill(0)
  }

  /**
   * What the input did: how many counted steps, how many counters came into a class never seen before, and how many of
   * those were reached for the first time.
   */
  take(): { steps: number; news: number; firsts: number } {
    const { counters } = this
    const seen = this.#seen
    let steps = 0
    let news = 0
    let firsts = 0
    for (let at = 0; at < counters.length; at++) {
      const count = counters[at]!
      if (count === 0) continue
      steps += count
      const mask = classOf(count)
      const before = seen[at]!
      if ((before & mask) !== 0) continue
      seen[at] = before | mask
      news++
      if (before === 0) firsts++
    }
    return { steps, news, firsts }
  }

  /** As if no input had been run. */
  forget(): void {
    this.#seen.fill(0)
  }

  /** Counters that some input has reached. */
  get reached(): number {
    return this.#seen.reduce((sum, classes) => sum + (classes === 0 ? 0 : 1), 0)
  }

  isReached(first: number, count: number): boolean {
    return this.#seen.subarray(first, first + count).some((classes) => classes !== 0)
  }
}
