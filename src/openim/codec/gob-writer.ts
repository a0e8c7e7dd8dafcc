const TWO_31 = 0x8000_0000
const TWO_32 = 0x1_0000_0000

/** Bytes that `writeUint` needs for a value below 2^53. */
export function uintSize(value: number): number {
  if (value < 0x80) return 1
  let size = 2
  for (let rest = Math.floor(value / 0x100); rest > 0; rest = Math.floor(rest / 0x100)) size++
  return size
}

/** Unsigned: below 128 one byte, else the negated byte count and the big-endian bytes. Returns the next offset. */
export function writeUint(target: Buffer, offset: number, value: number): number {
  if (value < 0x80) {
    target[offset] = value
    return offset + 1
  }
  return writeHalves(target, offset, Math.floor(value / TWO_32), value % TWO_32)
}

/** Signed: shifted left by one, the lowest bit says "complemented". */
export function writeInt(target: Buffer, offset: number, value: number): number {
  const magnitude = value < 0 ? -value - 1 : value
  if (magnitude < 64) {
    target[offset] = value < 0 ? (magnitude << 1) | 1 : magnitude << 1
    return offset + 1
  }
  const sign = value < 0 ? 1 : 0
  return writeHalves(target, offset, Math.floor(magnitude / TWO_31), (magnitude % TWO_31) * 2 + sign)
}

/** Bytes that `writeInt` needs for a safe integer. */
export function intSize(value: number): number {
  const magnitude = value < 0 ? -value - 1 : value
  if (magnitude < 64) return 1
  let size = 2
  for (let rest = Math.floor(magnitude / 0x80); rest > 0; rest = Math.floor(rest / 0x100)) size++
  return size
}

function writeHalves(target: Buffer, offset: number, high: number, low: number): number {
  let count = 1
  if (high > 0) count = high >= 0x100_0000 ? 8 : high >= 0x1_0000 ? 7 : high >= 0x100 ? 6 : 5
  else if (low >= 0x100) count = low >= 0x100_0000 ? 4 : low >= 0x1_0000 ? 3 : 2
  target[offset] = 0x100 - count
  for (let i = count; i > 0; i--) {
    const half = i > 4 ? high : low
    target[offset + 1 + count - i] = (half / 2 ** (8 * ((i - 1) % 4))) & 0xff
  }
  return offset + 1 + count
}
