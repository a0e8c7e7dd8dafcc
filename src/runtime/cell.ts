/** One living actor: its definition, state, mailbox and timers. The context that its functions are given. */
import type { ActorDefinition, Context, Outcome, Signal, StopCause } from './actor.js'
import type { Environment, Log } from './environment.js'
import { fromWire, toWire } from './errors.js'
import { Mailbox } from './mailbox.js'
import type { ActorId, AnswerOf, Kinded, Question, QuestionOf, Ref, ReplyTo } from './ref.js'
import { type FailureRecord, judge, noFailures, restartWithBackoff, type Supervision } from './supervision.js'
import type { TimerEntry, TimerQueue } from './timer-queue.js'

/** What a cell needs of the system that it lives in. */
export interface CellHost {
  readonly environment: Environment
  readonly log: Log
  readonly timers: TimerQueue
  tell<M>(to: Ref<M>, message: M): void
  tryTell<M>(to: Ref<M>, message: M): boolean
  signal<M>(to: Ref<M>, message: M): void
  /** `then` is called exactly once: with the answer, or with why there is none. */
  askThen(
    to: Ref<never>,
    question: unknown,
    deadlineMs: number,
    then: (outcome: Outcome<unknown>) => void,
  ): void
  answer(to: ReplyTo<never>, ok: boolean, value: unknown): void
  spawn<M, S, A>(definition: ActorDefinition<M, S, A>, args: A, id?: ActorId): Ref<M>
  /** Deliver an outcome that the cell asked for, a timer, or news of a thread. A signal: never refused. */
  tellOwn(cell: Cell, message: unknown): void
  /** There may be mail to take. */
  wakeCell(cell: Cell): void
  /** End a cell for good. */
  stopCell(cell: Cell, cause: StopCause): void
  noteFailure(kind: string): void
  /** A failure that the thread must not survive. */
  escalate(kind: string, error: unknown): void
}

/** `waiting`: between a failure and its restart; letters gather. */
type Phase = 'running' | 'waiting' | 'stopped'

/**
 * The actor's timers. One linked list: most actors have one timer or none.
 * It is also the letter that comes when the timer is due; cancelled meanwhile, it is not in the list any more.
 */
class KeyedTimer implements TimerEntry {
  dueMs = 0
  sequence = 0
  live = false
  next: KeyedTimer | undefined

  constructor(
    readonly cell: Cell,
    readonly key: string,
    readonly message: unknown,
    readonly periodMs: number,
  ) {}

  fire(): void {
    this.cell.timerFired(this)
  }
}

/**
 * The outcome of an ask or a promise, on its way through the mailbox. It becomes a message when it is taken: an actor
 * that restarted meanwhile must not hear it, and an exception of `toMessage` is a failure of this actor alone.
 */
class Heard {
  constructor(
    readonly life: number,
    readonly outcome: Outcome<never>,
    readonly toMessage: (outcome: Outcome<never>) => unknown,
  ) {}
}

/** News from the runtime, on its way through the mailbox. */
export class News {
  constructor(readonly signal: Signal) {}
}

const MAILBOX_COUNT_MAX = 262_144

export class Cell<M = unknown, S = unknown, A = unknown> implements Context<M> {
  readonly self: Ref<M>
  readonly mailbox = new Mailbox()
  replyTo: ReplyTo<never> | undefined
  restarts = 0
  /** In the system's queue of actors with mail. */
  isReady = false
  /** Rises with each restart: outcomes and timers of an earlier life are dropped. */
  life = 0
  phase: Phase = 'running'
  readonly #system: CellHost
  readonly #definition: ActorDefinition<M, S, A>
  /** Undefined once they are not needed any more: one who is never restarted has one life. */
  #args: A | undefined
  #state: S | undefined
  #timers: KeyedTimer | undefined
  #failures: FailureRecord = noFailures

  constructor(system: CellHost, self: Ref<M>, definition: ActorDefinition<M, S, A>, args: A) {
    this.#system = system
    this.self = self
    this.#definition = definition
    this.#args = args
  }

  get kind(): string {
    return this.#definition.kind
  }

  get hearsSignals(): boolean {
    return this.#definition.onSignal !== undefined
  }

  get mailboxCountMax(): number {
    return this.#definition.mailboxCountMax ?? MAILBOX_COUNT_MAX
  }

