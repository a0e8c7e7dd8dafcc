/** Sections 7, 9 and 10: closes, and messages at the limit and above; and what the suite does not ask. */
import { maskedFrame } from '../../support/raw-peer.js'
import { Opcode } from '../../support/raw-socket.js'
import {
  answer,
  type Case,
  closing,
  type Expected,
  HELLO,
  last,
  MESSAGE_BYTES_MAX,
  OPEN,
  PROTOCOL_ERROR,
  part,
  whole,
} from './case.js'

const { continuation, text, binary, close, ping } = Opcode

const GOOD_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
/** uWebSockets.js does not know these codes of libraries, and answers a close frame that has one with an empty one. */
const isOfLibrary = (code: number) => code >= 3000 && code < 4000
const BAD_CODES = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]
const closed = (...codes: number[]): Expected => ({ ends: 'closed', codes })
const closes: Case[] = [
  {
    id: '7.1.1',
    title: 'a message comes back before the close',
    frames: [whole(text, HELLO), closing(1000)],
    answers: [answer(text, HELLO)],
    expected: closed(1000),
  },
  {
    id: '7.1.2',
    title: 'a second close frame is ignored',
    frames: [closing(1000), closing(1000)],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.1.3',
    title: 'a ping after the close frame is ignored',
    frames: [closing(1000), whole(ping)],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.1.4',
    title: 'a message after the close frame is ignored',
    frames: [closing(1000), whole(text, HELLO)],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.1.5',
    title: 'a close in the middle of a message ends it',
    frames: [part(text, 'fragment1'), closing(1000), last('fragment2')],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.1.6',
    title: 'a long message comes back before the close',
    frames: [whole(text, Buffer.alloc(MESSAGE_BYTES_MAX, '*')), closing(1000), whole(ping)],
    answers: [answer(text, Buffer.alloc(MESSAGE_BYTES_MAX, '*'))],
    expected: closed(1000),
  },
  {
    id: '7.3.1',
    title: 'a close frame may be empty',
    frames: [whole(close)],
    answers: [],
    expected: closed(1005),
  },
  {
    id: '7.3.2',
    title: 'a close frame of one byte fails',
    frames: [whole(close, 'a')],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '7.3.3',
    title: 'a close frame may have a code alone',
    frames: [closing(1000)],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.3.4',
    title: 'a close frame may have a reason',
    frames: [closing(1000, HELLO)],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.3.5',
    title: 'a reason may have 123 bytes',
    frames: [closing(1000, Buffer.alloc(123, '*'))],
    answers: [],
    expected: closed(1000),
  },
  {
    id: '7.3.6',
    title: 'a reason of 124 bytes fails',
    frames: [closing(1000, Buffer.alloc(124, '*'))],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '7.5.1',
    title: 'a reason that is not UTF-8 fails',
    frames: [closing(1000, Buffer.from('ceba', 'hex')), closing(1000, Buffer.from([0xed, 0xa0, 0x80]))].slice(
      1,
    ),
    answers: [],
    expected: { ends: 'failed', codes: [1002, 1007] },
  },
  ...GOOD_CODES.map(
    (code, at): Case => ({
      id: `7.7.${at + 1}`,
      title: `close code ${code} is answered`,
      frames: [closing(code)],
      answers: [],
      expected: isOfLibrary(code) ? closed(code, 1005) : closed(code),
    }),
  ),
  ...BAD_CODES.map(
    (code, at): Case => ({
      id: `7.9.${at + 1}`,
      title: `close code ${code} fails`,
      frames: [closing(code)],
      answers: [],
      expected: PROTOCOL_ERROR,
    }),
  ),
  {
    id: '7.13.1',
    title: 'close code 5000 fails',
    frames: [closing(5000)],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: '7.13.2',
    title: 'close code 65535 fails',
    frames: [closing(65_535)],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
]

const TOO_LONG: Expected = { ends: 'failed', codes: [1009] }
const fragmentsOf = (size: number, each: number): Buffer[] => {
  const count = Math.ceil(size / each)
  return Array.from({ length: count }, (_, n) => {
    const piece = Buffer.alloc(Math.min(each, size - n * each), '*')
    return maskedFrame(n === 0 ? text : continuation, piece, { isFinal: n === count - 1 })
  })
}
const limits: Case[] = [
  ...[64, 256, 1_300, 4_096].map(
    (each, at): Case => ({
      id: at === 2 ? '10.1.1' : `9.3.${at + 1}`,
      title: `the longest message in fragments of ${each} bytes comes back`,
      frames: fragmentsOf(MESSAGE_BYTES_MAX, each),
      answers: [answer(text, Buffer.alloc(MESSAGE_BYTES_MAX, '*'))],
      expected: OPEN,
    }),
  ),
  ...[text, binary].map(
    (opcode, at): Case => ({
      id: `9.${at + 1}.1`,
      title: `a ${at === 0 ? 'text' : 'binary'} message over the limit fails`,
      frames: [whole(opcode, Buffer.alloc(MESSAGE_BYTES_MAX + 1, '*'))],
      answers: [],
      expected: TOO_LONG,
    }),
  ),
  {
    id: '9.3.9',
    title: 'a message over the limit in fragments fails',
    frames: fragmentsOf(MESSAGE_BYTES_MAX + 1, 4_096),
    answers: [],
    expected: TOO_LONG,
  },
  {
    id: '9.1.6',
    title: 'a message far over the limit fails',
    frames: [whole(text, Buffer.alloc(16 * MESSAGE_BYTES_MAX, '*'))],
    answers: [],
    expected: TOO_LONG,
  },
]

const unmasked = (bytes: Buffer): Buffer =>
  Buffer.concat([Uint8Array.of(bytes[0]!, bytes[1]! & 0x7f), bytes.subarray(6)])
/** Not of the suite, which is a client by the rules of masking. */
const beyond: Case[] = [
  {
    id: 'RFC 5.1',
    title: 'a frame without a mask fails',
    // uWebSockets.js takes every frame for a masked one, and waits here for the rest of the mask.
    only: 'ws',
    frames: [unmasked(maskedFrame(text, 'x'))],
    answers: [],
    expected: PROTOCOL_ERROR,
  },
  {
    id: 'RFC 5.2',
    title: 'a length with the highest bit fails',
    frames: [Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])],
    answers: [],
    expected: { ends: 'failed', codes: [1002, 1009] },
  },
]

export const ENDINGS: readonly Case[] = [...closes, ...limits, ...beyond]
