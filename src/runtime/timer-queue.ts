/**
 * Timers of one thread: a binary heap by due time, woken by one timer of the environment.
 *
 * Ties fire in the order they were set. Cancelling marks an entry; it leaves the heap when it is due, or when
 * more than half of the heap is marked, so that a cancelled timer costs no search.
 *
 * Long timers have slack: all that fall into one second are due at its end, together. A thread with thousands of
 * connections, each with timers of its own, is then woken once a second for them (the CPU of an idle connection halves).
 *
 * After a stall (the process was paused, or the thread was busy) timers are held back once more, briefly: what arrived
 * during the stall is heard first. Otherwise silence would be taken for absence, and answers for missing.
 */
import type { Environment } from './environment.js'

const SLACK_FROM_MS = 10_000
const SLACK_MS = 1_000
/** A timer that fires so late says that the thread stood still. */
const STALL_MS = 500
/** Long enough to read what sockets and ports have brought meanwhile. */
const STALL_HOLD_MS = 200

/** One timer. The queue's to change while it is in it. */
export interface TimerEntry {
  dueMs: number
  /** In the order they were set. */
  sequence: number
  /** It is in the queue, and has neither fired nor been cancelled. */
  live: boolean
  fire(): void
}

export class TimerQueue {
  readonly #environment: Environment
  #heap: TimerEntry[] = []
  #dead = 0
  #sequence = 0
  #wakesAtMs = Number.POSITIVE_INFINITY
  #heldUntilMs = Number.NEGATIVE_INFINITY
  /** One hold for a stall: a thread that is always late must come to its timers. */
  #wasHeld = false
  #cancelWake: (() => void) | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get size(): number {
    return this.#heap.length - this.#dead
  }

  add(delayMs: number, fire: () => void): TimerEntry {
    const entry: TimerEntry = { dueMs: 0, sequence: 0, live: false, fire }
    this.set(entry, delayMs)
    return entry
  }

  /** Of an entry that is not in the queue. With a delay of SLACK_FROM_MS or more it may be late by up to SLACK_MS. */
  set(entry: TimerEntry, delayMs: number): void {
    const exactMs = this.#environment.nowMs() + Math.max(0, delayMs)
    this.#enter(entry, delayMs < SLACK_FROM_MS ? exactMs : Math.ceil(exactMs / SLACK_MS) * SLACK_MS)
  }

  /**
   * Of an entry that has fired: a period after it was due, so that neither slack nor a late thread makes the period
   * longer. A period that has gone by already is left out.
   */
  repeat(entry: TimerEntry, periodMs: number): void {
    const nowMs = this.#environment.nowMs()
    const dueMs = entry.dueMs + periodMs
    this.#enter(entry, dueMs > nowMs ? dueMs : nowMs + periodMs)
  }

  cancel(entry: TimerEntry): void {
    if (!entry.live) return
    entry.live = false
    this.#dead++
    if (this.#dead > 64 && this.#dead > this.#heap.length / 2) this.#compact()
  }

  /** Fire nothing more, and let the environment forget this queue. */
  close(): void {
    this.#cancelWake?.()
    this.#heap = []
    this.#dead = 0
  }

  #fireDue(): void {
    const nowMs = this.#environment.nowMs()
    this.#wasHeld = !this.#wasHeld && nowMs - this.#wakesAtMs > STALL_MS
    this.#wakesAtMs = Number.POSITIVE_INFINITY
    if (this.#wasHeld) {
      this.#heldUntilMs = nowMs + STALL_HOLD_MS
      return this.#arm()
    }
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= nowMs; next = this.#heap[0]) {
      this.#pop()
      if (!next.live) this.#dead--
      else {
        next.live = false
        next.fire()
      }
    }
    this.#arm()
  }

  #arm(): void {
    const next = this.#heap[0]
    if (next === undefined) return
    const wakeMs = Math.max(next.dueMs, this.#heldUntilMs)
    if (wakeMs >= this.#wakesAtMs) return
    this.#cancelWake?.()
    this.#wakesAtMs = wakeMs
    // Rounded up: a timer of the platform may fire a fraction early, and would find nothing due.
    const delayMs = Math.ceil(Math.max(0, wakeMs - this.#environment.nowMs()))
    this.#cancelWake = this.#environment.wake(delayMs, () => this.#fireDue())
  }

  #enter(entry: TimerEntry, dueMs: number): void {
    entry.dueMs = dueMs
    entry.sequence = this.#sequence++
    entry.live = true
    this.#push(entry)
    this.#arm()
  }

  #compact(): void {
    const live = this.#heap.filter((entry) => entry.live)
    this.#heap = []
    this.#dead = 0
    for (const entry of live) this.#push(entry)
  }

  #push(entry: TimerEntry): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(entry)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: TimerEntry, b: TimerEntry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)
}
