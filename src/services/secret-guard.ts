/**
 * Throttles wrong secrets, for each address: after a few within a minute the next secret, right or wrong, is not checked
 * until the wait is over. Attempts during the wait do not count, so the wait never grows.
 *
 * An address that has sent the right secret may make more mistakes: servers may share their address with somebody who
 * guesses.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { RecentMap } from '../rules/recent-map.js'
import { RateTable } from './rate-table.js'

const MINUTE_MS = 60_000
const WRONG_PER_MIN = 10
/** From an address that has sent the right secret within the last hour. */
const WRONG_PER_MIN_KNOWN = 100
const KNOWN_MS = 60 * MINUTE_MS
const KNOWN_MAX = 1_024

export type SecretVerdict = 'right' | 'wrong' | { waitMs: number }

export class SecretGuard {
  readonly #secret: string
  readonly #digest: Buffer
  readonly #wrong: RateTable
  readonly #wrongOfKnown: RateTable
  /** Address -> when the right secret came from it last. */
  readonly #known = new RecentMap<string, number>(KNOWN_MAX)

  /** `salt`: unknown outside. */
  constructor(secret: string, salt: string) {
    this.#secret = secret
    this.#digest = digestOf(secret)
    this.#wrong = new RateTable({ count: WRONG_PER_MIN, periodMs: MINUTE_MS, salt })
    this.#wrongOfKnown = new RateTable({ count: WRONG_PER_MIN_KNOWN, periodMs: MINUTE_MS, salt })
  }

  /** Whether the secret is in a text that is to be logged. */
  isIn(text: string): boolean {
    return text.includes(this.#secret)
  }

  /** `nowMs`: of a clock that only rises. */
  judge(given: string, address: string, nowMs: number): SecretVerdict {
    const table =
      nowMs - (this.#known.get(address) ?? Number.NEGATIVE_INFINITY) < KNOWN_MS
        ? this.#wrongOfKnown
        : this.#wrong
    const waitMs = table.waitMs(address, nowMs)
    if (waitMs > 0) return { waitMs }
    // Digests have one length, whatever was sent: the comparison tells nothing by its time.
    if (!timingSafeEqual(digestOf(given), this.#digest)) {
      table.take(address, nowMs)
      return 'wrong'
    }
    this.#known.set(address, nowMs)
    return 'right'
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
