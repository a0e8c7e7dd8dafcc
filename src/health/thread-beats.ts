/**
 * Which threads answer. Each is asked for its parts once a second and for each request of `/readyz`; one that owes an
 * answer is not asked again. So the parts are at most a second old, and a thread that hangs delays no answer.
 */
import { partOf, type ReadyPart } from './readiness.js'

const BEAT_MS = 1_000
/** How long a question waits for threads that have not answered yet. Kubernetes' probes give up after a second. */
const ANSWER_MS = 500
/** A thread that is only busy answers sooner. */
export const SILENT_MS = 2_000

interface Life {
  parts(): Promise<unknown>
}

/** A thread that is asked. */
export interface Asked {
  name: string
  /** Another object for each of its lives. Throws between two. What was asked of an earlier one has no answer. */
  life(): Life
}

interface Beat {
  thread: Asked
  life: Life | undefined
  answer: Promise<void> | undefined
  /** When the answer began to be owed; undefined = it is not. */
  askedMs: number | undefined
  /** As this life answered last; undefined = it has not yet. */
  parts: ReadyPart[] | undefined
}

export class ThreadBeats {
  readonly #beats: Beat[]
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout

  constructor(threads: Asked[], nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
    this.#beats = threads.map((thread) => ({
      thread,
      life: undefined,
      answer: undefined,
      askedMs: undefined,
      parts: undefined,
    }))
    this.#timer = setInterval(() => this.#askAll(), BEAT_MS)
    this.#timer.unref()
  }

  /** The parts of all threads, now; in place of a silent one's a part that says so. Within half a second. */
  async parts(): Promise<ReadyPart[]> {
    let patience: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      patience = setTimeout(resolve, ANSWER_MS)
    })
    await Promise.race([Promise.all(this.#askAll()), late])
    clearTimeout(patience)
    return this.#beats.flatMap((beat) => this.#partsOf(beat))
  }

  /** How long each thread has owed an answer; 0 = it owes none. ms */
  silences(): { name: string; silentMs: number }[] {
    return this.#beats.map(({ thread, askedMs }) => ({
      name: thread.name,
      silentMs: askedMs === undefined ? 0 : this.#nowMs() - askedMs,
    }))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #askAll(): Promise<void>[] {
    return this.#beats.map((beat) => this.#ask(beat))
  }

  #ask(beat: Beat): Promise<void> {
    const life = lifeOf(beat.thread)
    if (beat.life !== life) {
      // How long it takes until the next life answers counts too, from the end of the one before.
      if (beat.life !== undefined) beat.askedMs = undefined
      beat.life = life
      beat.answer = undefined
      beat.parts = undefined
    }
    beat.askedMs ??= this.#nowMs()
    if (life === undefined) return Promise.resolve()
    beat.answer ??= this.#hear(beat, life)
    return beat.answer
  }

  async #hear(beat: Beat, life: Life): Promise<void> {
    try {
      const parts = (await life.parts()) as ReadyPart[]
      if (beat.life !== life) return
      beat.parts = parts
      beat.askedMs = undefined
    } catch {
      // An answer that cannot be read is none.
    }
    if (beat.life === life) beat.answer = undefined
  }

  #partsOf({ thread, life, askedMs, parts }: Beat): ReadyPart[] {
    if (askedMs === undefined) return parts ?? []
    const silentMs = this.#nowMs() - askedMs
    if (life !== undefined && parts !== undefined && silentMs < SILENT_MS) return parts
    const missing =
      life === undefined
        ? 'the thread ended, and is being hosted anew'
        : parts === undefined
          ? 'the thread is starting'
          : `the thread does not answer: for ${Math.round(silentMs / 1_000)} s it has been busy without a pause, or it hangs`
    return [partOf(thread.name, { missing, sinceMs: Date.now() - silentMs })]
  }
}

function lifeOf(thread: Asked): Life | undefined {
  try {
    return thread.life()
  } catch {
    return undefined
  }
}
