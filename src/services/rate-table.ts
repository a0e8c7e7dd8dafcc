/**
 * How often something may come from many keys: so many in a period, and as many at once after a quiet one (GCRA, one
 * number a key). Bounded: keys share slots, by a salted hash, so that nobody can aim at the slot of another.
 */
import { hashOf } from '../rules/placement.js'

const SLOTS = 16_384

export interface Rate {
  count: number
  periodMs: number
  /** Unknown outside. */
  salt: string
}

export class RateTable {
  /** When a slot would be quiet again if nobody came any more; ms. */
  readonly #quietAtMs = new Float64Array(SLOTS).fill(Number.NEGATIVE_INFINITY)
  readonly #intervalMs: number
  readonly #count: number
  readonly #periodMs: number
  readonly #salt: string

  constructor({ count, periodMs, salt }: Rate) {
    this.#count = count
    this.#periodMs = periodMs
    this.#intervalMs = periodMs / count
    this.#salt = salt
  }

  /** Count `cost` events: 0 = they may happen; else in how many ms they may, and they are not counted. */
  take(key: string, nowMs: number, cost = 1): number {
    const slot = hashOf(this.#salt + key) % SLOTS
    const quietAtMs = Math.max(this.#quietAtMs[slot]!, nowMs) + Math.min(cost, this.#count) * this.#intervalMs
    // Whatever is less than a microsecond too early comes from the division.
    const waitMs = quietAtMs - nowMs - this.#periodMs
    if (waitMs > 0.001) return waitMs
    this.#quietAtMs[slot] = quietAtMs
    return 0
  }

  /** In how many ms one event may happen; 0 = now. Counts nothing. */
  waitMs(key: string, nowMs: number): number {
    const slot = hashOf(this.#salt + key) % SLOTS
    const waitMs = Math.max(this.#quietAtMs[slot]!, nowMs) + this.#intervalMs - nowMs - this.#periodMs
    return waitMs > 0.001 ? waitMs : 0
  }
}
