import { connect } from 'node:net'
import t from 'tap'
import { BODY_BYTES_MAX } from '../../src/doors/rest/body.js'
import { serveHttp } from '../../src/doors/rest/http-server.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { FakeTokenStore, fakeToken, NOW_S } from '../auth/token-fakes.js'
import { gate } from '../support/gate.js'
import { room, SECRET } from './room.js'

const withoutToken = { secret: SECRET, userID: 'imAdmin' }

t.test('every call names its operation, and a call with a token carries it', async (t) => {
  const { app, post } = room()
  const bare = await app.request('/auth/parse_token', { method: 'POST', body: '{"token":"x"}' })
  t.equal(bare.status, 200)
  t.match(await bare.json(), { errCode: WireCode.ArgsError, errMsg: 'ArgsError', errDlt: /operationID/ })
  t.match((await post('/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS })).answer, {
    errCode: WireCode.ArgsError,
    errDlt: /token/,
  })
})

t.test('a body of the wrong form is refused with what is wrong; unknown fields are ignored', async (t) => {
  const { post } = room()
  const bodies: [unknown, RegExp][] = [
    ['', /empty/],
    ['{', /not JSON/],
    ['null', /expected object/],
    [[], /expected object/],
    [{}, /secret.*userID/],
    [{ secret: 1, userID: 'imAdmin' }, /^secret: .*expected string/],
    ['{"__proto__":{"secret":"x","userID":"imAdmin"}}', /secret/],
  ]
  for (const [body, errDlt] of bodies) {
    const { status, answer } = await post('/auth/get_admin_token', body)
    t.equal(status, 200)
    t.match(answer, { errCode: WireCode.ArgsError, errMsg: 'ArgsError', errDlt }, JSON.stringify(body))
  }
  t.equal((await post('/auth/get_admin_token', { ...withoutToken, extra: [1] })).answer.errCode, 0)
})

t.test('a body is read up to its bound and no further', async (t) => {
  const { post } = room()
  const body = JSON.stringify(withoutToken)
  t.equal((await post('/auth/get_admin_token', body.padEnd(BODY_BYTES_MAX))).answer.errCode, 0)
  const long = await post('/auth/get_admin_token', body.padEnd(BODY_BYTES_MAX + 1))
  t.equal(long.status, 413)
  t.match(long.answer, { errCode: WireCode.ArgsError, errDlt: /262144/ })
})

t.test('while the store is away no user token is given, and the caller is told to come back', async (t) => {
  let isAway = false
  const store = new FakeTokenStore(async () => {
    if (isAway) throw new Error('ECONNREFUSED')
  })
  // With `allow` an administrator's token is good by its signature then.
  const { post, adminToken, reported } = room({ store, settings: { authWhenStoreDown: 'allow' } })
  const token = await adminToken()
  isAway = true
  const userToken = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S + 50 })
  const calls: [string, object][] = [
    ['/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS }],
    ['/auth/parse_token', { token: userToken }],
    ['/auth/force_logout', { userID: 'u1', platformID: Platform.IOS }],
    ['/auth/invalidate_token', { userID: 'u1', platformID: Platform.IOS, preservedToken: '' }],
    ['/auth/kick_tokens', { tokens: [userToken] }],
    ['/connection/kick', { userID: 'u1' }],
    ['/connection/kick', { userID: 'u1', token: userToken }],
  ]
  for (const [path, body] of calls) {
    const { status, answer } = await post(path, body, { token })
    t.equal(status, 200)
    t.match(
      answer,
      { errCode: WireCode.DatabaseError, errMsg: 'DatabaseError', errDlt: /try again later/ },
      path,
    )
    t.notOk('data' in answer)
    t.notMatch(JSON.stringify(answer), 'ECONNREFUSED')
  }
  t.same(
    reported.map((error) => (error as Error).message),
    calls.map(() => 'ECONNREFUSED'),
  )
})

t.test('a failure of our own is reported, and answered without its text', async (t) => {
  const { post, reported } = room({ tokens: { issue: () => Promise.reject(new Error('inner detail')) } })
  const { status, answer } = await post('/auth/get_admin_token', withoutToken)
  t.equal(status, 500)
  t.match(answer, { errCode: WireCode.ServerInternalError, errMsg: 'ServerInternalError' })
  t.notMatch(JSON.stringify(answer), 'inner detail')
  t.match(reported, [{ message: 'inner detail' }])
})

t.test('an unknown path or method is answered in the same form', async (t) => {
  const { app, post } = room()
  const unknown = await post('/auth/nothing', {})
  t.equal(unknown.status, 404)
  t.match(unknown.answer, { errCode: WireCode.RecordNotFoundError, errMsg: 'RecordNotFoundError' })
  t.equal((await app.request('/auth/get_admin_token')).status, 404)
})

