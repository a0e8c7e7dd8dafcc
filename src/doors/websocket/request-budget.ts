/**
 * What one connection may ask: requests in a second, and how much they weigh.
 *
 * Requests are a token bucket: so many a second, and as many at once after a quiet second. Their weight fills a bucket
 * that leaks at the same rate. A request counts as one, and weighs one more for each 16 KiB that it unpacks to and for
 * each 100 users that it lists. As the weight is known only when the frame is unpacked, a frame is let in while the
 * bucket is not full, and the next ones wait for what it weighed.
 */
import { watchRequestBytes } from '../../rules/presence/watch-list.js'
import { LeakyBucket } from './leaky-bucket.js'

const BYTES_PER_WEIGHT = 16_384
const ELEMENTS_PER_WEIGHT = 100
/** A client watches its whole list when it comes; and its app may do so once more. */
const FULL_LISTS = 2

export interface RequestLimits {
  requestsPerSMax: number
  watchesPerConnectionMax: number
}

/** What bytes weigh, unpacked. */
export function weightOfBytes(bytes: number): number {
  return Math.floor(bytes / BYTES_PER_WEIGHT)
}

/** What the elements of a request's lists weigh. */
export function weightOfElements(elements: number): number {
  return Math.floor(elements / ELEMENTS_PER_WEIGHT)
}

export class RequestBudget {
  readonly #limits: RequestLimits
  #tokens: number
  #filledMs: number
  /** Made by the first request that weighs something: most connections never have one. */
  #weight: LeakyBucket | undefined

  constructor(limits: RequestLimits, nowMs: number) {
    this.#limits = limits
    this.#tokens = limits.requestsPerSMax
    this.#filledMs = nowMs
  }

  /**
   * Count a request. False = overdrawn. It may go on being overdrawn, up to a second's worth, so that the caller can
   * tell impatience (answer with an error) from a flood (close).
   */
  take(nowMs: number): boolean {
    const { requestsPerSMax } = this.#limits
    const refill = ((nowMs - this.#filledMs) / 1_000) * requestsPerSMax
    this.#filledMs = nowMs
    this.#tokens = Math.min(requestsPerSMax, this.#tokens + refill)
    if (this.#tokens > -requestsPerSMax) this.#tokens--
    return this.#tokens >= 0 && !this.#isFull(nowMs)
  }

  /** Add what the request weighs beside itself. */
  charge(weight: number, nowMs: number): void {
    if (weight === 0) return
    this.#weight ??= new LeakyBucket(this.#limits.requestsPerSMax, nowMs)
    this.#weight.fill(weight)
  }

  /** Overdrawn by a whole second's worth. */
  get isFlooded(): boolean {
    return this.#tokens <= -this.#limits.requestsPerSMax
  }

  #isFull(nowMs: number): boolean {
    if (this.#weight === undefined) return false
    const { requestsPerSMax, watchesPerConnectionMax } = this.#limits
    const fullList =
      weightOfBytes(watchRequestBytes(watchesPerConnectionMax)) + weightOfElements(watchesPerConnectionMax)
    // At least a second's worth: where lists are short, a few in a row are no flood.
    return this.#weight.levelAt(nowMs) > Math.max(requestsPerSMax, FULL_LISTS * fullList)
  }
}
