import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { BadEnvelopeError, MessageTooLongError } from '../../src/errors/errors.js'
import { FRAME_ENCODINGS, type FrameEncoding, frameEncoding } from '../../src/openim/codec/encodings.js'
import type { RequestEnvelope, ResponseEnvelope } from '../../src/openim/codec/envelope.js'

const INFLATED_BYTES_MAX = 200_000

// UTF-8 carries no half surrogate pairs, so whole characters only; of every plane.
const text = fc.oneof(fc.constant(''), fc.string({ unit: 'binary', maxLength: 300 }))
const int32 = fc.oneof(fc.constant(0), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Lengths about 2^16; one letter is enough there.
  fc
    .tuple(fc.integer({ min: 65_000, max: 66_000 }), fc.nat({ max: 255 }))
    .map(([length, byte]) => Buffer.alloc(length, byte)),
)

const requests: fc.Arbitrary<RequestEnvelope> = fc.record({
  reqIdentifier: int32,
  token: text,
  sendID: text,
  operationID: text,
  msgIncr: text,
  data: bytes,
})

const responses: fc.Arbitrary<ResponseEnvelope> = fc.record({
  reqIdentifier: int32,
  msgIncr: text,
  operationID: text,
  errCode: int32,
  errMsg: text,
  data: fc.option(bytes),
})

/** Compare bytes as bytes, whichever class holds them. */
function plain<T extends { data: Uint8Array | null }>(envelope: T): unknown {
  return { ...envelope, data: envelope.data === null ? null : Buffer.from(envelope.data).toString('hex') }
}

/** Throws unless `decode` returns or throws one of the two errors that it may. */
function refusesProperly(decode: () => unknown): void {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof BadEnvelopeError) && !(error instanceof MessageTooLongError)) throw error
  }
}

/** A valid frame after some bytes were changed, put in, or taken out. */
function mutated(encoding: FrameEncoding): fc.Arbitrary<Uint8Array> {
  const change = fc.record({
    at: fc.nat(),
    cut: fc.nat({ max: 3 }),
    put: fc.uint8Array({ maxLength: 3 }),
  })
  const frames = fc.oneof(requests.map(encoding.encodeRequest), responses.map(encoding.encodeResponse))
  return fc.tuple(frames, fc.array(change, { minLength: 1, maxLength: 4 })).map(([frame, changes]) => {
    let result = Buffer.from(frame)
    for (const { at, cut, put } of changes) {
      const start = at % (result.length + 1)
      result = Buffer.concat([result.subarray(0, start), put, result.subarray(start + cut)])
    }
    return result
  })
}

for (const encoding of FRAME_ENCODINGS) {
  t.test(`encoding ${encoding.name}`, async (t) => {
    t.test('requests come back as they were', async () => {
      fc.assert(
        fc.property(requests, (request) => {
          const read = encoding.decodeRequest(encoding.encodeRequest(request), INFLATED_BYTES_MAX)
          assert.deepEqual(plain(read), plain(request))
        }),
      )
    })

    t.test('responses come back as they were', async () => {
      fc.assert(
        fc.property(responses, (response) => {
          const read = encoding.decodeResponse(encoding.encodeResponse(response), INFLATED_BYTES_MAX)
          const gobHasNoEmptyData = encoding.name.startsWith('gob') && response.data?.length === 0
          assert.deepEqual(plain(read), plain(gobHasNoEmptyData ? { ...response, data: null } : response))
        }),
      )
    })

    t.test('a frame that is cut short is refused', async () => {
      const cut = fc.tuple(requests.map(encoding.encodeRequest), fc.nat()).map(([frame, at]) => {
        return frame.subarray(0, at % frame.length)
      })
      fc.assert(
        fc.property(cut, (frame) => {
          assert.throws(() => encoding.decodeRequest(frame, INFLATED_BYTES_MAX), BadEnvelopeError)
        }),
        { numRuns: 500 },
      )
    })

    t.test('arbitrary bytes are read or refused, never anything else', async () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 2000 }), (frame) => {
          refusesProperly(() => encoding.decodeRequest(frame, INFLATED_BYTES_MAX))
          refusesProperly(() => encoding.decodeResponse(frame, INFLATED_BYTES_MAX))
        }),
        { numRuns: 1000 },
      )
    })

    t.test('damaged frames are read or refused, never anything else', async () => {
      fc.assert(
        fc.property(mutated(encoding), (frame) => {
          refusesProperly(() => encoding.decodeRequest(frame, INFLATED_BYTES_MAX))
          refusesProperly(() => encoding.decodeResponse(frame, INFLATED_BYTES_MAX))
        }),
        { numRuns: 1000 },
      )
    })
  })
}

t.test('the encoding of a connection follows from what its handshake asked for', async (t) => {
  t.equal(frameEncoding('js', false).name, 'json')
  t.equal(frameEncoding('go', false).name, 'gob')
  t.equal(frameEncoding('js', true).name, 'json+gzip')
  t.equal(frameEncoding('go', true).name, 'gob+gzip')
  for (const [index, encoding] of FRAME_ENCODINGS.entries()) t.equal(encoding.index, index)
})

t.test('a hostile frame of the greatest size takes no longer than an honest one', async (t) => {
  // A definition of as many fields as fit, and as many definitions as fit.
  const fields = Buffer.alloc(50_000)
  const many = Buffer.concat([
    Buffer.from([0xfd, 0x00, 0xc3, 0x5b, 0xff, 0x81, 3, 2, 0xfd, 0x00, 0xc3, 0x50]),
    fields,
  ])
  const definitions = Buffer.concat(
    Array.from({ length: 8000 }, (_, i) =>
      Buffer.from([5, 0xfe, (i + 129) >> 7, ((i << 1) | 1) & 0xff, 1, 0]),
    ),
  )
  for (const frame of [many, definitions]) {
    const started = performance.now()
    for (let i = 0; i < 5; i++) refusesProperly(() => frameEncoding('go', false).decodeRequest(frame, 0))
    t.ok(performance.now() - started < 500)
  }
})
