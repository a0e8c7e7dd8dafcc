/**
 * What one socket may send in a second: frames of every kind (binary, text, ping, pong) and bytes, counted by its
 * transport as they come, before anything is decoded and before any actor has a turn.
 *
 * An honest client never comes near: its connection refuses requests (1610) long before. Three small integers for each
 * socket; the second is the clock's, so that at its turn twice as much may come at once.
 */

export interface FrameLimits {
  readonly framesPerS: number
  /** Of payload. */
  readonly bytesPerS: number
}

/** What a socket had too much of: a label of `porchlight_over_share_total`. */
export type FrameExcess = 'frames' | 'bytes'

/** Refused requests must still reach the connection, which closes a flood with a close frame at twice its rate. */
const FRAMES_PER_REQUEST = 4
/** Pings and pongs come beside requests, and in heaps after a stall. */
const FRAMES_MIN = 64
/** Longest messages. */
const MESSAGES_PER_S = 4
const BYTES_MIN = 65_536

/** The limits that go with those of a connection. */
export function frameLimits(settings: { requestsPerSMax: number; messageBytesMax: number }): FrameLimits {
  return {
    framesPerS: FRAMES_MIN + FRAMES_PER_REQUEST * settings.requestsPerSMax,
    bytesPerS: Math.max(BYTES_MIN, MESSAGES_PER_S * settings.messageBytesMax),
  }
}

export class FrameBudget {
  #second = 0
  #frames = 0
  #bytes = 0

  /** Count a frame. Undefined = within its share. `nowMs`: of a clock that never goes back. */
  take(limits: FrameLimits, bytes: number, nowMs: number): FrameExcess | undefined {
    const second = Math.floor(nowMs / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#frames = 0
      this.#bytes = 0
    }
    this.#frames++
    this.#bytes += bytes
    if (this.#frames > limits.framesPerS) return 'frames'
    return this.#bytes > limits.bytesPerS ? 'bytes' : undefined
  }
}
