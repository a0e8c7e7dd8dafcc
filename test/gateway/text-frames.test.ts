import fc from 'fast-check'
import t from 'tap'
import { parseTextFrame } from '../../src/openim/text-frames.js'

t.test('a ping is answered with its body as it was written', async (t) => {
  const bodies = [
    '"op-1"',
    '""',
    '"a\\"b\\\\"',
    '"\\u00e4 ä }],{["',
    'null',
    'true',
    '0',
    '-1.50e+10',
    '123456789012345678901234567890',
    '{ "a" : [ 1 , {"b":"}"} ] }',
    '[]',
    '[\n1,\t2 ]',
    '{"type":"pong","body":1}',
  ]
  for (const body of bodies) {
    const pong = `{"type":"pong","body":${body}}`
    for (const frame of [
      `{"type":"ping","body":${body}}`,
      `{"body":${body},"type":"ping"}`,
      ` \n{ "x" : {"body":1} , "body" :\t${body}\r\n, "type" : "ping" } `,
      `{"ty\\u0070e":"p\\u0069ng","other":[{"type":"x"}],"BODY":${body}}`,
      `{"type":"pong","body":7,"type":"ping","body":${body}}`,
    ]) {
      t.same(parseTextFrame(frame), { kind: 'ping', pong }, frame)
    }
  }
})

t.test('a ping without a body is answered with null', async (t) => {
  t.same(parseTextFrame('{"type":"ping"}'), { kind: 'ping', pong: '{"type":"pong","body":null}' })
})

t.test('a pong is a pong', async (t) => {
  for (const frame of ['{"type":"pong"}', '{"type":"pong","body":{"x":1}}']) {
    t.same(parseTextFrame(frame), { kind: 'pong' })
  }
})

t.test('any other text is bad', async (t) => {
  const frames = [
    '',
    'ping',
    '"ping"',
    'null',
    '[]',
    '["type","ping"]',
    '{}',
    '{"body":1}',
    '{"type":"PING"}',
    '{"type":"ping "}',
    '{"type":null}',
    '{"type":1}',
    '{"type":["ping"]}',
    '{"type":"ping"',
    '{"type":"ping"}x',
    '{"type":"ping","body":01}',
    '{"type":"ping","body":}',
    "{'type':'ping'}",
    '{"x":{"type":"ping"}}',
    '{"__proto__":{"type":"ping"}}',
  ]
  for (const frame of frames) t.same(parseTextFrame(frame), { kind: 'bad' }, frame)
})

t.test('any JSON comes back the same, however it is spaced', async () => {
  const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 })
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat({ max: 3 }), space, (body, indent, s) => {
      const source = JSON.stringify(body, null, indent)
      const frame = `${s}{${s}"x"${s}:${s}${source}${s},${s}"body"${s}:${s}${source}${s},${s}"type"${s}:${s}"ping"${s}}${s}`
      const answer = parseTextFrame(frame)
      return answer.kind === 'ping' && answer.pong === `{"type":"pong","body":${source}}`
    }),
  )
  fc.assert(
    fc.property(fc.string(), (frame) => {
      parseTextFrame(frame)
    }),
  )
})

t.test('a body as long and deep as a frame may be is echoed in no time', async (t) => {
  const body = '['.repeat(25_000) + ']'.repeat(25_000)
  const started = performance.now()
  t.same(parseTextFrame(`{"type":"ping","body":${body}}`), {
    kind: 'ping',
    pong: `{"type":"pong","body":${body}}`,
  })
  t.ok(performance.now() - started < 100)
})
