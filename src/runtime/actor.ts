/** What an actor is made of, and what it may do. Examples: README.md beside this file. */
import type { Log } from './environment.js'
import type { CodedError } from './errors.js'
import type { ActorId, AnswerOf, Kinded, Question, QuestionOf, Ref, ReplyTo, ThreadSlot } from './ref.js'
import type { Supervision } from './supervision.js'

/**
 * A kind of actor: plain functions over a state that only this actor holds.
 *
 * `M` is what it hears (its public commands and its private ones), `S` its state, `A` what `start` needs.
 */
export interface ActorDefinition<M, S, A = void> {
  /** The noun in logs and metrics. */
  readonly kind: string
  /** Makes the state; called again after a failure (`ctx.restarts` > 0), to ask for what was lost. */
  start(ctx: Context<M>, args: A): S
  /** One message at a time. `supervision` decides what follows when it throws. */
  receive(ctx: Context<M>, state: S, message: M): void
  /** News from the runtime, after what the thread in question had told before. */
  onSignal?(ctx: Context<M>, state: S, signal: Signal): void
  /** Release what is held outside the actor. Timers and asks end by themselves. */
  onStop?(ctx: Context<M>, state: S, cause: StopCause): void
  /** Default: restart with backoff, see `supervision.ts`. */
  readonly supervision?: Supervision
  /** Messages that may wait, default 262,144; the next ones are dead letters. Signals do not count. */
  readonly mailboxCountMax?: number
}

/** `linked`: a neighbour thread is reachable, for the first time or hosted anew. `unlinked`: it was lost. */
export type Signal =
  | { kind: 'linked'; thread: ThreadSlot }
  | { kind: 'unlinked'; thread: ThreadSlot; reason: string }

export type StopCause = 'stopped' | 'failed' | 'restarting'

/** The outcome of an ask or of a promise. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; error: CodedError }

/** An actor's hands. Valid for the actor's life; nothing here blocks. */
export interface Context<M> {
  readonly self: Ref<M>
  /** How often this actor was started again after a failure. */
  readonly restarts: number
  readonly log: Log
  /** Milliseconds that never go back; comparable within one thread only. */
  nowMs(): number
  random(): number

  /** At most once; in order for one sender and one receiver. A full mailbox or link makes it a dead letter. */
  tell<T>(to: Ref<T>, message: T): void
  /**
   * Tell, and learn whether it is on its way. False = it became a dead letter at once: the sender has to make it good.
   * True is no receipt: the messages of a thread that dies are lost.
   */
  tryTell<T>(to: Ref<T>, message: T): boolean
  /**
   * Tell what must not be lost while the receiver lives: the end of something, or that everything has to be said
   * again. No bound refuses it, so its sender has to bound it: at most one for each thing that ends. In order with
   * what was told before.
   */
  signal<T>(to: Ref<T>, message: T): void
  /**
   * Tell, and hear the answer as a message of one's own. Exactly one outcome comes, by `deadlineMs` at the
   * latest, unless this actor restarts or stops first. Fails at once when the actor or its thread is gone.
   */
  ask<T extends Kinded, K extends T['kind']>(
    to: Ref<T>,
    question: QuestionOf<T, K>,
    deadlineMs: number,
    toMessage: (outcome: Outcome<AnswerOf<Extract<T, { kind: K }>>>) => M,
  ): void
  /** Hear the end of a promise as a message of one's own. */
  pipe<T>(promise: Promise<T>, toMessage: (outcome: Outcome<T>) => M): void

  /** Where the answer to the message in hand goes; undefined when it was told. */
  readonly replyTo: ReplyTo<never> | undefined
  /**
   * The same for a question, with the type of its answer. Keep it to answer later. Throws a TypeError when the question
   * was told.
   */
  asker<Q extends Question<unknown>>(question: Q): ReplyTo<AnswerOf<Q>>
  reply<R>(to: ReplyTo<R>, answer: R): void
  /** Answer with what a promise comes to, also when this actor has restarted by then. */
  replyWith<R>(to: ReplyTo<R>, promise: Promise<R>): void
  /** Answer with a failure; its code and message cross threads. */
  fail(to: ReplyTo<never>, error: unknown): void

  /**
   * Send `message` to self once, after `delayMs`; from ten seconds on up to one second late, together with others. A
   * timer with the same key replaces the old one.
   */
  once(key: string, delayMs: number, message: M): void
  /** The same, every `periodMs`; only the first may be late by the slack. */
  every(key: string, periodMs: number, message: M): void
  /** A cancelled timer's message is never seen, even when it was due. */
  cancel(key: string): void

  /** Start an actor on this thread; with `id` under a well-known address. */
  spawn<T, S, A>(definition: ActorDefinition<T, S, A>, args: A, id?: ActorId): Ref<T>
  /** End this actor after the message in hand; waiting messages become dead letters. */
  stop(): void
}

/** Gives a definition its types; no other effect. */
export function defineActor<M, S, A = void>(definition: ActorDefinition<M, S, A>): ActorDefinition<M, S, A> {
  return definition
}

/** For `default:` of an exhaustive switch: a compile error when a case is missing, a thrown one when types lied. */
export function assertNever(value: never): never {
  throw new TypeError(`Message of an unknown kind: ${JSON.stringify(value)?.slice(0, 200)}`)
}
