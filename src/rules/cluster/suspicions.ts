/**
 * Which nodes have missed so many renewals that the registry may mark them dead.
 *
 * The registry names a node as a suspect, in its answer to other nodes' renewals, when it has missed a renewal. The end of a lease says little by
 * itself: while the store was away nobody could renew, and afterwards some come sooner than others. So a suspicion counts
 * when this node has renewed in turn for half a lease, and was told the same of the other each time.
 */
import type { Suspect } from './membership.js'

export class Suspicions {
  /** Longer between two renewals, and the store may have been away for others too. */
  readonly #turnMaxMs: number
  readonly #suspectedMinMs: number
  /** When the last renewal that worked was sent. */
  #renewedMs = Number.NEGATIVE_INFINITY
  /** What it told, and since when renewals in turn have told the same. */
  #suspects: { suspect: Suspect; sinceMs: number }[] = []

  constructor(nodeLeaseMs: number) {
    this.#turnMaxMs = nodeLeaseMs / 2
    this.#suspectedMinMs = nodeLeaseMs / 2
  }

  /** A renewal that was sent then has told these. */
  told(suspects: readonly Suspect[], sentMs: number): void {
    const before = this.#isInTurn(sentMs) ? this.#suspects : []
    this.#renewedMs = sentMs
    this.#suspects = suspects.map((suspect) => {
      const known = before.find((one) => isSame(one.suspect, suspect))
      return known ?? { suspect, sinceMs: sentMs }
    })
  }

  /** To be named in a renewal that is sent now. */
  overdue(nowMs: number): Suspect[] {
    if (!this.#isInTurn(nowMs)) return []
    return this.#suspects
      .filter(({ sinceMs }) => nowMs - sinceMs >= this.#suspectedMinMs)
      .map(({ suspect }) => suspect)
  }

  #isInTurn(nowMs: number): boolean {
    return nowMs - this.#renewedMs <= this.#turnMaxMs
  }
}

/** It has done nothing since. */
function isSame(a: Suspect, b: Suspect): boolean {
  return a.holder === b.holder && a.leaseEndMs === b.leaseEndMs
}
