/**
 * An inbox, in order of arrival. Messages are bounded; signals are not, and take no room from messages.
 *
 * A linked list, because an idle actor must cost next to nothing: a gateway holds one mailbox per socket.
 */
import type { InboundFrame } from './link.js'
import type { ReplyTo } from './ref.js'

/** A `message` counts against the bound of its mailbox and may be refused; a `signal` does neither. */
export type LetterClass = 'message' | 'signal'

export interface Letter {
  readonly message: unknown
  readonly class: LetterClass
  readonly replyTo: ReplyTo<never> | undefined
  /** The frame of a link that brought it; undefined = it is from this thread. */
  readonly frame: InboundFrame | undefined
  next: Letter | undefined
}

export class Mailbox {
  #head: Letter | undefined
  #tail: Letter | undefined
  /** Letters that wait. */
  count = 0
  #messages = 0

  /** False when it is a message and `countMax` messages already wait. */
  post(
    message: unknown,
    letterClass: LetterClass,
    replyTo: ReplyTo<never> | undefined,
    frame: InboundFrame | undefined,
    countMax: number,
  ): boolean {
    if (letterClass === 'message') {
      if (this.#messages >= countMax) return false
      this.#messages++
    }
    const letter: Letter = { message, class: letterClass, replyTo, frame, next: undefined }
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
    if (letter.class === 'message') this.#messages--
    letter.frame?.letterTaken()
    return letter
  }

  get isEmpty(): boolean {
    return this.#head === undefined
  }
}
