/** gzip (RFC 1952) of whole frames, as negotiated with compression=gzip. */

import { gunzipSync, gzipSync } from 'node:zlib'
import { BadEnvelopeError, hasCode, MessageTooLongError } from '../../errors/errors.js'

/**
 * Frames up to this many bytes are stored, not deflated: a one-user status push or an empty reply is about as long
 * either way (the fixed gob definition hardly deflates), and setting up zlib costs ten times more than the rest.
 */
const STORED_BYTES_MAX = 256

// magic, deflate, no flags, no time, no extra flags, unknown system
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
const BLOCK_HEADER_BYTES = 5
const TRAILER_BYTES = 8

const CRC_TABLE = new Uint32Array(256).map((_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** One gzip member. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return bytes.length <= STORED_BYTES_MAX ? store(bytes) : gzipSync(bytes)
}

/**
 * What the frame holds, at most `bytesMax` bytes of it. Several members are joined, as Go's reader does.
 * Throws MESSAGE_TOO_LONG above the bound (having inflated no more than that), BAD_ENVELOPE when it is not gzip,
 * cut short, or followed by something else.
 */
export function gunzip(frame: Uint8Array, bytesMax: number): Uint8Array {
  // Room for the usual short request in one small piece; a long one should not need many.
  const chunkSize = frame.length < 512 ? 1024 : 16 * 1024
  try {
    const result = gunzipSync(frame, {
      chunkSize,
      maxOutputLength: bytesMax,
      info: true,
    }) as unknown as Inflated
    // zlib passes over zero bytes after the last member; Go's reader does not.
    if (result.engine.bytesWritten !== frame.length) throw new BadEnvelopeError('gzip: bytes after the end')
    return result.buffer
  } catch (error) {
    if (hasCode(error, 'BAD_ENVELOPE')) throw error
    if (hasCode(error, 'ERR_BUFFER_TOO_LARGE')) {
      throw new MessageTooLongError(`gzip: more than ${bytesMax} bytes`)
    }
    throw new BadEnvelopeError('gzip: not gzip')
  }
}

/** What zlib's `info` option returns; `bytesWritten` counts the input that was used. */
interface Inflated {
  buffer: Buffer
  engine: { bytesWritten: number }
}

/** A member with one stored block (RFC 1951, 3.2.4). */
function store(bytes: Uint8Array): Uint8Array {
  const length = bytes.length
  const frame = Buffer.allocUnsafe(HEADER.length + BLOCK_HEADER_BYTES + length + TRAILER_BYTES)
  frame.set(HEADER, 0)
  let offset = HEADER.length
  frame[offset] = 1 // the last block, stored
  frame.writeUInt16LE(length, offset + 1)
  frame.writeUInt16LE(length ^ 0xffff, offset + 3)
  offset += BLOCK_HEADER_BYTES
  frame.set(bytes, offset)
  offset += length
  frame.writeUInt32LE(crc32(bytes), offset)
  frame.writeUInt32LE(length, offset + 4)
  return frame
}

// zlib.crc32 would do, but the first releases of Node 20 do not have it.
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
