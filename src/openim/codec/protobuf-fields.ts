/**
 * Counts the fields of a protobuf message before anything is made of them: decoding makes an object or a string for
 * each, and a short zipped frame can hold half a million.
 */

/** Fields by number, for numbers up to 2; at 0 all others. */
export type FieldCounts = [others: number, first: number, second: number]

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5
const VARINT_BYTES_MAX = 10

/**
 * Undefined = not a message, or one with groups, which OpenIM does not use. Stops counting above `fieldsMax`; the sum is
 * then `fieldsMax + 1`.
 */
export function countFields(bytes: Uint8Array, fieldsMax: number): FieldCounts | undefined {
  const counts: FieldCounts = [0, 0, 0]
  let at = 0
  for (let fields = 0; at < bytes.length && fields <= fieldsMax; fields++) {
    let tag = bytes[at]!
    if (tag >= 0x80) {
      const end = endOfVarint(bytes, at)
      if (end < 0) return undefined
      tag = readVarint(bytes, at, end)
      at = end
    } else at++
    at = endOfValue(bytes, at, tag & 7)
    const number = tag >>> 3
    if (at < 0 || at > bytes.length || number === 0) return undefined
    counts[number === 1 || number === 2 ? number : 0]++
  }
  return counts
}

/** One past the value; beyond the message, or negative, when there is none. */
function endOfValue(bytes: Uint8Array, at: number, wireType: number): number {
  switch (wireType) {
    case VARINT:
      return endOfVarint(bytes, at)
    case FIXED_64:
      return at + 8
    case FIXED_32:
      return at + 4
    case BYTES: {
      const end = endOfVarint(bytes, at)
      return end < 0 ? -1 : end + readVarint(bytes, at, end)
    }
    default:
      return -1
  }
}

function endOfVarint(bytes: Uint8Array, from: number): number {
  const last = Math.min(bytes.length, from + VARINT_BYTES_MAX)
  for (let at = from; at < last; at++) if (bytes[at]! < 0x80) return at + 1
  return -1
}

/** As a double: lengths beyond 2^53 are beyond the message all the same. */
function readVarint(bytes: Uint8Array, from: number, end: number): number {
  let value = 0
  for (let at = end - 1; at >= from; at--) value = value * 0x80 + (bytes[at]! & 0x7f)
  return value
}
