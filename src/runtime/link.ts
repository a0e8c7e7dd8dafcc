/**
 * A link: this thread's end of the batched, credited path to one other thread.
 *
 *     push ─▶ outbound ──flush──▶ frame ═══ port ═══▶ frame ─▶ deliver ─▶ mailboxes
 *              (held while                              │
 *              credit is used up)  ◀══ acknowledged ════╯ once the mailboxes are drained
 *
 * What is pushed during one turn of the event loop, or `FRAME_COUNT_MAX` letters, is packed as one msgpack
 * buffer and crosses with one postMessage. A frame is a flat array `[acknowledgedBytes, to, correlation,
 * payload, to, correlation, payload, ...]`: an object per letter would cost more than the letter. Record
 * structures are defined in the stream the first time they occur, which is safe because a port neither loses
 * nor reorders; a link that was replaced starts with new ones.
 *
 * Credit: at most `windowBytes` are on the way. The receiver acknowledges what its actors have taken, so a slow
 * thread holds its senders back, not the other way round. Up to `heldCountMax` letters wait for credit; the next
 * messages are refused (`push` returns false) and become dead letters. Signals and answers are never refused: there
 * is one for each thing that ends, and one for each question.
 */
import { Packr } from 'msgpackr'

/** The part of a MessagePort that a link needs; the test kit has one of its own. */
export interface LinkPort {
  postMessage(frame: Uint8Array, transfer?: ArrayBuffer[]): void
  on(event: 'message', listener: (frame: Uint8Array) => void): unknown
  close(): void
}

export interface LinkLimits {
  windowBytes: number
  heldCountMax: number
}

/** 4 MiB is about 20 ms of full traffic: enough to keep a receiver busy, little enough to stop a sender soon. */
export const defaultLinkLimits: LinkLimits = { windowBytes: 4 * 1024 * 1024, heldCountMax: 262_144 }

/** `to` of an answer: well, or failed. Actors have numbers from 0. */
export const ANSWER = -1
export const FAILED_ANSWER = -2

/** `correlation` of a told message and of a signal; questions have numbers from 1. */
export const TOLD = 0
export const SIGNAL = -1

const FRAME_COUNT_MAX = 256
const SLOTS = 3

export type Deliver = (to: number, correlation: number, payload: unknown, frame: InboundFrame) => void

/** A frame on its way through this thread's mailboxes; acknowledged when the last of its letters was taken. */
export class InboundFrame {
  readonly #bytes: number
  readonly #onTaken: (bytes: number) => void
  #left: number

  constructor(bytes: number, letters: number, onTaken: (bytes: number) => void) {
    this.#bytes = bytes
    this.#left = letters
    this.#onTaken = onTaken
  }

  /** One of its letters was taken, answered or refused. */
  letterTaken(): void {
    if (--this.#left === 0) this.#onTaken(this.#bytes)
  }
}

export interface LinkStats {
  bytesSent: number
  framesSent: number
  lettersSent: number
  held: number
}

export class Link {
  readonly #port: LinkPort
  readonly #limits: LinkLimits
  readonly #deliver: Deliver
  readonly #afterFrame: () => void
  readonly #packr = new Packr({ useRecords: true, sequential: true })
  readonly #unpackr = new Packr({ useRecords: true, sequential: true })
  /** The frame that is being filled. Slot 0 is the acknowledgement; letters follow. */
  #outbound: unknown[] = [0]
  /** Full frames that wait for credit. */
  #waiting: unknown[][] = []
  #bytesInFlight = 0
  #bytesToAcknowledge = 0
  #closed = false
  #bytesSent = 0
  #framesSent = 0
  #lettersSent = 0

  /** `afterFrame` is called after each frame's letters were delivered, to run the mailboxes. */
  constructor(port: LinkPort, limits: LinkLimits, deliver: Deliver, afterFrame: () => void) {
    this.#port = port
    this.#limits = limits
    this.#deliver = deliver
    this.#afterFrame = afterFrame
    port.on('message', (frame) => this.#onFrame(frame))
  }

  /** Letters that wait for the end of the turn or for credit. */
  get held(): number {
    return this.#waiting.length * FRAME_COUNT_MAX + (this.#outbound.length - 1) / SLOTS
  }

  /** No credit is left: letters that are pushed now wait. Senders that can coalesce should. */
  get congested(): boolean {
    return this.#bytesInFlight >= this.#limits.windowBytes
  }

  get stats(): LinkStats {
    return {
      bytesSent: this.#bytesSent,
      framesSent: this.#framesSent,
      lettersSent: this.#lettersSent,
      held: this.held,
    }
  }

  /** False when there is no room for a message. */
  push(to: number, correlation: number, payload: unknown): boolean {
    const isRefusable = to >= 0 && correlation !== SIGNAL
    if (isRefusable && this.held >= this.#limits.heldCountMax) return false
    this.#outbound.push(to, correlation, payload)
    if (this.#outbound.length > FRAME_COUNT_MAX * SLOTS) {
      this.#waiting.push(this.#outbound)
      this.#outbound = [0]
      this.#sendWaiting()
    }
    return true
  }

  /** Send what waits, as far as credit goes. */
  flush(): void {
    this.#sendWaiting()
    if (this.#outbound.length === 1 || this.congested || this.#closed) return
    this.#send(this.#outbound)
    this.#outbound.length = 1
  }

  close(): void {
    this.#closed = true
    this.#port.close()
  }

  /** The letters that were never sent. */
  *unsent(): Iterable<{ to: number; payload: unknown }> {
    for (const frame of [...this.#waiting, this.#outbound]) {
      for (let at = 1; at < frame.length; at += SLOTS)
        yield { to: frame[at] as number, payload: frame[at + 2] }
    }
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && !this.congested && !this.#closed) this.#send(this.#waiting.shift()!)
  }

  #send(frame: unknown[]): void {
    frame[0] = this.#bytesToAcknowledge
    this.#bytesToAcknowledge = 0
    const packed = this.#packr.pack(frame)
    // msgpackr packs into a pooled buffer; only a buffer of its own can be handed over.
    const own = new Uint8Array(packed.length)
    own.set(packed)
    if (frame.length > 1) this.#bytesInFlight += own.length
    this.#bytesSent += own.length
    this.#framesSent++
    this.#lettersSent += (frame.length - 1) / SLOTS
    this.#port.postMessage(own, [own.buffer])
  }

  /** This thread's actors have taken a frame: give the sender its credit back, when it is worth a frame. */
  readonly #onTaken = (bytes: number): void => {
    this.#bytesToAcknowledge += bytes
    if (this.#bytesToAcknowledge >= this.#limits.windowBytes / 4 && !this.#closed) this.#send([0])
  }

  #onFrame(packed: Uint8Array): void {
    if (this.#closed) return
    const frame = this.#unpackr.unpack(packed) as unknown[]
    const acknowledged = frame[0] as number
    if (acknowledged > 0) {
      this.#bytesInFlight -= acknowledged
      this.flush()
    }
    if (frame.length === 1) return
    const inbound = new InboundFrame(packed.length, (frame.length - 1) / SLOTS, this.#onTaken)
    for (let at = 1; at < frame.length; at += SLOTS) {
      this.#deliver(frame[at] as number, frame[at + 1] as number, frame[at + 2], inbound)
    }
    this.#afterFrame()
  }
}
