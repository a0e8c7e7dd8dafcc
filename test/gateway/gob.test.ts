import t from 'tap'
import type { RequestEnvelope, ResponseEnvelope } from '../../src/openim/codec/envelope.js'
import { gobCodec } from '../../src/openim/codec/gob.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/[\s|]/g, ''), 'hex')

const request = (fields: Partial<RequestEnvelope>): RequestEnvelope => ({
  reqIdentifier: 0,
  token: '',
  sendID: '',
  operationID: '',
  msgIncr: '',
  data: Buffer.alloc(0),
  ...fields,
})

const response = (fields: Partial<ResponseEnvelope>): ResponseEnvelope => ({
  reqIdentifier: 0,
  msgIncr: '',
  operationID: '',
  errCode: 0,
  errMsg: '',
  data: null,
  ...fields,
})

const REQUEST_DEFINITION = hex(`
  66 ff81 03 01 01 0c 47656e6572616c5773526571 01 ff82 00
     01 06
     01 0d 5265714964656e746966696572 01 04 00
     01 05 546f6b656e                 01 0c 00
     01 06 53656e644944               01 0c 00
     01 0b 4f7065726174696f6e4944     01 0c 00
     01 07 4d7367496e6372             01 0c 00
     01 04 44617461                   01 0a 00
     00 00`)

const RESPONSE_DEFINITION = hex(`
  60 ff81 03 01 01 04 52657370 01 ff82 00
     01 06
     01 0d 5265714964656e746966696572 01 04 00
     01 07 4d7367496e6372             01 0c 00
     01 0b 4f7065726174696f6e4944     01 0c 00
     01 07 457272436f6465             01 04 00
     01 06 4572724d7367               01 0c 00
     01 04 44617461                   01 0a 00
     00 00`)

// A struct of fourteen fields that shares six with a request, in another order, written by Go 1.26: also a bool, a
// uint64, a float64, a complex128, a string, bytes, an int64, a slice and a pointer to a struct, the latter two
// with definition messages of their own.
const ODD_DEFINITION = hex(
  'ffa67f030101034f646401ff8000010e0104466c6167010200010444617461010a000105436f756e7401060001074d73' +
    '67496e6372010c000105526174696f01080001015a010e00010b4f7065726174696f6e4944010c0001044e6f7465010c' +
    '000104426c6f62010a00010653656e644944010c0001084e65676174697665010400010d5265714964656e7469666965' +
    '7201040001044c69737401ff82000102496e01ff8400000016ff81020101085b5d737472696e6701ff8200010c00001f' +
    'ff8303010105496e6e657201ff84000102010141010400010142010c000000',
)
const ODD_VALUE = hex(
  'fe016bff800101010301020301f8800000000000000001016d01fef83f01fef03ffe04c001026f7001fe012c' +
    '6e'.repeat(300) +
    '0101090102753101f87fffffffffffffff01fe0fa900',
)
// The same type with only SendID and, of what cannot be skipped, the slice; then the struct.
const ODD_WITH_SLICE = hex('0bff800a0275310301016100')
const ODD_WITH_STRUCT = hex('0bff800a0275310401020000')

const with65 = (value: string): Buffer => Buffer.concat([REQUEST_DEFINITION, hex(value)])

t.test('requests are written as Go writes them', async (t) => {
  const frame = gobCodec.encodeRequest(
    request({
      reqIdentifier: 1001,
      sendID: 'u1',
      operationID: 'op1',
      msgIncr: 'u1_1',
      data: hex('0a027531'),
    }),
  )
  const value = '1c ff82 | 01 fe07d2 | 02 02 7531 | 01 03 6f7031 | 01 04 75315f31 | 01 04 0a027531 | 00'
  t.same(frame, with65(value))
  t.equal(frame.length, 103 + 29)
})

t.test('responses are written as Go writes them', async (t) => {
  const ids = { msgIncr: 'u1_1', operationID: 'op1' }
  const cases: [string, ResponseEnvelope, string][] = [
    [
      'a reply',
      response({ ...ids, reqIdentifier: 1001, data: hex('0a02') }),
      '16 ff82 01 fe07d2 01 04 75315f31 01 03 6f7031 03 02 0a02 00',
    ],
    [
      'an error',
      response({ ...ids, reqIdentifier: 1003, errCode: 1506, errMsg: 'TokenKickedError' }),
      '28 ff82 01 fe07d6 01 04 75315f31 01 03 6f7031 01 fe0bc4 01 10 546f6b656e4b69636b65644572726f72 00',
    ],
    ['a kick', response({ reqIdentifier: 2002 }), '07 ff82 01 fe0fa4 00'],
    [
      'a push with multi-byte lengths',
      response({ reqIdentifier: 2001, operationID: 'op1', data: Buffer.alloc(200, 7) }),
      `ffd7 ff82 01 fe0fa2 02 03 6f7031 03 ffc8 ${'07'.repeat(200)} 00`,
    ],
    ['nothing at all', response({ data: Buffer.alloc(0) }), '03 ff82 00'],
  ]
  for (const [title, envelope, value] of cases) {
    const frame = Buffer.concat([RESPONSE_DEFINITION, hex(value)])
    t.same(gobCodec.encodeResponse(envelope), frame, title)
    const { data } = envelope
    t.same(gobCodec.decodeResponse(frame), { ...envelope, data: data?.length === 0 ? null : data }, title)
  }
})

