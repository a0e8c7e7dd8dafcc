/**
 * A bounded inbox: signals before messages, each in order.
 *
 * A linked list, because an idle actor must cost next to nothing: a gateway holds one mailbox per socket.
 */
import type { Signal } from './actor.js'
import type { InboundFrame } from './link.js'
import type { ReplyTo } from './ref.js'

export interface Letter {
  readonly message: unknown
  readonly replyTo: ReplyTo<never> | undefined
  /** The frame of a link that brought it; undefined = it is from this thread. */
  readonly frame: InboundFrame | undefined
  next: Letter | undefined
}

export class Mailbox {
  #head: Letter | undefined
  #tail: Letter | undefined
  #signals: Signal[] | undefined
  count = 0

  /** False when `countMax` messages already wait. */
  post(
    message: unknown,
    replyTo: ReplyTo<never> | undefined,
    frame: InboundFrame | undefined,
    countMax: number,
  ): boolean {
    if (this.count >= countMax) return false
    const letter: Letter = { message, replyTo, frame, next: undefined }
    if (this.#tail === undefined) this.#head = letter
    else this.#tail.next = letter
    this.#tail = letter
    this.count++
    return true
  }

  take(): Letter | undefined {
    const letter = this.#head
    if (letter === undefined) return undefined
    this.#head = letter.next
    if (this.#head === undefined) this.#tail = undefined
    this.count--
    letter.frame?.letterTaken()
    return letter
  }

  postSignal(signal: Signal): void {
    this.#signals ??= []
    this.#signals.push(signal)
  }

  takeSignal(): Signal | undefined {
    const signal = this.#signals?.shift()
    if (this.#signals?.length === 0) this.#signals = undefined
    return signal
  }

  get isEmpty(): boolean {
    return this.#head === undefined && this.#signals === undefined
  }
}
