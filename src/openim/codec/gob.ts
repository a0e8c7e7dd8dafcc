/**
 * The gob codec: what Go's `encoding/gob` writes for OpenIM's two envelope structs, and reads of them.
 *
 * Each frame is a stream of its own: definition messages, then one value message. Fields are matched by name, so
 * a decoder follows the definitions of the frame: any type ids, any order, unknown fields of a basic type skipped.
 * Reference: https://pkg.go.dev/encoding/gob ("Encoding Details").
 */

import { BadEnvelopeError } from '../../errors/errors.js'
import type { EnvelopeCodec, RequestEnvelope, ResponseEnvelope } from './envelope.js'
import { GobReader } from './gob-reader.js'
import { intSize, uintSize, writeInt, writeUint } from './gob-writer.js'

// Go's predefined type ids.
const INT = 2
const BYTES = 5
const STRING = 6
const COMPLEX = 7

/** The first id that Go gives to a user's type in the SDKs' builds; receivers take whatever a frame defines. */
const VALUE_TYPE_ID = 65

type FieldType = typeof INT | typeof BYTES | typeof STRING
type FieldTable = readonly (readonly [name: string, type: FieldType])[]
type FieldValue = number | string | Uint8Array

const REQUEST_FIELDS: FieldTable = [
  ['ReqIdentifier', INT],
  ['Token', STRING],
  ['SendID', STRING],
  ['OperationID', STRING],
  ['MsgIncr', STRING],
  ['Data', BYTES],
]

const RESPONSE_FIELDS: FieldTable = [
  ['ReqIdentifier', INT],
  ['MsgIncr', STRING],
  ['OperationID', STRING],
  ['ErrCode', INT],
  ['ErrMsg', STRING],
  ['Data', BYTES],
]

/**
 * What a frame may define. The SDKs define one struct of six fields; Go sends a definition more for each type within it.
 * An object is made for each field, so that without a bound a short zipped frame would make half a million.
 */
const DEFINITIONS_MAX = 16
const DEFINED_FIELDS_MAX = 64
const NAME_BYTES_MAX = 256

const REQUEST_DEFINITION = encodeDefinition('GeneralWsReq', REQUEST_FIELDS)
const RESPONSE_DEFINITION = encodeDefinition('Resp', RESPONSE_FIELDS)
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Gob knows no null: an absent `data` and an empty one are the same bytes, and `decodeResponse` returns null. */
export const gobCodec: EnvelopeCodec = {
  name: 'gob',
  encodeResponse: (r) =>
    encodeValue(RESPONSE_DEFINITION, [
      r.reqIdentifier,
      r.msgIncr,
      r.operationID,
      r.errCode,
      r.errMsg,
      r.data ?? NO_BYTES,
    ]),
  decodeRequest(bytes): RequestEnvelope {
    const values = decodeValue(bytes, REQUEST_FIELDS)
    const reqIdentifier = (values[0] as number | undefined) ?? 0
    if (reqIdentifier !== (reqIdentifier | 0))
      throw new BadEnvelopeError('gob: ReqIdentifier is not an int32')
    return {
      reqIdentifier,
      token: (values[1] as string | undefined) ?? '',
      sendID: (values[2] as string | undefined) ?? '',
      operationID: (values[3] as string | undefined) ?? '',
      msgIncr: (values[4] as string | undefined) ?? '',
      data: (values[5] as Uint8Array | undefined) ?? NO_BYTES,
    }
  },
  encodeRequest: (r) =>
    encodeValue(REQUEST_DEFINITION, [r.reqIdentifier, r.token, r.sendID, r.operationID, r.msgIncr, r.data]),
  decodeResponse(bytes): ResponseEnvelope {
    const values = decodeValue(bytes, RESPONSE_FIELDS)
    const data = values[5] as Uint8Array | undefined
    return {
      reqIdentifier: (values[0] as number | undefined) ?? 0,
      msgIncr: (values[1] as string | undefined) ?? '',
      operationID: (values[2] as string | undefined) ?? '',
      errCode: (values[3] as number | undefined) ?? 0,
      errMsg: (values[4] as string | undefined) ?? '',
      data: data === undefined || data.length === 0 ? null : data,
    }
  },
}

/** The type definition message, as Go writes it: the same bytes at the head of every frame. */
function encodeDefinition(typeName: string, fields: FieldTable): Buffer {
  const body = Buffer.alloc(512)
  const writeNamed = (at: number, name: string, typeId: number): number => {
    let offset = writeUint(body, at, 1)
    offset = writeUint(body, offset, name.length)
    offset += body.write(name, offset, 'latin1')
    offset = writeUint(body, offset, 1)
    offset = writeInt(body, offset, typeId)
    return writeUint(body, offset, 0)
  }
  let offset = writeInt(body, 0, -VALUE_TYPE_ID)
  offset = writeUint(body, offset, 3) // wireType field 2: StructT
  offset = writeUint(body, offset, 1) // StructT field 0: CommonType
  offset = writeNamed(offset, typeName, VALUE_TYPE_ID)
  offset = writeUint(body, offset, 1) // StructT field 1: Field, a slice
  offset = writeUint(body, offset, fields.length)
  for (const [name, type] of fields) offset = writeNamed(offset, name, type)
  offset = writeUint(body, offset, 0) // end of StructT
  offset = writeUint(body, offset, 0) // end of wireType
  const message = Buffer.alloc(uintSize(offset) + offset)
  body.copy(message, writeUint(message, 0, offset), 0, offset)
  return message
}

