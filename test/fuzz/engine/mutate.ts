/** Makes new inputs from old ones: bytes changed, put in, taken out, doubled, replaced by words, or from another input. */

const CHANGES_MAX = 6
const INSERT_BYTES_MAX = 16
/** A piece is repeated so often at most: inputs that grow in one place show what costs more than it weighs. */
const REPEATS_MAX = 300
/** Values at the edges of what lengths, counts and characters may be. */
const EDGES = [
  0, 1, 0x7f, 0x80, 0x81, 0xbf, 0xc0, 0xc2, 0xf4, 0xf5, 0xf8, 0xfe, 0xff, 0x0a, 0x20, 0x22, 0x2c, 0x5c, 0x7b,
  0x7d,
]

export interface Material {
  /** Uniform in [0, 1). */
  random(): number
  words: readonly Uint8Array[]
  /** Another input, to take a piece from. */
  other(): Uint8Array
  bytesMax: number
}

type Change = (input: Uint8Array, material: Material) => Uint8Array

const below = ({ random }: Material, limit: number): number => Math.floor(random() * limit)

/** A part of the input of any length, short ones more often. */
function part(input: Uint8Array, material: Material): { from: number; to: number } {
  const from = below(material, input.length + 1)
  const room = material.random() < 0.7 ? Math.min(8, input.length - from) : input.length - from
  return { from, to: from + below(material, room + 1) }
}

function replace(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return Buffer.concat([input.subarray(0, from), by, input.subarray(to)])
}

function withByte(input: Uint8Array, material: Material, change: (byte: number) => number): Uint8Array {
  if (input.length === 0) return Uint8Array.of(change(0))
  const result = Uint8Array.from(input)
  const at = below(material, input.length)
  result[at] = change(result[at]!)
  return result
}

function word({ words, random }: Material): Uint8Array {
  return words[Math.floor(random() * words.length)] ?? Uint8Array.of(0)
}

const CHANGES: readonly Change[] = [
  (input, m) => withByte(input, m, (byte) => byte ^ (1 << below(m, 8))),
  (input, m) => withByte(input, m, () => EDGES[below(m, EDGES.length)]!),
  (input, m) => withByte(input, m, (byte) => byte + below(m, 33) - 16),
  (input, m) => {
    const { from, to } = part(input, m)
    return replace(input, from, to, new Uint8Array())
  },
  (input, m) => {
    const at = below(m, input.length + 1)
    const bytes = Uint8Array.from({ length: 1 + below(m, INSERT_BYTES_MAX) }, () => below(m, 256))
    return replace(input, at, at, bytes)
  },
  (input, m) => {
    const at = below(m, input.length + 1)
    return replace(input, at, at, word(m))
  },
  (input, m) => {
    const { from, to } = part(input, m)
    return replace(input, from, to, word(m))
  },
  (input, m) => {
    const { from, to } = part(input, m)
    const roomFor = Math.floor((m.bytesMax - input.length) / Math.max(1, to - from))
    const repeats = m.random() < 0.8 ? 1 : 1 + below(m, REPEATS_MAX)
    const copies = Array.from({ length: Math.min(repeats, roomFor) }, () => input.subarray(from, to))
    return replace(input, to, to, Buffer.concat(copies))
  },
  (input, m) => {
    const { from, to } = part(input, m)
    const at = below(m, input.length + 1)
    return replace(input, at, at, input.slice(from, to))
  },
  (input, m) => {
    const other = m.other()
    const theirs = part(other, m)
    const ours = part(input, m)
    return replace(input, ours.from, ours.to, other.subarray(theirs.from, theirs.to))
  },
]

/** One to some changes, one upon the other. */
export function mutate(input: Uint8Array, material: Material): Uint8Array {
  let result = input
  for (let left = 1 + below(material, CHANGES_MAX); left > 0; left--) {
    result = CHANGES[below(material, CHANGES.length)]!(result, material)
    if (result.length > material.bytesMax) result = result.subarray(0, material.bytesMax)
  }
  return result
}
