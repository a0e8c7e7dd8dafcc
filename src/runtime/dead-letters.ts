/** Messages with no living reader or no room: counted by reason, logged at a bounded rate, never silent. */
import type { Environment, Log } from './environment.js'

export type DeadLetterReason =
  | 'noSuchActor'
  | 'mailboxFull'
  | 'unlinked'
  | 'linkFull'
  | 'lateAnswer'
  | 'stopped'

/** One line per reason and window. */
const LOG_WINDOW_MS = 1_000

export class DeadLetters {
  readonly counts: Record<DeadLetterReason, number> = {
    noSuchActor: 0,
    mailboxFull: 0,
    unlinked: 0,
    linkFull: 0,
    lateAnswer: 0,
    stopped: 0,
  }
  readonly #environment: Environment
  readonly #log: Log
  readonly #loggedAtMs = new Map<DeadLetterReason, number>()

  constructor(environment: Environment, log: Log) {
    this.#environment = environment
    this.#log = log
  }

  add(reason: DeadLetterReason, thread: number, actor: number, message: unknown): void {
    this.counts[reason]++
    const nowMs = this.#environment.nowMs()
    if (nowMs - (this.#loggedAtMs.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_WINDOW_MS) return
    this.#loggedAtMs.set(reason, nowMs)
    const kind = (message as { kind?: unknown } | null)?.kind
    const total = this.counts[reason]
    // Late answers and letters to what has just ended are everyday; a full mailbox or link is a fault.
    const level = reason === 'mailboxFull' || reason === 'linkFull' ? 'warn' : 'debug'
    this.#log[level]({ reason, thread, actor, kind, total }, 'dead letter')
  }
}
