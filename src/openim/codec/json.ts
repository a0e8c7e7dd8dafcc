/** The JSON codec: one object a frame, in a binary frame, `data` as padded standard base64. */

import { BadEnvelopeError } from '../../errors/errors.js'
import type { EnvelopeCodec, RequestEnvelope, ResponseEnvelope } from './envelope.js'

/**
 * Reads what Go's `encoding/json` would: unknown keys ignored, keys matched without regard to case, missing
 * keys and nulls are zero values, the last of several wins, any other type is BAD_ENVELOPE.
 */
export const jsonCodec: EnvelopeCodec = {
  name: 'json',
  encodeResponse(r): Uint8Array {
    const data = r.data === null ? 'null' : `"${toBase64(r.data)}"`
    return Buffer.from(
      `{"reqIdentifier":${r.reqIdentifier},"msgIncr":${JSON.stringify(r.msgIncr)},` +
        `"operationID":${JSON.stringify(r.operationID)},"errCode":${r.errCode},` +
        `"errMsg":${JSON.stringify(r.errMsg)},"data":${data}}`,
    )
  },
  decodeRequest(bytes): RequestEnvelope {
    const request: RequestEnvelope = {
      reqIdentifier: 0,
      token: '',
      sendID: '',
      operationID: '',
      msgIncr: '',
      data: new Uint8Array(0),
    }
    for (const [key, value] of entriesOf(bytes)) {
      if (value === null) continue
      switch (key.toLowerCase()) {
        case 'reqidentifier':
          request.reqIdentifier = int32(value)
          break
        case 'token':
          request.token = text(value)
          break
        case 'sendid':
          request.sendID = text(value)
          break
        case 'operationid':
          request.operationID = text(value)
          break
        case 'msgincr':
          request.msgIncr = text(value)
          break
        case 'data':
          request.data = fromBase64(text(value))
          break
      }
    }
    return request
  },
  encodeRequest: (r) =>
    Buffer.from(
      JSON.stringify({
        reqIdentifier: r.reqIdentifier,
        token: r.token,
        sendID: r.sendID,
        operationID: r.operationID,
        msgIncr: r.msgIncr,
        data: toBase64(r.data),
      }),
    ),
  decodeResponse(bytes): ResponseEnvelope {
    const response: ResponseEnvelope = {
      reqIdentifier: 0,
      msgIncr: '',
      operationID: '',
      errCode: 0,
      errMsg: '',
      data: null,
    }
    for (const [key, value] of entriesOf(bytes)) {
      if (value === null) continue
      if (key === 'reqIdentifier') response.reqIdentifier = int32(value)
      else if (key === 'msgIncr') response.msgIncr = text(value)
      else if (key === 'operationID') response.operationID = text(value)
      else if (key === 'errCode') response.errCode = int32(value)
      else if (key === 'errMsg') response.errMsg = text(value)
      else if (key === 'data') response.data = fromBase64(text(value))
    }
    return response
  },
}

/** An envelope has 13 colons, commas and brackets; what it may have beside them is for fields unknown to us. */
const STRUCTURE_MAX = 512
/** Of shorter frames not even the worst takes long to parse. */
const SCANNED_FROM_BYTES = 1_024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const STRUCTURE: ReadonlySet<number> = new Set(Buffer.from('{[:,'))

/** Parsing makes something of every key and bracket: a frame that is full of them costs far more than its bytes. */
function assertSimple(json: Buffer): void {
  let structure = 0
  let at = 0
  while (at < json.length) {
    const byte = json[at]!
    if (byte === QUOTE) at = endOfString(json, at + 1)
    else {
      at++
      if (STRUCTURE.has(byte) && ++structure > STRUCTURE_MAX)
        throw new BadEnvelopeError('json: too many parts')
    }
  }
}

/** One past the closing quote, or the end. */
function endOfString(json: Buffer, from: number): number {
  for (let quote = json.indexOf(QUOTE, from); quote >= 0; quote = json.indexOf(QUOTE, quote + 1)) {
    let escapes = 0
    while (quote - escapes > from && json[quote - escapes - 1] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return quote + 1
  }
  return json.length
}

function entriesOf(bytes: Uint8Array): [string, unknown][] {
  const json = asBuffer(bytes)
  if (json.length >= SCANNED_FROM_BYTES) assertSimple(json)
  let value: unknown
  try {
    value = JSON.parse(json.toString())
  } catch {
    throw new BadEnvelopeError('json: not JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadEnvelopeError('json: not an object')
  }
  // Own entries only: a key such as __proto__ is one more unknown key.
  return Object.entries(value)
}

function int32(value: unknown): number {
  if (typeof value !== 'number' || value !== (value | 0)) throw new BadEnvelopeError('json: not an int32')
  return value
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new BadEnvelopeError('json: not a string')
  return value
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64')
}

/**
 * Node decodes anything: it skips characters that are not base64 and stops at '='. So a wrong length shows that something
 * was skipped. URL-safe letters are checked apart, because Node takes them for '+' and '/'.
 */
function fromBase64(encoded: string): Uint8Array {
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0
  const bytes = Buffer.from(encoded, 'base64')
  const isStandard =
    encoded.length % 4 === 0 &&
    bytes.length === (encoded.length / 4) * 3 - padding &&
    !encoded.includes('-') &&
    !encoded.includes('_')
  if (!isStandard) throw new BadEnvelopeError('json: data is not base64')
  return bytes
}
