/**
 * Which of two processes keeps a node's name (NODE_ID), when both have the same.
 *
 * The one that comes last has it: a process that is started anew must not wait for the one that it replaces. The earlier one
 * takes it back once, for the newcomer may have been a start that failed, and stands aside when it loses it again; at
 * once, if it was away itself (frozen, cut off) and was replaced meanwhile. So each process loses the name a bounded
 * number of times, and one of them keeps it. A process that stands aside takes it again when the other is gone.
 */
import type { Holder } from '../types.js'

/** Another process that has the name now. */
export interface Rival {
  holder: Holder
  /** What is left of its lease; 0 or less = it has ended, and it has not been marked dead yet. ms */
  leaseLeftMs: number
}

/** A name that was taken back and lost again within so many leases was not lost to a start that failed. */
const CONTEST_LEASES = 10
/** One look may fall between the return of a store and the other's renewal. */
const GONE_LOOKS = 2

export class NodeName {
  readonly #leaseMs: number
  #lostMs = Number.NEGATIVE_INFINITY
  #goneLooks = 0
  #isAside = false

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  get isAside(): boolean {
    return this.#isAside
  }

  /**
   * The lease is lost. True = take a new one; false = stand aside. `awayMs`: since it was taken, or a renewal worked;
   * `rival`: undefined = nobody has the name.
   */
  mayTake(rival: Rival | undefined, awayMs: number, nowMs: number): boolean {
    if (rival === undefined || this.#isAside) return this.#isOver(rival)
    if (rival.leaseLeftMs <= 0) return true
    const isContest = nowMs - this.#lostMs < CONTEST_LEASES * this.#leaseMs
    this.#lostMs = nowMs
    this.#isAside = isContest || awayMs > this.#leaseMs
    this.#goneLooks = 0
    return !this.#isAside
  }

  #isOver(rival: Rival | undefined): boolean {
    this.#goneLooks = rival !== undefined && rival.leaseLeftMs > 0 ? 0 : this.#goneLooks + 1
    if (rival !== undefined && this.#goneLooks < GONE_LOOKS) return false
    this.#isAside = false
    return true
  }
}
