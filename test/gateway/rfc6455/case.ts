/** The form of a case, and the frames that cases are made of. */
import { maskedFrame } from '../../support/raw-peer.js'
import { Opcode } from '../../support/raw-socket.js'

/** Longest message that the server under test takes. */
export const MESSAGE_BYTES_MAX = 65_536

/** How a case ends: the connection is still good; it is closed with a close frame of one of these codes; or it is failed. */
export type Expected =
  | { ends: 'open' }
  | { ends: 'closed'; codes: readonly number[] }
  /**
   * TCP is closed. A close frame is optional, and so is its code, which is one of these then. What was answered before
   * may be lost with the connection.
   */
  | { ends: 'failed'; codes: readonly number[] }

export interface Case {
  id: string
  title: string
  /** Each is written in one go, or a byte or some at a time. */
  frames: Buffer[]
  chopBytes?: number
  /** The one transport that this is asked of; absent = both. */
  only?: 'ws'
  /** What comes back before the end, in order. */
  answers: { opcode: number; payload: Buffer }[]
  expected: Expected
}

export const OPEN: Expected = { ends: 'open' }
export const PROTOCOL_ERROR: Expected = { ends: 'failed', codes: [1002] }
export const HELLO = Buffer.from('Hello, world!')

/** A fragment that begins or continues a message. */
export const part = (opcode: number, payload: Uint8Array | string = '') =>
  maskedFrame(opcode, payload, { isFinal: false })
/** The last fragment of a message. */
export const last = (payload: Uint8Array | string = '') => maskedFrame(Opcode.continuation, payload)
/** A frame that needs no other. */
export const whole = (opcode: number, payload: Uint8Array | string = '', rsv = 0) =>
  maskedFrame(opcode, payload, { rsv })
export const answer = (opcode: number, payload: Uint8Array | string = '') => ({
  opcode,
  payload: Buffer.from(payload),
})
/** A close frame. */
export const closing = (code: number, reason: Uint8Array | string = '') =>
  whole(Opcode.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))
