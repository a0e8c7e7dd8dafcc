/** Questions of one thread that wait for their outcome: each gets exactly one, an answer or why there is none. */
import type { Outcome } from './actor.js'
import { type RuntimeErrorCode, runtimeError } from './errors.js'
import type { ThreadSlot } from './ref.js'
import type { TimerEntry, TimerQueue } from './timer-queue.js'

interface PendingAsk {
  thread: ThreadSlot
  resolve(outcome: Outcome<unknown>): void
  deadline: TimerEntry
}

export class PendingAsks {
  readonly #timers: TimerQueue
  readonly #asks = new Map<number, PendingAsk>()
  #next: number

  /** `first`: the first number, which no earlier incarnation of the thread has given. */
  constructor(timers: TimerQueue, first: number) {
    this.#timers = timers
    this.#next = first
  }

  /** The number by which the answer comes. Fails with ASK_DEADLINE when none has come in time. */
  open(thread: ThreadSlot, deadlineMs: number, resolve: PendingAsk['resolve']): number {
    const correlation = this.#next++
    const deadline = this.#timers.add(deadlineMs, () => {
      this.fail(correlation, 'ASK_DEADLINE', `no answer within ${deadlineMs} ms`)
    })
    this.#asks.set(correlation, { thread, resolve, deadline })
    return correlation
  }

  /** False when nobody waits for it any more. */
  settle(correlation: number, outcome: Outcome<unknown>): boolean {
    const ask = this.#asks.get(correlation)
    if (ask === undefined) return false
    this.#asks.delete(correlation)
    this.#timers.cancel(ask.deadline)
    ask.resolve(outcome)
    return true
  }

  fail(correlation: number, code: RuntimeErrorCode, message: string): void {
    this.settle(correlation, { ok: false, error: runtimeError(code, message) })
  }

  /** Fail the asks of a thread that is gone. */
  failThread(thread: ThreadSlot, reason: string): void {
    for (const [correlation, ask] of this.#asks) {
      if (ask.thread === thread) this.fail(correlation, 'THREAD_LOST', `thread ${thread}: ${reason}`)
    }
  }
}
