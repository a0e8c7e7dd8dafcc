/** The JSON reader alone, beside `JSON.parse`. */
import assert from 'node:assert/strict'
import type { RequestEnvelope } from '../../../src/openim/codec/envelope.js'
import { jsonCodec } from '../../../src/openim/codec/json.js'
import { RequestId } from '../../../src/openim/requests.js'
import { INPUT_BYTES_MAX, type Run, refusing, type Target } from '../engine/target.js'

const FIELDS = ['reqIdentifier', 'token', 'sendID', 'operationID', 'msgIncr', 'data'] as const

export const target: Target = {
  name: 'json',
  what: 'JSON envelopes: read or refused as BAD_ENVELOPE; fields are those that JSON.parse finds',
  bytesMax: INPUT_BYTES_MAX,
  steps: { base: 2_000, perByte: 4 },
  seeds: () => [
    jsonCodec.encodeRequest({
      reqIdentifier: RequestId.SubscribeStatus,
      token: 't',
      sendID: 'ann',
      operationID: 'o',
      msgIncr: '1',
      data: Uint8Array.of(1, 2, 3, 4),
    }),
    Buffer.from(
      '{"REQIDENTIFIER":-1,"SendID":"\\ud83d\\ude00","data":null,"data":"AQ==","x":{"y":[1,2.5e3,true]}}',
    ),
    Buffer.from('{"__proto__":{"token":"x"},"token":"\\u0000"}'),
  ],
  open: (): Run => (input) => {
    const request = refusing(['BAD_ENVELOPE'], () => jsonCodec.decodeRequest(input))
    if (request === undefined) return
    const value = parsed(input)
    for (const field of FIELDS) compare(request, value, field)
    const again = jsonCodec.decodeRequest(jsonCodec.encodeRequest(request))
    assert.equal(Buffer.compare(again.data, request.data), 0)
  },
}

function compare(
  request: RequestEnvelope,
  value: Record<string, unknown>,
  field: (typeof FIELDS)[number],
): void {
  const keys = Object.keys(value).filter((key) => key.toLowerCase() === field.toLowerCase())
  // Which of several spellings came last `JSON.parse` does not say.
  if (keys.length > 1) return
  const expected = keys.length === 0 ? null : value[keys[0]!]
  if (field === 'reqIdentifier') return assert.equal(request.reqIdentifier + 0, (expected ?? 0) as number)
  // In base64, spare bits of the last letter are passed over: bytes are compared with bytes.
  if (field === 'data') {
    return assert.equal(Buffer.compare(request.data, Buffer.from((expected ?? '') as string, 'base64')), 0)
  }
  assert.equal(request[field], expected ?? '')
}

function parsed(input: Uint8Array): Record<string, unknown> {
  return JSON.parse(Buffer.from(input).toString()) as Record<string, unknown>
}
