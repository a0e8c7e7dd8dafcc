/** The body of a call, in every form that HTTP/1.1 and its clients have for one. */
import { connect } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { BODY_BYTES_MAX } from '../../src/doors/rest/body.js'
import { serveHttp } from '../../src/doors/rest/http-server.js'
import { WireCode } from '../../src/openim/codes.js'
import { type Answer, room, SECRET } from './room.js'

const PATH = '/auth/get_admin_token'
const GOOD = JSON.stringify({ secret: SECRET, userID: 'imAdmin' })

async function serve(t: Test) {
  const made = room()
  const server = await serveHttp((request, origin) => made.app.fetch(request, origin), {
    host: '127.0.0.1',
    port: 0,
  })
  t.teardown(() => server.close(0))
  return { ...made, port: server.port }
}

/** What a server says to bytes on a socket, until it closes. */
function say(port: number, bytes: (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let heard = ''
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      heard += text
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(heard))
    for (const part of bytes) socket.write(part)
  })
}

function answerIn(heard: string): Answer {
  return JSON.parse(heard.slice(heard.lastIndexOf('\r\n\r\n') + 4)) as Answer
}

const HEAD = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\noperationID: 1\r\n`

function chunked(body: string | Buffer, size = 7): Buffer {
  const bytes = Buffer.from(body)
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size)
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
  }
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')])
}

t.test('a body is read however it is framed', async (t) => {
  const { port, reported } = await serve(t)
  const forms: Record<string, (string | Uint8Array)[]> = {
    'with its length': [`${HEAD}Content-Length: ${GOOD.length}\r\n\r\n${GOOD}`],
    chunked: [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunked(GOOD)],
    'in chunks of a byte': [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunked(GOOD, 1)],
    'in chunks, with an extension and a trailer': [
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n`,
      `${GOOD.length.toString(16)};a=b\r\n${GOOD}\r\n0\r\nX: y\r\n\r\n`,
    ],
    'after a 100 Continue': [`${HEAD}Expect: 100-continue\r\nContent-Length: ${GOOD.length}\r\n\r\n`, GOOD],
    'of a client of HTTP/1.0, which names no host': [
      `POST ${PATH} HTTP/1.0\r\noperationID: 1\r\nContent-Length: ${GOOD.length}\r\n\r\n${GOOD}`,
    ],
    'to an absolute URL': [
      `POST http://somewhere${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\noperationID: 1\r\n` +
        `Content-Length: ${GOOD.length}\r\n\r\n${GOOD}`,
    ],
  }
  for (const [form, bytes] of Object.entries(forms)) {
    t.match(answerIn(await say(port, bytes)), { errCode: 0 }, form)
  }
  t.same(reported, [])
})

t.test('a call without a body is told that it is empty', async (t) => {
  const { port, reported } = await serve(t)
  const forms: Record<string, string> = {
    'no word of one': `${HEAD}\r\n`,
    'a length of none': `${HEAD}Content-Length: 0\r\n\r\n`,
    'no chunks': `${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'nothing, zipped': `${HEAD}Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n`,
  }
  for (const [form, bytes] of Object.entries(forms)) {
    const heard = await say(port, [bytes])
    t.match(heard, /^HTTP\/1\.1 200 /, form)
    t.match(answerIn(heard), { errCode: WireCode.ArgsError, errDlt: /empty/ }, form)
  }
  t.same(reported, [])
})

t.test('a body is read however it is coded and labelled', async (t) => {
  const { port, reported } = await serve(t)
  const ask = (body: Uint8Array | string, headers: Record<string, string>) =>
    fetch(`http://127.0.0.1:${port}${PATH}`, {
      method: 'POST',
      headers: { operationID: '1', ...headers },
      body,
    })
  const utf16 = Buffer.from(`\ufeff${GOOD}`, 'utf16le')
  const forms: [Uint8Array | string, Record<string, string>][] = [
    [gzipSync(GOOD), { 'content-encoding': 'gzip' }],
    [gzipSync(GOOD), { 'content-encoding': 'x-gzip' }],
    [gzipSync(GOOD), { 'content-encoding': ' GZIP ' }],
    [deflateSync(GOOD), { 'content-encoding': 'deflate' }],
    [deflateRawSync(GOOD), { 'content-encoding': 'deflate' }],
    [brotliCompressSync(GOOD), { 'content-encoding': 'br' }],
    [GOOD, { 'content-encoding': 'identity' }],
    [GOOD, { 'content-type': 'text/plain' }],
    [GOOD, { 'content-type': 'application/x-www-form-urlencoded' }],
    [GOOD, { 'content-type': 'application/json; charset=UTF-8' }],
    [GOOD, { 'content-type': 'application/json;charset="utf-8"' }],
    [Buffer.from(GOOD), {}],
    [`\ufeff${GOOD}`, { 'content-type': 'application/json' }],
    [utf16, { 'content-type': 'application/json; charset=utf-16le' }],
    [` \n${GOOD}\n`, {}],
  ]
  for (const [body, headers] of forms) {
    t.match(await (await ask(body, headers)).json(), { errCode: 0 }, JSON.stringify(headers))
  }
  const refused: [Uint8Array | string, Record<string, string>, RegExp][] = [
    [GOOD, { 'content-encoding': 'gzip' }, /not gzip/],
    [gzipSync(GOOD).subarray(0, 30), { 'content-encoding': 'gzip' }, /not gzip/],
    [gzipSync(GOOD), {}, /not text in utf-8/],
    [GOOD, { 'content-encoding': 'zstd' }, /Content-Encoding: expected one of/],
    [gzipSync(gzipSync(GOOD)), { 'content-encoding': 'gzip, gzip' }, /Content-Encoding/],
    [GOOD, { 'content-type': 'text/plain; charset=klingon' }, /unknown charset/],
    [Buffer.from([0x22, 0xff, 0xfe, 0x22]), {}, /not text in utf-8/],
    ['secret=x&userID=imAdmin', { 'content-type': 'application/x-www-form-urlencoded' }, /not JSON/],
    ['[]', {}, /expected object/],
    ['"text"', {}, /expected object/],
    ['1', {}, /expected object/],
    ['null', {}, /expected object/],
    ['['.repeat(100_000), {}, /not JSON/],
  ]
  for (const [body, headers, errDlt] of refused) {
    const response = await ask(body, headers)
    t.equal(response.status, 200)
    t.match(await response.json(), { errCode: WireCode.ArgsError, errDlt }, String(errDlt))
  }
  t.same(reported, [], 'none of it is a failure of ours')
})

