import fc from 'fast-check'
import t from 'tap'
import { countFields } from '../../src/openim/codec/protobuf-fields.js'
import { SubUserOnlineStatus } from '../../src/openim/proto/openim.js'

const bytes = (...parts: number[]) => Uint8Array.from(parts)

t.test('fields are counted by number', async (t) => {
  const property = fc.property(fc.array(fc.string()), fc.array(fc.string()), (watch, unwatch) => {
    const data = SubUserOnlineStatus.encode({ subscribeUserID: watch, unsubscribeUserID: unwatch }).finish()
    t.same(countFields(data, 1_000), [0, watch.length, unwatch.length])
  })
  fc.assert(property, { numRuns: 200 })
  const others = bytes(
    0x18,
    0x80,
    1,
    0x21,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    0x2d,
    1,
    2,
    3,
    4,
    0x82,
    0x01,
    1,
    9,
    0x12,
    0,
  )
  t.same(countFields(others, 10), [4, 0, 1])
  t.same(countFields(bytes(), 10), [0, 0, 0])
})

t.test('counting stops above the bound', async (t) => {
  t.same(countFields(Uint8Array.from(Buffer.alloc(1_000_000, Buffer.from([0x0a, 0]))), 10), [0, 11, 0])
})

t.test('what is no message is none, and nothing but that', async (t) => {
  const broken = [
    bytes(0x0a),
    bytes(0x0a, 5, 1),
    bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    bytes(0x08, ...Array<number>(11).fill(0x80)),
    bytes(0x00, 1),
    bytes(0x0b, 0x0c),
    bytes(0x0f),
    bytes(0x21, 1),
    bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  ]
  for (const message of broken)
    t.equal(countFields(message, 100), undefined, Buffer.from(message).toString('hex'))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      const counts = countFields(message, 50)
      t.ok(counts === undefined || counts[0] + counts[1] + counts[2] <= 51)
    }),
  )
})
