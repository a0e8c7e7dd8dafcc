import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { fakeToken, fakeVerify, NOW_MS, NOW_S } from '../auth/token-fakes.js'
import { type Answer, room, SECRET } from './room.js'

const ttlS = 90 * 86_400

// Making tokens

t.test('a server that knows the secret gets an admin token, and with it tokens for users', async (t) => {
  const { post, store } = room()
  const admin = await post('/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
  t.equal(admin.status, 200)
  t.same(Object.keys(admin.answer), ['errCode', 'errMsg', 'errDlt', 'data'])
  t.match(admin.answer, { errCode: 0, errMsg: '', errDlt: '' })
  const token = String(admin.answer.data?.token)
  t.same(admin.answer.data, { token, expireTimeSeconds: 86_400 })
  t.equal(admin.headers.get('cache-control'), 'no-store')
  t.same(store.held('imAdmin'), [{ platformId: Platform.Admin, token, state: 'normal' }], 'it is on record')

  t.match(await fakeVerify(() => NOW_MS)(token), { ok: true, userId: 'imAdmin', platformId: Platform.Admin })
  const user = await post('/auth/get_user_token', { userID: 'u1', platformID: Platform.Web }, { token })
  const userToken = String(user.answer.data?.token)
  t.same(user.answer.data, { token: userToken, expireTimeSeconds: ttlS })
  t.same(
    store.held('u1'),
    [{ platformId: Platform.Web, token: userToken, state: 'normal' }],
    'a user token is on record',
  )

  const parsed = await post('/auth/parse_token', { token: userToken })
  t.same(parsed.answer.data, { userID: 'u1', platformID: Platform.Web, expireTimeSeconds: NOW_S + ttlS })
  const parsedAdmin = await post('/auth/parse_token', { token })
  t.match(parsedAdmin.answer.data, { userID: 'imAdmin', platformID: Platform.Admin })
})

t.test('an admin token needs the secret and the ID of an administrator', async (t) => {
  const { post } = room()
  for (const secret of ['', 'x', SECRET.slice(1), `${SECRET} `, SECRET.toLowerCase()]) {
    const { status, answer } = await post('/auth/get_admin_token', { secret, userID: 'imAdmin' })
    t.equal(status, 200)
    t.match(answer, { errCode: WireCode.NoPermissionError, errMsg: 'NoPermissionError' })
    t.notOk('data' in answer)
  }
  t.match((await post('/auth/get_admin_token', { secret: SECRET, userID: 'u1' })).answer, {
    errCode: WireCode.ArgsError,
  })
})

t.test('a user token is given for users and platforms that may have one', async (t) => {
  const { command, store } = room()
  const refused: [object, number][] = [
    [{ userID: 'u1', platformID: Platform.Admin }, WireCode.NoPermissionError],
    [{ userID: 'imAdmin', platformID: Platform.IOS }, WireCode.NoPermissionError],
    [{ userID: 'u1', platformID: 0 }, WireCode.ArgsError],
    [{ userID: 'u1', platformID: 99 }, WireCode.ArgsError],
    [{ userID: 'u1', platformID: 1.5 }, WireCode.ArgsError],
    [{ userID: 'u1', platformID: '1' }, WireCode.ArgsError],
    [{ userID: 'u1' }, WireCode.ArgsError],
    [{ userID: '', platformID: Platform.IOS }, WireCode.ArgsError],
    [{ userID: 'a:b', platformID: Platform.IOS }, WireCode.ArgsError],
    [{ userID: '{a}', platformID: Platform.IOS }, WireCode.ArgsError],
  ]
  for (const [body, errCode] of refused) {
    t.match(await command('/auth/get_user_token', body), { errCode }, JSON.stringify(body))
  }
  t.same(
    [...store.records.values()].map(({ userId, platformId }) => [userId, platformId]),
    [['imAdmin', 10]],
  )
})

t.test('where tokens are made elsewhere, nobody gets one here', async (t) => {
  const { post } = room({ tokens: { issue: undefined, needsRecord: () => false } })
  const refused = {
    errCode: WireCode.NoPermissionError,
    errMsg: 'NoPermissionError',
    errDlt: 'tokens are made elsewhere',
  }
  t.same((await post('/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })).answer, refused)
  const token = fakeToken({ UserID: 'imAdmin', PlatformID: Platform.Admin, exp: NOW_S + 50 })
  t.same(
    (await post('/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS }, { token })).answer,
    refused,
  )
})

t.test('a token that was revoked or never recorded is told apart from a good one', async (t) => {
  const { post, userToken, store } = room()
  const token = await userToken('u1', Platform.IOS)
  const codes = {
    normal: 0,
    kicked: WireCode.TokenKickedError,
    invalid: WireCode.TokenUnknownError,
    expired: WireCode.TokenUnknownError,
    unknown: WireCode.TokenNotExistError,
  } as const
  for (const [state, errCode] of Object.entries(codes)) {
    store.set('u1', 1, token, state as keyof typeof codes)
    t.equal((await post('/auth/parse_token', { token })).answer.errCode, errCode, state)
  }
  const old = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: 1 })
  t.equal((await post('/auth/parse_token', { token: old })).answer.errCode, WireCode.TokenExpiredError)
  t.match((await post('/auth/parse_token', { token: '' })).answer, {
    errCode: WireCode.ArgsError,
    errDlt: /token: missing/,
  })
})

// Refreshing them

t.test(
  'with refresh tokens on, a user token comes with one, and it gives new ones without a token',
  async (t) => {
    const { command, post } = room({ settings: { refreshTokenExpireDays: 7 } })
    const { data } = await command('/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS })
    t.match(data, { token: String, expireTimeSeconds: 3_600, refreshToken: String })
    t.equal(data?.refreshExpireTimeSeconds, 7 * 86_400)
    const renewed = await post('/auth/refresh_token', { refreshToken: data?.refreshToken })
    t.same(Object.keys(renewed.answer.data ?? {}), Object.keys(data ?? {}))
    t.not(renewed.answer.data?.refreshToken, data?.refreshToken)
    t.match((await post('/auth/parse_token', { token: renewed.answer.data?.token })).answer.data, {
      userID: 'u1',
    })
    const again = await post('/auth/refresh_token', { refreshToken: data?.refreshToken })
    t.match(again.answer, { errCode: WireCode.TokenInvalidError, errMsg: 'TokenInvalidError' })
  },
)

t.test('where refresh tokens are off, asking for one is refused with that reason', async (t) => {
  const { post } = room()
  const { answer } = await post('/auth/refresh_token', { refreshToken: 'x' })
  t.match(answer, { errCode: WireCode.ArgsError, errMsg: 'ArgsError', errDlt: 'refresh tokens are off' })
})

// Taking them away

t.test(
  'a forced logout ends the connections on any platform, then flags the tokens that none of them had',
  async (t) => {
    let goodThen: string[] = []
    const { command, userToken, store, kicked } = room({
      rest: {
        kick: async (order) => {
          goodThen = store.good('u1')
          kicked.push(order)
          return { gone: 2, left: [], unanswered: [] }
        },
      },
    })
    const web = await userToken('u1', Platform.Web)
    for (const platformID of Object.values(Platform)) {
      if (platformID === Platform.Web) continue
      if (platformID !== Platform.Admin) await userToken('u1', platformID)
      t.same(await command('/auth/force_logout', { userID: 'u1', platformID }), ok({}))
      t.equal(goodThen.length, platformID === Platform.Admin ? 1 : 2, 'connections flag their own')
      t.same(store.good('u1'), [web])
      t.same(kicked.pop(), { userId: 'u1', platformIds: [platformID] })
    }
  },
)

t.test('a logout that some node did not confirm says what is done and what is not', async (t) => {
  const { command, userToken, store, reported } = room({
    rest: { kick: () => Promise.reject(new Error('node-b did not answer')) },
  })
  await userToken('u1', Platform.IOS)
  const answer = await command('/auth/force_logout', { userID: 'u1', platformID: Platform.IOS })
  t.same(answer, {
    errCode: WireCode.NetworkError,
    errMsg: 'NetworkError',
    errDlt: 'the tokens are flagged; connections not confirmed by every node: node-b did not answer',
  })
  t.same(store.good('u1'), [])
  t.match(reported, [{ message: 'node-b did not answer' }])
})

t.test('all tokens of a platform but one, or those of a list, can be taken away', async (t) => {
  const { command, userToken, store, kicked } = room({ settings: { loginPolicy: 0 } })
  const tokens = [
    await userToken('u1', Platform.IOS),
    await userToken('u1', Platform.IOS),
    await userToken('u1', Platform.Web),
  ]
  const preserving = { userID: 'u1', platformID: Platform.IOS, preservedToken: tokens[1] }
  t.same(await command('/auth/invalidate_token', preserving), ok({}))
  t.same(store.good('u1'), tokens.slice(1))
  t.same(kicked.pop(), { userId: 'u1', platformIds: [Platform.IOS], spares: tokenDigest(tokens[1]!) })
  t.same(await command('/auth/kick_tokens', { tokens: ['x', tokens[2]] }), ok({ skipped: [0] }))
  t.same(store.good('u1'), [tokens[1]])
  t.same(kicked, [{ userId: 'u1', token: tokenDigest(tokens[2]!) }])
})

t.test('only administrators may make tokens for others and take them away', async (t) => {
  const { post, userToken, kicked, store } = room()
  const token = await userToken('u1', Platform.IOS)
  const calls: [string, object][] = [
    ['/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS }],
    ['/auth/force_logout', { userID: 'u1', platformID: Platform.IOS }],
    ['/auth/invalidate_token', { userID: 'u1', platformID: Platform.IOS, preservedToken: '' }],
    ['/auth/kick_tokens', { tokens: [token] }],
  ]
  for (const [path, body] of calls) {
    t.match(
      (await post(path, body, { token })).answer,
      { errCode: WireCode.NoPermissionError, errMsg: 'NoPermissionError' },
      path,
    )
    t.match((await post(path, body)).answer, { errCode: WireCode.ArgsError, errDlt: /token: missing/ }, path)
    t.match((await post(path, body, { token: 'x' })).answer, { errCode: WireCode.TokenMalformedError }, path)
  }
  t.same(store.good('u1'), [token])
  t.same(kicked, [])
})

t.test('what is taken away has to be named well', async (t) => {
  const { command, kicked } = room()
  const refused: [string, object, RegExp][] = [
    ['/auth/force_logout', { userID: 'u1' }, /^platformID: /],
    ['/auth/force_logout', { userID: 'u1', platformID: 12 }, /^platformID: not a known platform$/],
    ['/auth/force_logout', { userID: '', platformID: Platform.IOS }, /^userID: is empty$/],
    ['/auth/invalidate_token', { userID: 'u1', platformID: Platform.IOS }, /^preservedToken: /],
    ['/auth/kick_tokens', { tokens: 'x' }, /^tokens: /],
    ['/auth/kick_tokens', { tokens: [1] }, /^tokens\.0: /],
  ]
  for (const [path, body, errDlt] of refused) {
    t.match(
      await command(path, body),
      { errCode: WireCode.ArgsError, errDlt },
      `${path} ${JSON.stringify(body)}`,
    )
  }
  t.same(kicked, [])
})

function ok(data: object): Answer {
  return { errCode: 0, errMsg: '', errDlt: '', data: { ...data } }
}
