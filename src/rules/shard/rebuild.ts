/** Rebuild: which io threads, and whether sync, have yet to say what a shard that starts empty should know. */
import type { UserPlatforms } from '../types.js'
import type { Due, Effects } from './effects.js'

/** A question to a thread that is being hosted anew is lost, so it is asked again so often. */
export const REBUILD_ASK_MS = 250

const REBUILD: Due = { timer: 'rebuild' }

export class Rebuild {
  /** Io threads whose connections are not known yet. */
  readonly #unannounced: Set<number>
  /** What the shard asserted before it was restarted; undefined = presence-sync has not said yet. */
  #heldBefore: UserPlatforms[] | undefined
  #isDone = false

  constructor(ioThreads: Iterable<number>) {
    this.#unannounced = new Set(ioThreads)
  }

  /** Until then nothing may be asserted or told: it would be half. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** At the start, and each time that the timer is due. */
  ask(out: Effects): void {
    if (this.#isDone) return
    const needsHeld = this.#heldBefore === undefined
    out.push({ kind: 'requestRebuildState', threads: [...this.#unannounced], needsHeld })
    out.push({ kind: 'arm', due: REBUILD, delayMs: REBUILD_ASK_MS })
  }

  /** The thread's connections are known; or it was lost, and the one in its place has none to announce. */
  announced(thread: number, out: Effects): void {
    this.#unannounced.delete(thread)
    this.#finish(out)
  }

  heldBefore(held: UserPlatforms[], out: Effects): void {
    if (this.#heldBefore !== undefined) return
    this.#heldBefore = held
    this.#finish(out)
  }

  #finish(out: Effects): void {
    if (this.#isDone || this.#unannounced.size > 0 || this.#heldBefore === undefined) return
    this.#isDone = true
    out.push({ kind: 'disarm', due: REBUILD }, { kind: 'rebuilt', heldBefore: this.#heldBefore })
    this.#heldBefore = []
  }
}