t.test('a response struct in the order of the SDKs is read', async (t) => {
  // SdkResp of Go 1.26, type id 68: ReqIdentifier int32, ErrCode, ErrMsg, MsgIncr, OperationID, Data.
  const frame = hex(
    '63ff870301010753646b5265737001ff88000106010d5265714964656e74696669657201040001074572' +
      '72436f646501040001064572724d7367010c0001074d7367496e6372010c00010b4f7065726174696f6e4944010c00010444' +
      '617461010a00000028ff8801fe07d601fe0bc40110546f6b656e4b69636b65644572726f72010475315f3101036f703100',
  )
  t.same(
    gobCodec.decodeResponse(frame),
    response({
      reqIdentifier: 1003,
      errCode: 1506,
      errMsg: 'TokenKickedError',
      msgIncr: 'u1_1',
      operationID: 'op1',
    }),
  )
})

t.test(
  'fields are found by name, in any order, and unknown ones of basic types are passed over',
  async (t) => {
    t.same(
      gobCodec.decodeRequest(Buffer.concat([ODD_DEFINITION, ODD_VALUE])),
      request({
        reqIdentifier: -2005,
        sendID: 'u1',
        operationID: 'op',
        msgIncr: 'm',
        data: Buffer.from([1, 2, 3]),
      }),
    )
  },
)

t.test('an unknown field that cannot be passed over is refused', async (t) => {
  for (const value of [ODD_WITH_SLICE, ODD_WITH_STRUCT]) {
    t.throws(() => gobCodec.decodeRequest(Buffer.concat([ODD_DEFINITION, value])), { code: 'BAD_ENVELOPE' })
  }
})

t.test('integers of every length survive, up to what a double holds', async (t) => {
  const powers = Array.from({ length: 53 }, (_, power) => 2 ** power)
  const numbers = powers.flatMap((n) => [n - 1, n, n + 1, -n, -n - 1]).filter(Number.isSafeInteger)
  for (const errCode of [...numbers, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    const read = gobCodec.decodeResponse(gobCodec.encodeResponse(response({ errCode })))
    t.equal(read.errCode, errCode)
  }
})

t.test('a multi-byte length that one byte would hold is read', async (t) => {
  t.equal(gobCodec.decodeRequest(with65('09 ff82 03 fe0002 7531 00')).sendID, 'u1')
})

t.test('what is not one well-formed value is refused', async (t) => {
  const cases: [string, Buffer][] = [
    ['nothing', hex('')],
    ['a definition only', REQUEST_DEFINITION],
    ['an empty message', hex('00')],
    ['a value of a type that was not defined', hex('03 ff82 00')],
    ['a type id of zero', with65('02 00 00')],
    ['a definition twice', Buffer.concat([REQUEST_DEFINITION, with65('03 ff82 00')])],
    ['a message longer than the frame', with65('7f ff82 00')],
    ['a length of 2^63', with65('f88000000000000000 ff82 00')],
    ['an integer of nine bytes', with65('f7010203040506070809 ff82 00')],
    ['a value without its end', with65('07 ff82 01 fe07d2 7f')],
    ['a string longer than its message', with65('06 ff82 03 ff7f 00')],
    ['a field beyond the definition', with65('05 ff82 07 02 00')],
    ['a field delta beyond any struct', with65('06 ff82 fe7fff 02 00')],
    ['bytes after the value', with65('04 ff82 00 00')],
    ['a second value', with65('03 ff82 00 03 ff82 00')],
    ['an integer beyond 2^53', with65('0c ff82 01 f83fffffffffffffff 00')],
    ['an identifier that is no int32', with65('09 ff82 01 fb0200000000 00')],
    ['a field of another type', hex('0f ff81 03 02 01 01 06 53656e644944 01 0400 0000 05 ff82 01 02 00')],
    ['a definition that counts more fields than it has bytes', hex('0a ff81 03 02 fc7fffffff 01 00 00')],
  ]
  for (const [title, frame] of cases) {
    t.throws(() => gobCodec.decodeRequest(frame), { code: 'BAD_ENVELOPE' }, title)
  }
})

t.test('a frame that is a view into larger memory is read within its bounds', async (t) => {
  const value = with65('07 ff82 03 02 7531 00')
  const memory = Buffer.alloc(value.length + 20, 0xff)
  value.copy(memory, 10)
  const view = new Uint8Array(memory.buffer, memory.byteOffset + 10, value.length)
  t.equal(gobCodec.decodeRequest(view).sendID, 'u1')
})

t.test('a frame is refused that defines more than any envelope has', async (t) => {
  const uint = (value: number) => {
    if (value < 0x80) return Buffer.from([value])
    return Buffer.from([0xfd, value >> 16, (value >> 8) & 0xff, value & 0xff])
  }
  const message = (body: Buffer) => Buffer.concat([uint(body.length), body])
  const field = (name: string) => Buffer.from([1, ...uint(name.length), ...Buffer.from(name), 1, 0x04, 0])
  const struct = (id: number, fields: Buffer[]) =>
    message(
      Buffer.concat([Buffer.from([2 * id - 1, 3, 2]), uint(fields.length), ...fields, Buffer.from([0, 0])]),
    )
  const nameless = Array<Buffer>(524_000).fill(Buffer.from([0]))
  t.throws(() => gobCodec.decodeRequest(struct(40, nameless)), {
    code: 'BAD_ENVELOPE',
    message: /many fields/,
  })
  const named = Array.from({ length: 65 }, (_, n) => field(`f${n}`))
  t.throws(() => gobCodec.decodeRequest(struct(40, named)), { code: 'BAD_ENVELOPE', message: /many fields/ })
  const long = struct(40, [field('x'.repeat(257))])
  t.throws(() => gobCodec.decodeRequest(long), { code: 'BAD_ENVELOPE', message: /too long/ })
  const types = Array.from({ length: 17 }, (_, n) => struct(40 + n, []))
  t.throws(() => gobCodec.decodeRequest(Buffer.concat(types)), {
    code: 'BAD_ENVELOPE',
    message: /many types/,
  })
})