  get #rule(): Supervision {
    return this.#definition.supervision ?? restartWithBackoff
  }

  get log(): Log {
    return this.#system.log
  }

  /** Begin a life. */
  start(): void {
    try {
      this.#state = this.#definition.start(this, this.#args as A)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#rule.directive !== 'restart') this.#args = undefined
  }

  /** Take one letter from the mailbox. */
  step(): void {
    try {
      const letter = this.mailbox.take()
      if (letter === undefined) return
      let message = letter.message
      if (message instanceof News) {
        this.#definition.onSignal?.(this, this.#state as S, message.signal)
        return
      }
      if (message instanceof KeyedTimer) {
        if (!this.#isSet(message)) return
        if (message.periodMs === 0) this.#remove(message)
        message = message.message
      } else if (message instanceof Heard) {
        if (message.life !== this.life) return
        message = message.toMessage(message.outcome)
      }
      this.replyTo = letter.replyTo
      this.#definition.receive(this, this.#state as S, message as M)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.replyTo = undefined
    }
  }

  /** End this life; `stopped` and `failed` end the actor. */
  end(cause: StopCause): void {
    if (this.phase === 'stopped') return
    const wasRunning = this.phase === 'running'
    this.phase = cause === 'restarting' ? 'waiting' : 'stopped'
    if (wasRunning && this.#state !== undefined) this.#sayGoodbye(this.#state, cause)
    this.#state = undefined
    // After `stop`, so that timers and asks that it set end with this life too.
    this.life++
    this.#cancelTimers()
  }

  nowMs(): number {
    return this.#system.environment.nowMs()
  }

  random(): number {
    return this.#system.environment.random()
  }

  tell<T>(to: Ref<T>, message: T): void {
    this.#system.tell(to, message)
  }

  tryTell<T>(to: Ref<T>, message: T): boolean {
    return this.#system.tryTell(to, message)
  }

  signal<T>(to: Ref<T>, message: T): void {
    this.#system.signal(to, message)
  }

  ask<T extends Kinded, K extends T['kind']>(
    to: Ref<T>,
    question: QuestionOf<T, K>,
    deadlineMs: number,
    toMessage: (outcome: Outcome<AnswerOf<Extract<T, { kind: K }>>>) => M,
  ): void {
    this.#system.askThen(to, question, deadlineMs, this.#hear(toMessage))
  }

  pipe<T>(promise: Promise<T>, toMessage: (outcome: Outcome<T>) => M): void {
    const hear = this.#hear(toMessage)
    promise.then(
      (value) => hear({ ok: true, value }),
      (error) => hear({ ok: false, error: fromWire(toWire(error)) }),
    )
  }

  asker<Q extends Question<unknown>>(_question: Q): ReplyTo<AnswerOf<Q>> {
    if (this.replyTo === undefined) throw new TypeError('The question in hand was told, and not asked.')
    // The sender of a question waits for an answer of its type.
    return this.replyTo as ReplyTo<AnswerOf<Q>>
  }

  reply<R>(to: ReplyTo<R>, answer: R): void {
    this.#system.answer(to, true, answer)
  }

  replyWith<R>(to: ReplyTo<R>, promise: Promise<R>): void {
    promise.then(
      (answer) => this.reply(to, answer),
      (error) => this.fail(to, error),
    )
  }

  fail(to: ReplyTo<never>, error: unknown): void {
    this.#system.answer(to, false, toWire(error))
  }

  once(key: string, delayMs: number, message: M): void {
    this.#setTimer(key, delayMs, message, 0)
  }

  every(key: string, periodMs: number, message: M): void {
    this.#setTimer(key, periodMs, message, periodMs)
  }

  cancel(key: string): void {
    for (let timer = this.#timers; timer !== undefined; timer = timer.next) {
      if (timer.key !== key) continue
      this.#remove(timer)
      return
    }
  }

  spawn<T, TS, TA>(definition: ActorDefinition<T, TS, TA>, args: TA, id?: ActorId): Ref<T> {
    return this.#system.spawn(definition, args, id)
  }

  stop(): void {
    this.#system.stopCell(this as Cell, 'stopped')
  }

  /** For this life: takes an outcome, and has it heard as a message. */
  #hear(toMessage: (outcome: Outcome<never>) => M): (outcome: Outcome<unknown>) => void {
    const life = this.life
    return (outcome) => {
      if (this.life !== life) return
      this.#system.tellOwn(this as Cell, new Heard(life, outcome as Outcome<never>, toMessage))
    }
  }

  #sayGoodbye(state: S, cause: StopCause): void {
    try {
      this.#definition.onStop?.(this, state, cause)
    } catch (error) {
      this.log.error({ kind: this.kind, error: toWire(error) }, 'actor failed while it stopped')
    }
  }

  #setTimer(key: string, delayMs: number, message: M, periodMs: number): void {
    this.cancel(key)
    const timer = new KeyedTimer(this as Cell, key, message, periodMs)
    this.#system.timers.set(timer, delayMs)
    timer.next = this.#timers
    this.#timers = timer
  }

  timerFired(timer: KeyedTimer): void {
    if (timer.periodMs > 0) this.#system.timers.repeat(timer, timer.periodMs)
    this.#system.tellOwn(this as Cell, timer)
  }

  #isSet(timer: KeyedTimer): boolean {
    let at = this.#timers
    while (at !== undefined && at !== timer) at = at.next
    return at === timer
  }

  #remove(timer: KeyedTimer): void {
    this.#system.timers.cancel(timer)
    if (this.#timers === timer) this.#timers = timer.next
    for (let at = this.#timers; at !== undefined; at = at.next) {
      if (at.next === timer) at.next = timer.next
    }
  }

  #cancelTimers(): void {
    for (let timer = this.#timers; timer !== undefined; timer = timer.next) this.#system.timers.cancel(timer)
    this.#timers = undefined
  }

  #fail(error: unknown): void {
    const { environment } = this.#system
    const verdict = judge(this.#rule, this.#failures, environment.nowMs(), environment.random())
    this.#failures = verdict.record
    this.#system.noteFailure(this.kind)
    this.log.error(
      {
        kind: this.kind,
        actor: this.self.actor,
        directive: verdict.directive,
        inARow: verdict.record.inARow,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      },
      'actor failed',
    )
    if (verdict.directive === 'restart') {
      this.end('restarting')
      this.#system.timers.add(verdict.delayMs, () => this.#restart())
    } else {
      this.#system.stopCell(this as Cell, 'failed')
      if (verdict.directive === 'escalate') this.#system.escalate(this.kind, error)
    }
  }

  #restart(): void {
    if (this.phase !== 'waiting') return
    this.phase = 'running'
    this.restarts++
    this.start()
    this.#system.wakeCell(this as Cell)
  }
}
