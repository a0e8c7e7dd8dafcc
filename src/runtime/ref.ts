/** Addresses: how one actor names another, on whatever thread it lives. */

declare const hears: unique symbol
declare const answer: unique symbol

/** A thread's fixed number in the process. It outlives the thread: one hosted anew takes over its slot. */
export type ThreadSlot = number

/** An actor's number on its thread. Below `NAMED_ACTORS` it is fixed by the application; above, given by `spawn`. */
export type ActorId = number

/** IDs under this are well-known addresses; `spawn` without an ID never gives one of them. */
export const NAMED_ACTORS = 4096

/**
 * Ids that one incarnation of a thread can give before it would meet those of the next. At 10,000 actors a second
 * they last for 79 days, and numbers stay exact (`refKey` of 256 threads) for 512 incarnations.
 */
export const ACTORS_PER_INCARNATION = 2 ** 36

/**
 * The address of an actor that hears messages of type `M`. Plain data: it may cross threads and be kept.
 * It stays valid while the actor restarts; after the actor's end, messages to it become dead letters.
 */
export interface Ref<in M> {
  readonly thread: ThreadSlot
  readonly actor: ActorId
  readonly [hears]?: (message: M) => void
}

/** A message that is asked rather than told: `interface Watch extends Question<Snapshot[]> { kind: 'watch' ... }`. */
export interface Question<out R> {
  readonly [answer]?: R
}

/** Messages are told apart by `kind`. */
export interface Kinded {
  readonly kind: string
}

/** The question of kind `K` among the messages `T` that an actor hears. */
export type QuestionOf<T extends Kinded, K extends T['kind']> = { kind: K } & Extract<T, { kind: K }>

export type AnswerOf<Q> = Q extends Question<infer R> ? R : never

/** Where an answer goes. Kept by an actor that answers later; used once. */
export interface ReplyTo<in R> {
  readonly thread: ThreadSlot
  readonly correlation: number
  readonly [hears]?: (answer: R) => void
}

/** A ref by its numbers, for well-known actors. The caller vouches for `M`. */
export function refTo<M>(thread: ThreadSlot, actor: ActorId): Ref<M> {
  return { thread, actor }
}

const REF_KEY_THREADS = 256

/** One number for one ref within a process, for use as a Map key. */
export function refKey(ref: Ref<never>): number {
  return ref.actor * REF_KEY_THREADS + ref.thread
}

/** The ref of a `refKey`. The caller vouches for `M`. */
export function refOfKey<M>(key: number): Ref<M> {
  return { thread: key % REF_KEY_THREADS, actor: Math.floor(key / REF_KEY_THREADS) }
}