t.test('a body is bounded as it comes and as it unpacks', async (t) => {
  const { port } = await serve(t)
  const long = GOOD.padEnd(BODY_BYTES_MAX + 1)
  const longest = GOOD.padEnd(BODY_BYTES_MAX)
  const forms: Record<string, [(string | Uint8Array)[], number]> = {
    'announced too long': [[`${HEAD}Content-Length: ${BODY_BYTES_MAX + 1}\r\n\r\n`], 413],
    'chunked too long': [[`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunked(long, 60_000)], 413],
    'as long as it may be, chunked': [
      [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, chunked(longest, 60_000)],
      200,
    ],
    ...Object.fromEntries(
      Object.entries({ gzip: gzipSync(long), br: brotliCompressSync(long), deflate: deflateSync(long) }).map(
        ([encoding, bytes]) => [
          `${encoding} that unpacks too long`,
          [[`${HEAD}Content-Encoding: ${encoding}\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes], 413],
        ],
      ),
    ),
  }
  for (const [form, [bytes, status]] of Object.entries(forms)) {
    const heard = await say(port, bytes)
    t.match(heard, new RegExp(`^HTTP/1\\.1 ${status} `), form)
    t.match(answerIn(heard), { errCode: status === 200 ? 0 : WireCode.ArgsError }, form)
  }
})

t.test('what may be read in two ways is refused, and the connection closed', async (t) => {
  const { port, served } = await serve(t)
  const smuggled = `POST /auth/parse_token HTTP/1.1\r\nHost: x\r\noperationID: 1\r\nContent-Length: 2\r\n\r\n{}`
  const head = HEAD.replace('Connection: close\r\n', '')
  const forms: Record<string, string> = {
    'two lengths': `${head}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    'a length and chunks': `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    'an unknown coding': `${head}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
    'chunked not last': `${head}Transfer-Encoding: chunked, gzip\r\n\r\n${smuggled}`,
    'a length that is no number': `${head}Content-Length: +5\r\n\r\n${smuggled}`,
    'a chunk that is no number': `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled}`,
    'a line that ends early': `${head.replace('operationID: 1\r\n', 'operationID: 1\n')}X\r\n\r\n${smuggled}`,
  }
  for (const [form, bytes] of Object.entries(forms)) {
    const heard = await say(port, [bytes])
    t.notOk(
      served.some(([path]) => path === '/auth/parse_token'),
      `${form}: nothing is smuggled`,
    )
    t.match(heard, /^HTTP\/1\.1 (4\d\d|200) /, form)
    t.equal(heard.match(/^HTTP\/1\.1 /gm)?.length, 1, `${form}: one answer`)
  }
})

t.test(
  'methods that no path has are refused in the same form; HEAD and OPTIONS are as they should be',
  async (t) => {
    const { port, reported } = await serve(t)
    const ask = (method: string, path: string) => fetch(`http://127.0.0.1:${port}${path}`, { method })
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const response = await ask(method, PATH)
      t.equal(response.status, 404, method)
      t.match(await response.json(), { errCode: WireCode.RecordNotFoundError }, method)
    }
    const head = await ask('HEAD', '/healthz')
    t.equal(head.status, 200)
    t.equal(await head.text(), '')
    t.equal((await ask('OPTIONS', PATH)).status, 200)
    t.match(
      await say(port, ['OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']),
      /^HTTP\/1\.1 [24]00 /,
    )
    t.match(await say(port, ['GET / HTTP/1.1\r\n\r\n']), /^HTTP\/1\.1 400 /, 'HTTP/1.1 names its host')
    t.match(await say(port, ['GET /healthz HTTP/1.0\r\n\r\n']), /^HTTP\/1\.1 200 /)
    const page = await (await ask('GET', '/')).json()
    t.match(page, { name: 'Porchlight', health: ['/healthz', '/readyz'] })
    t.same(reported, [])
  },
)
