/**
 * The actors of one thread: who lives here, who has mail, and the links to the other threads.
 *
 * Everything enters through `tell`, `answer`, a link's frame or a timer, and runs in `#run`, which gives each
 * actor with mail a fair quantum in turn. Nothing here blocks, and nothing runs an actor inside another.
 */
import type { ActorDefinition, Outcome, Signal, StopCause } from './actor.js'
import { Cell, type CellHost, News } from './cell.js'
import { type DeadLetterReason, DeadLetters } from './dead-letters.js'
import type { Environment, Log } from './environment.js'
import { fromWire, runtimeError, toWire, type WireError } from './errors.js'
import {
  ANSWER,
  defaultLinkLimits,
  FAILED_ANSWER,
  type InboundFrame,
  Link,
  type LinkLimits,
  type LinkPort,
  SIGNAL,
  TOLD,
} from './link.js'
import type { LetterClass } from './mailbox.js'
import { PendingAsks } from './pending-asks.js'
import {
  ACTORS_PER_INCARNATION,
  type ActorId,
  type AnswerOf,
  type Kinded,
  NAMED_ACTORS,
  type QuestionOf,
  type Ref,
  type ReplyTo,
  type ThreadSlot,
} from './ref.js'
import { TimerQueue } from './timer-queue.js'

export interface SystemOptions {
  thread: ThreadSlot
  /** How often this slot was hosted before: keeps addresses and questions of its incarnations apart. */
  incarnation: number
  environment: Environment
  log: Log
  linkLimits?: LinkLimits
  /** An actor's failure that its thread must not survive. Default: throw, which ends the thread. */
  onEscalation?: (error: Error) => void
}

export interface SystemStats {
  actors: number
  waitingMessages: number
  deadLetters: Record<DeadLetterReason, number>
  failures: Record<string, number>
  linkBytes: number
  linkFrames: number
  linkLetters: number
  linkHeld: number
}

/** Messages of one actor before the next one's turn. */
const QUANTUM = 64
/** Messages of one run before the event loop gets its turn: sockets and timers must not starve either. */
const RUN_COUNT_MAX = 8_192

export class ActorSystem implements CellHost {
  readonly thread: ThreadSlot
  readonly environment: Environment
  readonly log: Log
  readonly timers: TimerQueue
  readonly deadLetters: DeadLetters
  readonly #cells = new Map<ActorId, Cell>()
  readonly #links = new Map<ThreadSlot, Link>()
  readonly #asks: PendingAsks
  readonly #failures: Record<string, number> = {}
  readonly #linkLimits: LinkLimits
  readonly #onEscalation: (error: Error) => void
  #ready: Cell[] = []
  #nextActor: ActorId
  #isRunning = false
  #isTurnEndDue = false
  #isClosed = false

  constructor(options: SystemOptions) {
    this.thread = options.thread
    this.environment = options.environment
    this.log = options.log
    this.timers = new TimerQueue(options.environment)
    this.deadLetters = new DeadLetters(options.environment, options.log)
    this.#linkLimits = options.linkLimits ?? defaultLinkLimits
    this.#nextActor = NAMED_ACTORS + options.incarnation * ACTORS_PER_INCARNATION
    this.#asks = new PendingAsks(this.timers, 1 + options.incarnation * ACTORS_PER_INCARNATION)
    this.#onEscalation =
      options.onEscalation ??
      ((error) => {
        throw error
      })
  }

