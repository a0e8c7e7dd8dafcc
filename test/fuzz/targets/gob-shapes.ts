/**
 * Gob streams whose lengths are right, whatever the input: its bytes choose how many types are defined, of how many
 * fields, named how, and what the value has. Changes of plain frames do not get there: lengths would have to change
 * with them.
 */
import { gobCodec } from '../../../src/openim/codec/gob.js'
import { intSize, uintSize, writeInt, writeUint } from '../../../src/openim/codec/gob-writer.js'
import { type Run, refusing, type Target } from '../engine/target.js'

const NAMES = ['', 'SendID', 'ReqIdentifier', 'Data', 'x', 'a name that is longer than any other']
const TYPES = [1, 2, 4, 5, 6, 7, 8, 65, -1]
const DEFINITIONS_MAX = 64
const FIRST_ID = 65
/** Of all fields together. */
const STREAM_BYTES_MAX = 60_000

export const target: Target = {
  name: 'gob-shapes',
  what: 'Gob streams built from the input: read or refused within steps that their length pays for',
  bytesMax: 256,
  steps: { base: 20_000, perByte: 8 },
  seeds: () => [
    Uint8Array.of(1, 0, 3, 1, 4, 0, 0, 1),
    Uint8Array.of(2, 1, 0, 0, 0, 0, 2, 5, 3, 1, 7, 9),
    Uint8Array.of(0),
  ],
  open: (): Run => (input) => {
    const stream = build(input)
    refusing(['BAD_ENVELOPE'], () => gobCodec.decodeRequest(stream))
    return stream.length
  },
}

function build(input: Uint8Array): Buffer {
  let at = 0
  const next = (): number => input[at++] ?? 0
  const messages: Buffer[] = []
  let room = STREAM_BYTES_MAX
  for (let left = next() % DEFINITIONS_MAX; left > 0; left--) {
    // Up to 65,280: as many as fit into a frame when they have no name and no type.
    const wanted = next() * (next() % 2 === 0 ? 1 : 256)
    const one = field(NAMES[next() % NAMES.length]!, TYPES[next() % TYPES.length]!)
    const count = Math.min(wanted, Math.floor(room / one.length))
    const fields = Buffer.alloc(count * one.length, one)
    room -= fields.length
    const id = int(-FIRST_ID - messages.length)
    messages.push(message(id, uint(3), uint(2), uint(count), fields, uint(0), uint(0)))
  }
  const values = Array.from({ length: next() }, () => uint(next()))
  messages.push(message(int(FIRST_ID + (next() % DEFINITIONS_MAX)), ...values, uint(0)))
  return Buffer.concat(messages)
}

/** Zero values are left out, as gob asks: a field without name and type is one byte. */
function field(name: string, typeId: number): Buffer {
  const parts = name === '' ? [] : [uint(1), uint(name.length), Buffer.from(name)]
  if (typeId > 0) parts.push(uint(name === '' ? 2 : 1), int(typeId))
  return Buffer.concat([...parts, uint(0)])
}

function message(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([uint(body.length), body])
}

function uint(value: number): Buffer {
  const bytes = Buffer.alloc(uintSize(value))
  writeUint(bytes, 0, value)
  return bytes
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(intSize(value))
  writeInt(bytes, 0, value)
  return bytes
}
