/** The Gob reader alone, for both envelopes: other definitions, other orders, fields that it does not know. */
import assert from 'node:assert/strict'
import { gobCodec } from '../../../src/openim/codec/gob.js'
import { RequestId } from '../../../src/openim/requests.js'
import { INPUT_BYTES_MAX, type Run, refusing, type Target } from '../engine/target.js'

export const target: Target = {
  name: 'gob',
  what: 'Gob envelopes: read or refused as BAD_ENVELOPE; what our writer makes of it is read the same',
  bytesMax: INPUT_BYTES_MAX,
  steps: { base: 20_000, perByte: 8 },
  seeds: () => [
    gobCodec.encodeRequest({
      reqIdentifier: RequestId.SubscribeStatus,
      token: 't',
      sendID: 'ann',
      operationID: 'o',
      msgIncr: '1',
      data: Uint8Array.of(1, 2, 3),
    }),
    gobCodec.encodeResponse({
      reqIdentifier: RequestId.Kick,
      msgIncr: '1',
      operationID: 'o',
      errCode: -5,
      errMsg: 'e',
      data: Uint8Array.of(1),
    }),
    OTHER_ORDER,
  ],
  open: (): Run => (input) => {
    const request = refusing(['BAD_ENVELOPE'], () => gobCodec.decodeRequest(input))
    if (request !== undefined)
      assert.deepEqual(gobCodec.decodeRequest(gobCodec.encodeRequest(request)), request)
    const response = refusing(['BAD_ENVELOPE'], () => gobCodec.decodeResponse(input))
    if (response !== undefined) {
      assert.deepEqual(gobCodec.decodeResponse(gobCodec.encodeResponse(response)), response)
    }
  },
}

/** A struct of type 70 with fields `X` (complex), `SendID` and `Y` (float), and a value of it. */
const OTHER_ORDER = Buffer.from([
  ...[0x25, 0xff, 0x8b, 3, 1, 1, 1, 0x54, 1, 0xff, 0x8c, 0, 1, 3],
  ...[1, 1, 0x58, 1, 14, 0, 1, 6, ...Buffer.from('SendID'), 1, 12, 0, 1, 1, 0x59, 1, 8, 0, 0, 0],
  ...[0x0d, 0xff, 0x8c, 1, 0xfe, 0xf0, 0x3f, 0x40, 1, 3, ...Buffer.from('ann'), 0],
])