  /** Start an actor; with `id` (< NAMED_ACTORS) under a well-known address. */
  spawn<M, S, A>(definition: ActorDefinition<M, S, A>, args: A, id?: ActorId): Ref<M> {
    const actor = id ?? this.#nextActor++
    if (this.#cells.has(actor)) throw new RangeError(`actor ${actor} already lives on thread ${this.thread}`)
    const ref: Ref<M> = { thread: this.thread, actor }
    const cell = new Cell(this, ref, definition, args)
    this.#cells.set(actor, cell as unknown as Cell)
    cell.start()
    if (cell.hearsSignals && cell.phase === 'running') {
      for (const thread of this.#links.keys()) {
        this.tellOwn(cell as unknown as Cell, new News({ kind: 'linked', thread }))
      }
    }
    return ref
  }

  tell<M>(to: Ref<M>, message: M): void {
    this.tryTell(to, message)
  }

  /** False when it was refused here and now, and became a dead letter. */
  tryTell<M>(to: Ref<M>, message: M): boolean {
    if (to.thread === this.thread) return this.#post(to.actor, message, 'message', undefined)
    return this.#send(to.thread, to.actor, TOLD, message) === undefined
  }

  /** Tell what no bound may refuse: see `Context.signal`. */
  signal<M>(to: Ref<M>, message: M): void {
    if (to.thread === this.thread) this.#post(to.actor, message, 'signal', undefined)
    else this.#send(to.thread, to.actor, SIGNAL, message)
  }

  /**
   * Tell from outside of actors, and let it be heard before this returns: for callbacks that must act at once. What
   * follows from it waits for the end of the turn, with what follows from other callbacks. False = refused.
   */
  tellNow<M>(to: Ref<M>, message: M): boolean {
    const isTaken = this.tryTell(to, message)
    const cell = this.#cells.get(to.actor)
    if (cell === undefined || this.#isRunning) return isTaken
    this.#isRunning = true
    this.#runCell(cell, Number.POSITIVE_INFINITY)
    this.#isRunning = false
    return isTaken
  }

  /** Ask from outside of actors, for entry points such as a web server. Rejects with a CodedError. */
  ask<T extends Kinded, K extends T['kind']>(
    to: Ref<T>,
    question: QuestionOf<T, K>,
    deadlineMs: number,
  ): Promise<AnswerOf<Extract<T, { kind: K }>>> {
    return new Promise((resolve, reject) => {
      this.askThen(to, question, deadlineMs, (outcome) => {
        if (outcome.ok) resolve(outcome.value as never)
        else reject(outcome.error)
      })
    })
  }

  askThen(
    to: Ref<never>,
    question: unknown,
    deadlineMs: number,
    then: (outcome: Outcome<unknown>) => void,
  ): void {
    const correlation = this.#asks.open(to.thread, deadlineMs, then)
    if (to.thread === this.thread) {
      this.#post(to.actor, question, 'message', { thread: this.thread, correlation })
      return
    }
    const refusal = this.#send(to.thread, to.actor, correlation, question)
    if (refusal === 'unlinked') {
      this.#asks.fail(correlation, 'THREAD_LOST', `thread ${to.thread} is not reachable`)
    } else if (refusal === 'linkFull') {
      this.#asks.fail(correlation, 'LINK_FULL', `too much waits for thread ${to.thread}`)
    }
  }

  answer(to: ReplyTo<never>, ok: boolean, value: unknown): void {
    if (to.thread === this.thread) this.#hearAnswer(to.correlation, ok, value)
    else this.#send(to.thread, ok ? ANSWER : FAILED_ANSWER, to.correlation, value)
  }

  /** Take over the path to a neighbour thread, new or hosted anew; tells the actors who want to know. */
  link(thread: ThreadSlot, port: LinkPort): void {
    this.unlink(thread, 'replaced')
    const link = new Link(
      port,
      this.#linkLimits,
      (to, correlation, payload, frame) => this.#receive(thread, to, correlation, payload, frame),
      () => this.#run(),
    )
    this.#links.set(thread, link)
    this.#signal({ kind: 'linked', thread })
  }

  /** A neighbour thread is gone: asks of it fail at once, messages told to it are dead letters. */
  unlink(thread: ThreadSlot, reason: string): void {
    const link = this.#links.get(thread)
    if (link === undefined) return
    this.#links.delete(thread)
    for (const { to, payload } of link.unsent()) this.deadLetters.add('unlinked', thread, to, payload)
    link.close()
    this.#asks.failThread(thread, reason)
    this.#signal({ kind: 'unlinked', thread, reason })
  }

  /** A link to the thread exists but has no credit: messages wait here. */
  isCongested(thread: ThreadSlot): boolean {
    return this.#links.get(thread)?.congested ?? false
  }

  /** Letters for the thread that wait here; 0 when it is this one or is not linked. */
  heldFor(thread: ThreadSlot): number {
    return this.#links.get(thread)?.held ?? 0
  }

  /** End every actor, then every link and timer. Messages that actors tell while they stop are still sent. */
  close(): void {
    for (const cell of [...this.#cells.values()]) this.stopCell(cell, 'stopped')
    this.#run()
    this.#isClosed = true
    for (const link of this.#links.values()) {
      link.flush()
      link.close()
    }
    this.#links.clear()
    this.timers.close()
  }

  stats(): SystemStats {
    const stats: SystemStats = {
      actors: this.#cells.size,
      waitingMessages: 0,
      deadLetters: { ...this.deadLetters.counts },
      failures: { ...this.#failures },
      linkBytes: 0,
      linkFrames: 0,
      linkLetters: 0,
      linkHeld: 0,
    }
    for (const cell of this.#ready) stats.waitingMessages += cell.mailbox.count
    for (const link of this.#links.values()) {
      const { bytesSent, framesSent, lettersSent, held } = link.stats
      stats.linkBytes += bytesSent
      stats.linkFrames += framesSent
      stats.linkLetters += lettersSent
      stats.linkHeld += held
    }
    return stats
  }

  tellOwn(cell: Cell, message: unknown): void {
    if (this.#cells.get(cell.self.actor) !== cell) return
    cell.mailbox.post(message, 'signal', undefined, undefined, 0)
    this.wakeCell(cell)
  }

  wakeCell(cell: Cell): void {
    if (cell.isReady || cell.phase !== 'running' || cell.mailbox.isEmpty) return
    cell.isReady = true
    this.#ready.push(cell)
    this.#endTurnSoon()
  }

  stopCell(cell: Cell, cause: StopCause): void {
    if (this.#cells.get(cell.self.actor) !== cell) return
    this.#cells.delete(cell.self.actor)
    cell.end(cause)
    for (let letter = cell.mailbox.take(); letter !== undefined; letter = cell.mailbox.take()) {
      this.#refuse('stopped', cell.self.actor, letter.message, letter.replyTo)
    }
  }

  noteFailure(kind: string): void {
    this.#failures[kind] = (this.#failures[kind] ?? 0) + 1
  }

  escalate(kind: string, error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error))
    this.#onEscalation(new Error(`actor ${kind} failed for good: ${cause.message}`, { cause }))
  }

  /** False when the letter was refused. */
  #post(
    actor: ActorId,
    message: unknown,
    letterClass: LetterClass,
    replyTo: ReplyTo<never> | undefined,
    frame?: InboundFrame,
  ): boolean {
    const cell = this.#cells.get(actor)
    if (cell === undefined) this.#refuse('noSuchActor', actor, message, replyTo)
    else if (!cell.mailbox.post(message, letterClass, replyTo, frame, cell.mailboxCountMax)) {
      this.#refuse('mailboxFull', actor, message, replyTo)
    } else {
      this.wakeCell(cell)
      return true
    }
    return false
  }

  /** Count a dead letter; a question among them fails at once. */
  #refuse(
    reason: DeadLetterReason,
    actor: ActorId,
    message: unknown,
    replyTo: ReplyTo<never> | undefined,
  ): void {
    this.deadLetters.add(reason, this.thread, actor, message)
    if (replyTo === undefined) return
    const code = reason === 'mailboxFull' ? 'MAILBOX_FULL' : 'NO_SUCH_ACTOR'
    this.answer(replyTo, false, toWire(runtimeError(code, `actor ${actor}: ${reason}`)))
  }

  /** Why the letter was refused; undefined = it is on its way. */
  #send(
    thread: ThreadSlot,
    to: number,
    correlation: number,
    payload: unknown,
  ): 'unlinked' | 'linkFull' | undefined {
    const link = this.#links.get(thread)
    const refusal =
      link === undefined ? 'unlinked' : link.push(to, correlation, payload) ? undefined : 'linkFull'
    if (refusal === undefined) this.#endTurnSoon()
    else this.deadLetters.add(refusal, thread, to, payload)
    return refusal
  }

  #receive(from: ThreadSlot, to: number, correlation: number, payload: unknown, frame: InboundFrame): void {
    const replyTo = to >= 0 && correlation > 0 ? { thread: from, correlation } : undefined
    // The credit of the link bounds told messages already, and their sender could not learn of a refusal here.
    const letterClass = replyTo === undefined ? 'signal' : 'message'
    if (to >= 0 && this.#post(to, payload, letterClass, replyTo, frame)) return
    if (to < 0) this.#hearAnswer(correlation, to === ANSWER, payload)
    frame.letterTaken()
  }

  #hearAnswer(correlation: number, ok: boolean, value: unknown): void {
    const outcome: Outcome<unknown> = ok ? { ok, value } : { ok: false, error: fromWire(value as WireError) }
    if (!this.#asks.settle(correlation, outcome)) {
      this.deadLetters.add('lateAnswer', this.thread, ANSWER, value)
    }
  }

  #signal(signal: Signal): void {
    for (const cell of this.#cells.values()) {
      if (!cell.hearsSignals || cell.phase === 'stopped') continue
      this.tellOwn(cell, new News(signal))
    }
  }

  /** Run the mailboxes and flush the links once, after what is going on now. */
  #endTurnSoon(): void {
    if (this.#isTurnEndDue || this.#isClosed) return
    this.#isTurnEndDue = true
    this.environment.defer(() => {
      this.#isTurnEndDue = false
      if (this.#isClosed) return
      this.#run()
      for (const link of this.#links.values()) link.flush()
    })
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    let taken = 0
    let at = 0
    const ready = this.#ready
    while (at < ready.length && taken < RUN_COUNT_MAX) {
      const cell = ready[at++]!
      taken += this.#runCell(cell, QUANTUM)
      cell.isReady = false
      if (cell.phase === 'running' && !cell.mailbox.isEmpty) {
        cell.isReady = true
        ready.push(cell)
      }
    }
    this.#ready = ready.slice(at)
    this.#isRunning = false
    if (this.#ready.length > 0) this.#endTurnSoon()
  }

  /** Returns how many messages were taken. */
  #runCell(cell: Cell, quantum: number): number {
    let taken = 0
    while (taken < quantum && cell.phase === 'running' && !cell.mailbox.isEmpty) {
      cell.step()
      taken++
    }
    return taken
  }
}
