/**
 * Timers of one thread: a binary heap by due time, woken by one timer of the environment.
 *
 * Ties fire in the order they were set. Cancelling marks an entry; it leaves the heap when it is due, or when
 * more than half of the heap is marked, so that a cancelled timer costs no search.
 *
 * Long timers have slack: all that fall into one second are due at its end, together. A thread with thousands of
 * connections, each with timers of its own, is then woken once a second for them (the CPU of an idle connection halves).
 */
import type { Environment } from './environment.js'

const SLACK_FROM_MS = 10_000
const SLACK_MS = 1_000

export interface TimerEntry {
  dueMs: number
  readonly fire: () => void
  live: boolean
}

export class TimerQueue {
  readonly #environment: Environment
  #heap: Entry[] = []
  #dead = 0
  #sequence = 0
  #wakesAtMs = Number.POSITIVE_INFINITY
  #cancelWake: (() => void) | undefined

  constructor(environment: Environment) {
    this.#environment = environment
  }

  get size(): number {
    return this.#heap.length - this.#dead
  }

  /** With a delay of SLACK_FROM_MS or more it may be late by up to SLACK_MS. */
  add(delayMs: number, fire: () => void): TimerEntry {
    const exactMs = this.#environment.nowMs() + Math.max(0, delayMs)
    const dueMs = delayMs < SLACK_FROM_MS ? exactMs : Math.ceil(exactMs / SLACK_MS) * SLACK_MS
    const entry: Entry = { dueMs, sequence: this.#sequence++, fire, live: true }
    this.#push(entry)
    this.#arm()
    return entry
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
    this.#wakesAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#environment.nowMs()
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
    if (next === undefined || next.dueMs >= this.#wakesAtMs) return
    this.#cancelWake?.()
    this.#wakesAtMs = next.dueMs
    // Rounded up: a timer of the platform may fire a fraction early, and would find nothing due.
    const delayMs = Math.ceil(Math.max(0, next.dueMs - this.#environment.nowMs()))
    this.#cancelWake = this.#environment.wake(delayMs, () => this.#fireDue())
  }

  #compact(): void {
    const live = this.#heap.filter((entry) => entry.live)
    this.#heap = []
    this.#dead = 0
    for (const entry of live) this.#push(entry)
  }

  #push(entry: Entry): void {
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

interface Entry extends TimerEntry {
  readonly sequence: number
}

function before(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence)
}
