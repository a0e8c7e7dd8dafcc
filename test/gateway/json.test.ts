import t from 'tap'
import { jsonCodec } from '../../src/openim/codec/json.js'
import { RequestId } from '../../src/openim/requests.js'

const decode = (text: string) => jsonCodec.decodeRequest(Buffer.from(text))

const EMPTY = {
  reqIdentifier: 0,
  token: '',
  sendID: '',
  operationID: '',
  msgIncr: '',
  data: Buffer.alloc(0),
}

t.test("a response has every key, in OpenIM's order", async (t) => {
  const response = {
    reqIdentifier: RequestId.SubscribeStatus,
    msgIncr: 'u1_1',
    operationID: 'o"p',
    errCode: 0,
    errMsg: '',
  }
  const encode = (data: Uint8Array | null): string =>
    Buffer.from(jsonCodec.encodeResponse({ ...response, data })).toString()
  const head = '{"reqIdentifier":2005,"msgIncr":"u1_1","operationID":"o\\"p","errCode":0,"errMsg":"","data":'
  t.equal(encode(Buffer.from([0xfb, 0xff])), `${head}"+/8="}`)
  t.equal(encode(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)), `${head}"AgM="}`, 'a view, not its memory')
  t.equal(encode(null), `${head}null}`, 'no data')
  t.equal(encode(Buffer.alloc(0)), `${head}""}`, 'empty data')
})

t.test('a request as the JavaScript SDK writes it is read', async (t) => {
  t.same(decode('{"reqIdentifier":2005,"sendID":"u1","operationID":"op","msgIncr":"m","data":"CgJ1MQ=="}'), {
    ...EMPTY,
    reqIdentifier: RequestId.SubscribeStatus,
    sendID: 'u1',
    operationID: 'op',
    msgIncr: 'm',
    data: Buffer.from('\n\x02u1'),
  })
})

t.test('missing keys and nulls are zero values, unknown keys are passed over', async (t) => {
  t.same(decode('{}'), EMPTY)
  t.same(decode('{"sendID":null,"data":null,"reqIdentifier":null,"extra":{"a":[1]}}'), EMPTY)
})

t.test('keys match without regard to case, the last of several wins', async (t) => {
  t.match(decode('{"REQIDENTIFIER":7,"sendid":"a","SendID":"b"}'), { reqIdentifier: 7, sendID: 'b' })
})

t.test('keys that JavaScript treats specially are unknown keys', async (t) => {
  const request = decode(
    '{"__proto__":{"sendID":"x","polluted":1},"constructor":{},"toString":1,"hasOwnProperty":2}',
  )
  t.same(request, EMPTY)
  t.equal((request as unknown as { polluted?: number }).polluted, undefined)
  t.equal(({} as { polluted?: number }).polluted, undefined)
  t.equal(typeof request.toString, 'function')
})

t.test('anything else is refused', async (t) => {
  const cases = [
    '',
    'x',
    'null',
    '[]',
    '"text"',
    '1',
    '{"sendID":"u1"',
    '{"sendID":"u1"}}',
    '{"sendID":1}',
    '{"token":{}}',
    '{"operationID":[]}',
    '{"msgIncr":false}',
    '{"reqIdentifier":"1"}',
    '{"reqIdentifier":1.5}',
    '{"reqIdentifier":2147483648}',
    '{"reqIdentifier":1e999}',
    '{"reqIdentifier":true}',
    '{"data":[1,2]}',
    '{"data":"A"}',
    '{"data":"AA"}',
    '{"data":"AA="}',
    '{"data":"AA==AA=="}',
    '{"data":"===="}',
    '{"data":"=AAA"}',
    '{"data":"AA=A"}',
    '{"data":"AA-A"}',
    '{"data":"AA_A"}',
    '{"data":"AA A"}',
    '{"data":"AAAÄ"}',
  ]
  for (const text of cases) t.throws(() => decode(text), { code: 'BAD_ENVELOPE' }, text)
})

t.test('deep nesting is no way to end the process', async (t) => {
  const deep = `{"x":${'['.repeat(25_000)}${']'.repeat(25_000)}}`
  t.throws(() => decode(deep), { code: 'BAD_ENVELOPE' })
  t.same(
    decode(`{"x":${'['.repeat(200)}${']'.repeat(200)}}`),
    EMPTY,
    'as of a field unknown to us, in reason',
  )
  t.throws(() => decode('['.repeat(51_200)), { code: 'BAD_ENVELOPE' })
})

t.test('a frame is refused that would make many objects, strings and numbers of few bytes', async (t) => {
  const many = (part: string) => `{"x":[${Array(10_000).fill(part).join()}]}`
  const keys = `{${Array.from({ length: 10_000 }, (_, n) => `"k${n}":0`).join()}}`
  for (const json of [
    many('0'),
    many('""'),
    many('{}'),
    many('[]'),
    keys,
    keys.replaceAll('"k', '"\\u006b'),
  ]) {
    t.throws(() => decode(json), { code: 'BAD_ENVELOPE', message: /too many parts/ }, json.slice(0, 30))
  }
})

t.test('what looks like structure within a string is none', async (t) => {
  const awkward = [
    '[{:,'.repeat(1_000),
    '\\"'.repeat(1_000),
    '\\\\'.repeat(1_001),
    `\\\\\\"${','.repeat(2_000)}`,
  ]
  for (const text of awkward) {
    t.same(decode(`{"operationID":"${text}"}`).operationID, JSON.parse(`"${text}"`), text.slice(0, 10))
  }
  t.throws(() => decode(`{"operationID":"${','.repeat(2_000)}`), { code: 'BAD_ENVELOPE' }, 'without an end')
})
