import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import t from 'tap'
import { serveHttp } from '../../src/api/http-server.js'
import { BODY_BYTES_MAX, createRest, type RestDeps } from '../../src/api/rest.js'
import { adminCheck, issueToken, tokenKey, verifyToken } from '../../src/auth/tokens.js'
import { checkUserId } from '../../src/presence/user-id.js'
import type { TokenState } from '../../src/store/presence-store.js'

const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'
const key = tokenKey(SECRET)
const nowMs = 1_700_000_000_000
const nowS = nowMs / 1000
const ttlS = 90 * 86_400

interface Answer {
  errCode: number
  errMsg: string
  errDlt: string
  data?: Record<string, unknown>
}

/** A REST room whose store is a map; `overrides` stand in for single neighbours. */
function room(overrides: Partial<RestDeps> = {}) {
  const states = new Map<string, TokenState>()
  const reported: unknown[] = []
  const app = createRest({
    secret: SECRET,
    isAdmin: adminCheck(['imAdmin']),
    checkUserId,
    isPlatform: (platformId) => platformId >= 1 && platformId <= 11,
    issueToken: (claims) => issueToken(claims, { key, expireDays: 90, nowMs }),
    verifyToken: (token) => verifyToken(token, { key, nowMs }),
    rememberToken: async (userId, platformId, token) => {
      states.set(`${userId} ${platformId} ${token}`, 'normal')
    },
    tokenState: async (userId, platformId, token) =>
      states.get(`${userId} ${platformId} ${token}`) ?? 'unknown',
    readiness: async () => ({ parts: [{ name: 'store', ready: true }] }),
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'porchlight_connections 1\n' }),
    report: (error) => reported.push(error),
    ...overrides,
  })
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(path, {
      method: 'POST',
      headers: { operationID: 'op1', 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, headers: response.headers, answer: (await response.json()) as Answer }
  }
  const tokenOf = async (path: string, body: unknown, headers?: Record<string, string>) =>
    String((await post(path, body, headers)).answer.data?.token)
  const adminToken = () => tokenOf('/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
  return { app, post, tokenOf, adminToken, states, reported }
}

const withoutToken = { secret: SECRET, userID: 'imAdmin' }

t.test('a server that knows the secret gets an admin token, and with it tokens for users', async (t) => {
  const { post, states } = room()
  const admin = await post('/auth/get_admin_token', withoutToken)
  t.equal(admin.status, 200)
  t.same(Object.keys(admin.answer), ['errCode', 'errMsg', 'errDlt', 'data'])
  t.match(admin.answer, { errCode: 0, errMsg: '', errDlt: '', data: { expireTimeSeconds: ttlS } })
  t.equal(admin.headers.get('cache-control'), 'no-store')
  t.equal(states.size, 0, 'tokens of administrators are kept nowhere')

  const token = String(admin.answer.data?.token)
  t.match(await verifyToken(token, { key, nowMs }), { ok: true, userId: 'imAdmin', platformId: 10 })
  const user = await post('/auth/get_user_token', { userID: 'u1', platformID: 5 }, { token })
  t.match(user.answer, { errCode: 0, data: { expireTimeSeconds: ttlS } })
  t.same([...states], [[`u1 5 ${user.answer.data?.token}`, 'normal']], 'a user token is on record')

  const parsed = await post('/auth/parse_token', { token: user.answer.data?.token })
  t.same(parsed.answer.data, { userID: 'u1', platformID: 5, expireTimeSeconds: nowS + ttlS })
  const parsedAdmin = await post('/auth/parse_token', { token })
  t.match(parsedAdmin.answer.data, { userID: 'imAdmin', platformID: 10 })
})

t.test('an admin token is for those who know the secret and are administrators', async (t) => {
  const { post } = room()
  for (const secret of ['', 'x', SECRET.slice(1), `${SECRET} `, SECRET.toLowerCase()]) {
    const { status, answer } = await post('/auth/get_admin_token', { secret, userID: 'imAdmin' })
    t.equal(status, 200)
    t.match(answer, { errCode: 1002, errMsg: 'NoPermissionError' })
    t.notOk('data' in answer)
  }
  t.match((await post('/auth/get_admin_token', { secret: SECRET, userID: 'u1' })).answer, { errCode: 1001 })
})

t.test(
  'a user token is given to administrators only, for users and platforms that may have one',
  async (t) => {
    const { post, adminToken, tokenOf, states } = room()
    const token = await adminToken()
    const refused: [object, number][] = [
      [{ userID: 'u1', platformID: 10 }, 1002],
      [{ userID: 'imAdmin', platformID: 1 }, 1002],
      [{ userID: 'u1', platformID: 0 }, 1001],
      [{ userID: 'u1', platformID: 99 }, 1001],
      [{ userID: 'u1', platformID: 1.5 }, 1001],
      [{ userID: 'u1', platformID: '1' }, 1001],
      [{ userID: 'u1' }, 1001],
      [{ userID: '', platformID: 1 }, 1001],
      [{ userID: 'a:b', platformID: 1 }, 1001],
      [{ userID: '{a}', platformID: 1 }, 1001],
    ]
    for (const [body, errCode] of refused) {
      t.match((await post('/auth/get_user_token', body, { token })).answer, { errCode }, JSON.stringify(body))
    }
    t.equal(states.size, 0)

    const userToken = await tokenOf('/auth/get_user_token', { userID: 'u1', platformID: 1 }, { token })
    const asUser = await post('/auth/get_user_token', { userID: 'u2', platformID: 1 }, { token: userToken })
    t.match(asUser.answer, { errCode: 1002, errMsg: 'NoPermissionError' })
    const unsigned = await post('/auth/get_user_token', { userID: 'u1', platformID: 1 }, { token: 'x.y.z' })
    t.match(unsigned.answer, { errCode: 1503, errMsg: 'TokenMalformedError' })
  },
)

t.test('a token that was revoked or never recorded is told apart from a good one', async (t) => {
  const { post, adminToken, tokenOf, states } = room()
  const token = await tokenOf(
    '/auth/get_user_token',
    { userID: 'u1', platformID: 1 },
    { token: await adminToken() },
  )
  const codeFor = async (state: TokenState) => {
    states.set(`u1 1 ${token}`, state)
    return (await post('/auth/parse_token', { token })).answer.errCode
  }
  t.equal(await codeFor('normal'), 0)
  t.equal(await codeFor('kicked'), 1506)
  t.equal(await codeFor('invalid'), 1505)
  t.equal(await codeFor('expired'), 1505)
  t.equal(await codeFor('unknown'), 1507)
  const signed = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('{"UserID":"u1","PlatformID":1,"exp":1}').toString('base64url')}`
  const old = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
  t.equal((await post('/auth/parse_token', { token: old })).answer.errCode, 1501)
})

t.test('every call names its operation, and a call with a token carries it', async (t) => {
  const { app, post } = room()
  const bare = await app.request('/auth/parse_token', { method: 'POST', body: '{"token":"x"}' })
  t.equal(bare.status, 200)
  t.match(await bare.json(), { errCode: 1001, errMsg: 'ArgsError', errDlt: /operationID/ })
  t.match((await post('/auth/get_user_token', { userID: 'u1', platformID: 1 })).answer, {
    errCode: 1001,
    errDlt: /token/,
  })
})

t.test('a body of the wrong form is refused with what is wrong; unknown fields are ignored', async (t) => {
  const { post } = room()
  const bodies: [unknown, RegExp][] = [
    ['', /not JSON/],
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
    t.match(answer, { errCode: 1001, errMsg: 'ArgsError', errDlt }, JSON.stringify(body))
  }
  t.equal((await post('/auth/get_admin_token', { ...withoutToken, extra: [1] })).answer.errCode, 0)
})

t.test('a body is read up to its bound and no further', async (t) => {
  const { post } = room()
  const body = JSON.stringify(withoutToken)
  t.equal((await post('/auth/get_admin_token', body.padEnd(BODY_BYTES_MAX))).answer.errCode, 0)
  const long = await post('/auth/get_admin_token', body.padEnd(BODY_BYTES_MAX + 1))
  t.equal(long.status, 413)
  t.match(long.answer, { errCode: 1001, errDlt: /65536/ })
})

t.test('while the store is away no user token is given, and the caller is told to come back', async (t) => {
  const away = async () => {
    throw new Error('ECONNREFUSED')
  }
  const { post, adminToken, reported } = room({ rememberToken: away, tokenState: away })
  const token = await adminToken()
  const { status, answer } = await post('/auth/get_user_token', { userID: 'u1', platformID: 1 }, { token })
  t.equal(status, 200)
  t.match(answer, { errCode: 90_002, errMsg: 'DatabaseError', errDlt: /try again later/ })
  t.notOk('data' in answer)
  const { token: userToken } = await issueToken(
    { userId: 'u1', platformId: 1 },
    { key, expireDays: 1, nowMs },
  )
  t.equal((await post('/auth/parse_token', { token: userToken })).answer.errCode, 90_002)
  t.match(reported, [{ message: 'ECONNREFUSED' }, { message: 'ECONNREFUSED' }])
  t.notMatch(JSON.stringify(answer), 'ECONNREFUSED')
})

t.test('a failure of our own is reported, and answered without its text', async (t) => {
  const { post, reported } = room({
    issueToken: async () => {
      throw new Error('inner detail')
    },
  })
  const { status, answer } = await post('/auth/get_admin_token', withoutToken)
  t.equal(status, 500)
  t.match(answer, { errCode: 500, errMsg: 'ServerInternalError' })
  t.notMatch(JSON.stringify(answer), 'inner detail')
  t.match(reported, [{ message: 'inner detail' }])
})

t.test('an unknown path or method is answered in the same form', async (t) => {
  const { app, post } = room()
  const unknown = await post('/auth/nothing', {})
  t.equal(unknown.status, 404)
  t.match(unknown.answer, { errCode: 1004, errMsg: 'RecordNotFoundError' })
  t.equal((await app.request('/auth/get_admin_token')).status, 404)
})

t.test('pages of any origin may call, with any header', async (t) => {
  const { app, post } = room()
  const preflight = await app.request('/auth/parse_token', {
    method: 'OPTIONS',
    headers: { origin: 'https://a', 'access-control-request-headers': 'operationID,token,reqFuncName' },
  })
  t.equal(preflight.status, 200)
  t.equal(typeof (await preflight.json()), 'string')
  t.equal(preflight.headers.get('access-control-max-age'), '172800')
  const refused = await post('/auth/parse_token', '{')
  for (const headers of [preflight.headers, refused.headers]) {
    t.equal(headers.get('access-control-allow-origin'), '*')
    t.equal(headers.get('access-control-allow-headers'), '*')
    t.equal(headers.get('access-control-allow-methods'), '*')
    t.notOk(headers.has('access-control-allow-credentials'))
  }
})

t.test('readiness says which part is missing', async (t) => {
  const parts = [
    { name: 'io-0', ready: true },
    { name: 'store', ready: false, missing: 'not reached yet' },
  ]
  const waiting = await room({ readiness: async () => ({ parts }) }).app.request('/readyz')
  t.equal(waiting.status, 503)
  t.same(await waiting.json(), { ready: false, parts })
  const ready = await room().app.request('/readyz')
  t.equal(ready.status, 200)
  t.same(await ready.json(), { ready: true, parts: [{ name: 'store', ready: true }] })
  t.equal((await room({ readiness: async () => ({ parts: [] }) }).app.request('/readyz')).status, 503)
})

t.test('health and metrics need no token', async (t) => {
  const { app } = room()
  const health = await app.request('/healthz')
  t.equal(health.status, 200)
  t.equal(await health.text(), 'ok')
  const metrics = await app.request('/metrics')
  t.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4')
  t.equal(await metrics.text(), 'porchlight_connections 1\n')
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
  t.match(await response.json(), { errCode: 0, data: { expireTimeSeconds: ttlS } })
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

t.test('R-55: a request that trickles in is cut at its time', async (t) => {
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
    let asked = () => {}
    let finish = (_text: string) => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const server = await serveHttp(
      async () => {
        asked()
        return new Response(
          await new Promise<string>((resolve) => {
            finish = resolve
          }),
        )
      },
      { host: '127.0.0.1', port: 0 },
    )
    const outcome = fetch(`http://127.0.0.1:${server.port}/`).then(
      (response) => response.text(),
      () => 'cut',
    )
    await isAsked
    const closed = server.close(finishes ? 60_000 : 0)
    if (finishes) finish('done')
    t.equal(await outcome, finishes ? 'done' : 'cut')
    await closed
    await t.rejects(fetch(`http://127.0.0.1:${server.port}/`))
  }
})