/** The definition and one value message in one exact allocation. Zero values are left out, as gob asks. */
function encodeValue(definition: Buffer, values: readonly FieldValue[]): Uint8Array {
  let size = intSize(VALUE_TYPE_ID) + 1
  for (const value of values) {
    if (typeof value === 'number') {
      if (value !== 0) size += 1 + intSize(value)
      continue
    }
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length
    if (length > 0) size += 1 + uintSize(length) + length
  }
  const frame = Buffer.allocUnsafe(definition.length + uintSize(size) + size)
  frame.set(definition, 0)
  let offset = writeUint(frame, definition.length, size)
  offset = writeInt(frame, offset, VALUE_TYPE_ID)
  let previous = -1
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value === 0 || (typeof value !== 'number' && value.length === 0)) continue
    frame[offset++] = i - previous
    previous = i
    if (typeof value === 'number') offset = writeInt(frame, offset, value)
    else if (typeof value === 'string') {
      offset = writeUint(frame, offset, Buffer.byteLength(value))
      offset += frame.write(value, offset)
    } else {
      offset = writeUint(frame, offset, value.length)
      frame.set(value, offset)
      offset += value.length
    }
  }
  frame[offset] = 0
  return frame
}

/** A field of a frame's own definition: where its value goes (-1 = nowhere), and how to read it. */
interface WireField {
  slot: number
  typeId: number
}

/** Values by the table's order; undefined where the frame has none. Throws BAD_ENVELOPE on anything else. */
function decodeValue(bytes: Uint8Array, fields: FieldTable): (FieldValue | undefined)[] {
  const reader = new GobReader(bytes)
  const defined = new Map<number, WireField[] | 'opaque'>()
  while (!reader.isAtEnd()) {
    const outerEnd = reader.enter()
    const id = reader.int()
    if (id >= 0) {
      const type = defined.get(id)
      if (type === undefined || type === 'opaque') throw new BadEnvelopeError('gob: value of no known struct')
      const values = readStruct(reader, type, fields)
      if (!reader.isAtEnd()) throw new BadEnvelopeError('gob: bytes after the value')
      reader.leave(outerEnd)
      // Go's own decoder stops here too, but a sender that sends more than one value is not an OpenIM client.
      if (!reader.isAtEnd()) throw new BadEnvelopeError('gob: bytes after the value')
      return values
    }
    if (defined.size === DEFINITIONS_MAX) throw new BadEnvelopeError('gob: too many types')
    if (defined.has(-id)) throw new BadEnvelopeError('gob: type defined twice')
    defined.set(-id, readDefinition(reader, fields))
    reader.leave(outerEnd)
  }
  throw new BadEnvelopeError('gob: no value')
}

/** A wireType. Only structs are of interest: of any other kind ('opaque') a value cannot be read or skipped. */
function readDefinition(reader: GobReader, fields: FieldTable): WireField[] | 'opaque' {
  if (reader.delta() !== 3) return 'opaque'
  let wireFields: WireField[] = []
  let index = -1
  for (let delta = reader.delta(); delta !== 0; delta = reader.delta()) {
    index += delta
    if (index === 0) readNamed(reader)
    else if (index === 1) wireFields = readFields(reader, fields)
    else throw new BadEnvelopeError('gob: unknown part of a struct type')
  }
  return wireFields
}

function readFields(reader: GobReader, fields: FieldTable): WireField[] {
  const count = reader.count()
  if (count > DEFINED_FIELDS_MAX) throw new BadEnvelopeError('gob: a type of too many fields')
  const wireFields: WireField[] = []
  for (let i = 0; i < count; i++) {
    const { name, id: typeId } = readNamed(reader)
    const slot = fields.findIndex((field) => field[0] === name)
    if (slot >= 0 && fields[slot][1] !== typeId) throw new BadEnvelopeError(`gob: ${name} has another type`)
    wireFields.push({ slot, typeId })
  }
  return wireFields
}

/** gob's CommonType and fieldType alike: a struct of a name and a type id. */
function readNamed(reader: GobReader): { name: string; id: number } {
  let name = ''
  let id = 0
  let index = -1
  for (let delta = reader.delta(); delta !== 0; delta = reader.delta()) {
    index += delta
    if (index === 0) name = reader.string(NAME_BYTES_MAX)
    else if (index === 1) id = reader.int()
    else throw new BadEnvelopeError('gob: unknown part of a named type')
  }
  return { name, id }
}

function readStruct(
  reader: GobReader,
  wireFields: readonly WireField[],
  fields: FieldTable,
): (FieldValue | undefined)[] {
  const values: (FieldValue | undefined)[] = new Array(fields.length).fill(undefined)
  let index = -1
  for (let delta = reader.delta(); delta !== 0; delta = reader.delta()) {
    index += delta
    if (index >= wireFields.length) throw new BadEnvelopeError('gob: field beyond the definition')
    const { slot, typeId } = wireFields[index]
    if (slot < 0) skipValue(reader, typeId)
    else if (typeId === INT) values[slot] = reader.int()
    else if (typeId === STRING) values[slot] = reader.string()
    else values[slot] = reader.bytes()
  }
  return values
}

/** Bool, int, uint and float (1 to 4) are one integer on the wire, a complex number is two. */
function skipValue(reader: GobReader, typeId: number): void {
  if (typeId === BYTES || typeId === STRING) {
    reader.skipBytes()
    return
  }
  if (typeId < 1 || typeId > COMPLEX)
    throw new BadEnvelopeError('gob: unknown field of a type without bounds')
  reader.skipUint()
  if (typeId === COMPLEX) reader.skipUint()
}