t.test('pages of the origins that may connect may call, with any header', async (t) => {
  const { app } = room()
  const ask = (origin: string, method: 'OPTIONS' | 'POST') =>
    app.request('/auth/parse_token', {
      method,
      headers: { origin, 'access-control-request-headers': 'operationID,token,reqFuncName' },
      ...(method === 'POST' && { body: '{' }),
    })
  for (const origin of ['https://a', 'http://localhost:3000']) {
    for (const method of ['OPTIONS', 'POST'] as const) {
      const { status, headers } = await ask(origin, method)
      t.equal(status, 200)
      t.equal(headers.get('access-control-allow-origin'), origin)
      t.equal(headers.get('access-control-allow-headers'), 'operationID,token,reqFuncName')
      t.equal(headers.get('access-control-allow-methods'), 'GET, HEAD, POST')
      t.equal(headers.get('access-control-max-age'), '172800')
      t.equal(headers.get('vary'), 'Origin')
      t.notOk(headers.has('access-control-allow-credentials'))
    }
  }
  t.equal(typeof (await (await ask('https://a', 'OPTIONS')).json()), 'string')
  for (const method of ['OPTIONS', 'POST'] as const) {
    const { status, headers } = await ask('https://b', method)
    t.equal(status, 200)
    t.notOk(headers.has('access-control-allow-origin'), 'the browser keeps it from the page')
    t.equal(headers.get('vary'), 'Origin')
  }
  const bare = await app.request('/auth/parse_token', { method: 'OPTIONS' })
  t.equal(bare.status, 200)
  t.notOk(bare.headers.has('access-control-allow-origin'), 'who sends no origin is no browser')
})

t.test('readiness and health are as the node has them', async (t) => {
  const parts = [{ name: 'store', ready: false, missing: 'not reached yet' }]
  const rest = {
    readiness: async () => ({ ready: false, parts }),
    liveness: async () => ({ alive: false, missing: 'io-0 hangs' }),
  }
  const { app } = room({ rest })
  const waiting = await app.request('/readyz')
  t.equal(waiting.status, 503)
  t.same(await waiting.json(), { ready: false, parts })
  const hung = await app.request('/healthz')
  t.equal(hung.status, 503)
  t.equal(await hung.text(), 'io-0 hangs')
  const well = room().app
  t.equal((await well.request('/readyz')).status, 200)
  t.equal(await (await well.request('/healthz')).text(), 'ok')
  t.equal((await well.request('/metrics')).status, 404, 'metrics are for operators, on a port of their own')
})

t.test('the port serves over a socket, and a second server cannot have it', async (t) => {
  const { app } = room()
  const server = await serveHttp(app.fetch, { host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close(0))
  const response = await fetch(`http://127.0.0.1:${server.port}/auth/get_admin_token`, {
    method: 'POST',
    headers: { operationID: 'op1' },
    body: JSON.stringify(withoutToken),
  })
  t.match(await response.json(), { errCode: 0, data: { expireTimeSeconds: 86_400 } })
  await t.rejects(serveHttp(app.fetch, { host: '127.0.0.1', port: server.port }), { code: 'EADDRINUSE' })
})

t.test('a body without an end is cut at its bound over a socket', async (t) => {
  const { app } = room()
  const server = await serveHttp(app.fetch, { host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close(0))
  const chunk = new Uint8Array(BODY_BYTES_MAX / 4).fill(32)
  let chunks = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      chunks += 1
      if (chunks > 1000) controller.close()
      else controller.enqueue(chunk)
    },
  })
  const response = await fetch(`http://127.0.0.1:${server.port}/auth/get_admin_token`, {
    method: 'POST',
    headers: { operationID: 'op1' },
    body: endless,
    duplex: 'half',
  } as RequestInit)
  t.equal(response.status, 413)
})

t.test('a request that trickles in is cut at its time', async (t) => {
  const { app } = room()
  const server = await serveHttp(app.fetch, { host: '127.0.0.1', port: 0, requestTimeoutMs: 200 })
  t.teardown(() => server.close(0))
  const socket = connect(server.port, '127.0.0.1')
  socket.write('POST /auth/parse_token HTTP/1.1\r\nHost: x\r\nX: ')
  let heard = ''
  socket.on('data', (data) => {
    heard += data.toString()
  })
  await new Promise((resolve) => socket.once('close', resolve))
  t.match(heard, /^HTTP\/1\.1 408 /)
})

t.test('a stop lets an open request finish, and cuts it when its time is up', async (t) => {
  for (const finishes of [true, false]) {
    const asked = gate()
    const finish = gate()
    const server = await serveHttp(
      async () => {
        asked.open()
        await finish.promise
        return new Response('done')
      },
      { host: '127.0.0.1', port: 0 },
    )
    const outcome = fetch(`http://127.0.0.1:${server.port}/`).then(
      (response) => response.text(),
      () => 'cut',
    )
    await asked.promise
    const closed = server.close(finishes ? 60_000 : 0)
    if (finishes) finish.open()
    t.equal(await outcome, finishes ? 'done' : 'cut')
    await closed
    await t.rejects(fetch(`http://127.0.0.1:${server.port}/`))
  }
})
