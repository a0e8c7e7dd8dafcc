import { BadEnvelopeError } from '../../errors/errors.js'

const TWO_31 = 0x8000_0000

/**
 * Reads Go's gob primitives from a slice of a frame.
 *
 * Every read is bounded by `end` and throws BAD_ENVELOPE beyond it. Nothing is allocated for a length that
 * was not checked against the bytes that are really there.
 */
export class GobReader {
  private readonly buffer: Buffer
  private position = 0
  private end: number
  // The halves of the last unsigned integer: gob integers have 64 bits, doubles hold 53.
  private high = 0
  private low = 0

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = bytes.byteLength
  }

  isAtEnd(): boolean {
    return this.position === this.end
  }

  private readHalves(): void {
    if (this.position >= this.end) throw new BadEnvelopeError('gob: cut short')
    const first = this.buffer[this.position++]
    if (first < 0x80) {
      this.high = 0
      this.low = first
      return
    }
    const count = 0x100 - first
    if (count > 8) throw new BadEnvelopeError('gob: integer of more than 8 bytes')
    if (count > this.end - this.position) throw new BadEnvelopeError('gob: cut short')
    let high = 0
    let low = 0
    for (let i = 0; i < count; i++) {
      high = ((high << 8) | (low >>> 24)) >>> 0
      low = ((low << 8) | this.buffer[this.position++]) >>> 0
    }
    this.high = high
    this.low = low
  }

  /** A signed integer that fits a double exactly. */
  int(): number {
    this.readHalves()
    const magnitude = this.high * TWO_31 + (this.low >>> 1)
    const value = (this.low & 1) === 0 ? magnitude : -magnitude - 1
    if (!Number.isSafeInteger(value)) throw new BadEnvelopeError('gob: integer out of range')
    return value
  }

  /** How far the next field is from the last one; 0 = the struct ends. Up to 2^32 - 1. */
  delta(): number {
    this.readHalves()
    if (this.high !== 0) throw new BadEnvelopeError('gob: field beyond the definition')
    return this.low
  }

  /** An unsigned integer that cannot be larger than the bytes that follow it: a length, or a count of things. */
  count(): number {
    this.readHalves()
    if (this.high !== 0 || this.low > this.end - this.position) {
      throw new BadEnvelopeError('gob: length beyond the frame')
    }
    return this.low
  }

  /** An unsigned integer of any size, ignored. */
  skipUint(): void {
    this.readHalves()
  }

  skipBytes(): void {
    const length = this.count()
    this.position += length
  }

  /** A view of the frame, not a copy. */
  bytes(): Uint8Array {
    const length = this.count()
    const start = this.position
    this.position += length
    return this.buffer.subarray(start, this.position)
  }

  string(bytesMax = Number.POSITIVE_INFINITY): string {
    const length = this.count()
    if (length > bytesMax) throw new BadEnvelopeError('gob: a name that is too long')
    const start = this.position
    this.position += length
    return this.buffer.toString('utf8', start, this.position)
  }

  /** Narrow this reader to the next message (`count` bytes) and return what `leave` needs to widen it again. */
  enter(): number {
    const length = this.count()
    const outerEnd = this.end
    this.end = this.position + length
    return outerEnd
  }

  /** Go on after the message, wherever in it the reading stopped. */
  leave(outerEnd: number): void {
    this.position = this.end
    this.end = outerEnd
  }
}
