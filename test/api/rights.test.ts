/** Who may call what, what is written down of it, and what wrong secrets cost. */
import t from 'tap'
import { allRoutes } from '../../src/doors/rest/routes/all.js'
import { WireCode } from '../../src/openim/codes.js'
import { OPENIM_PLATFORMS, Platform } from '../../src/openim/platforms.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import { RateTable } from '../../src/services/rate-table.js'
import { SecretGuard } from '../../src/services/secret-guard.js'
import { room, SECRET } from './room.js'

const MINUTE_MS = 60_000
const ADDRESS = '192.0.2.1'

t.test('every path refuses callers that the table does not name', async (t) => {
  const routes = allRoutes(new PlatformTable(OPENIM_PLATFORMS))
  t.ok(routes.length > 9, `${routes.length} paths`)
  for (const { path, may } of routes) {
    const { post, userToken } = room()
    const token = await userToken('u1', Platform.IOS)
    const none = (await post(path, {})).answer
    const user = (await post(path, {}, { token })).answer
    if (may === 'admin') {
      t.match(none, { errCode: WireCode.ArgsError, errDlt: 'token: missing' }, path)
      t.match(user, { errCode: WireCode.NoPermissionError }, path)
    } else if (may === 'token') {
      t.match(none, { errCode: WireCode.ArgsError, errDlt: 'token: missing' }, path)
      // What is missing is said of the body: the caller is welcome.
      t.notMatch(user, { errDlt: /token/ }, path)
      t.not(user.errCode, WireCode.NoPermissionError, path)
    } else {
      t.match(none, { errCode: WireCode.ArgsError, errDlt: /secret|token|refreshToken/i }, path)
    }
  }
})

t.test('a revoked token of an administrator opens nothing', async (t) => {
  const { post, adminToken, tokenOf } = room()
  const lost = await adminToken()
  const credentials = { secret: SECRET, userID: 'imAdmin' }
  const revoked = await post(
    '/auth/force_logout',
    { userID: 'imAdmin', platformID: Platform.Admin },
    { token: lost },
  )
  t.equal(revoked.answer.errCode, 0)
  const routes = allRoutes(new PlatformTable(OPENIM_PLATFORMS)).filter(
    ({ may }) => may === 'admin' || may === 'token',
  )
  for (const { path } of routes)
    t.match((await post(path, {}, { token: lost })).answer, { errCode: WireCode.TokenKickedError }, path)
  t.match((await post('/auth/parse_token', { token: lost })).answer, { errCode: WireCode.TokenKickedError })
  const next = await tokenOf('/auth/get_admin_token', credentials)
  t.equal((await post('/connection/list', { userID: 'u1' }, { token: next })).answer.errCode, 0)
})

t.test(
  'each act of an administrator is logged: who, from where, what, on which users, outcome',
  async (t) => {
    const { post, userToken, adminToken, audited } = room({
      rest: { kick: async () => ({ gone: 0, left: [], unanswered: ['node-b'] }) },
    })
    const user = await userToken('u1', Platform.Web)
    const token = await adminToken()
    audited.splice(0)
    const act = async (path: string, body: object) => {
      await post(path, body, { token }, '203.0.113.7')
      return audited.splice(0)
    }
    const by = { kind: 'act', by: 'imAdmin', address: '203.0.113.7' }
    t.match(await act('/auth/get_user_token', { userID: 'u2', platformID: Platform.IOS }), [
      { ...by, path: '/auth/get_user_token', on: { userID: 'u2', platformID: Platform.IOS }, errCode: 0 },
    ])
    t.match(await act('/connection/kick', { userID: 'u2', platformID: Platform.IOS }), [
      {
        ...by,
        on: { userID: 'u2', platformID: Platform.IOS },
        errCode: WireCode.NetworkError,
        reason: /node-b/,
      },
    ])
    t.match(await act('/connection/list', { userID: 'u2' }), [{ ...by, on: { userID: 'u2' } }])
    t.match(await act('/auth/kick_tokens', { tokens: [user, 'x'] }), [{ ...by, on: { userIDs: ['u1'] } }])
    t.match(await act('/auth/force_logout', { userID: 'a:b', platformID: Platform.IOS }), [
      { ...by, errCode: WireCode.ArgsError, reason: /userID/, on: {} },
    ])
    t.same(await act('/user/get_users_status', { userIDs: ['u1'] }), [], 'reading is no act')
  },
)

t.test('each wrong secret and each refused admin call is written down', async (t) => {
  const { post, userToken, audited } = room()
  const token = await userToken('u1', Platform.Web)
  audited.splice(0)
  await post('/auth/get_admin_token', { secret: 'wrong', userID: 'imAdmin' })
  await post('/auth/get_admin_token', { secret: SECRET, userID: 'somebody' })
  await post('/auth/refresh_token', { refreshToken: 'wrong' })
  await post('/connection/kick', { userID: 'u2' }, { token })
  await post('/connection/kick', { userID: 'u2' }, { token: 'forged' })
  await post('/connection/kick', { userID: 'u2' })
  t.match(audited, [
    { kind: 'refused', path: '/auth/get_admin_token', address: ADDRESS, errCode: WireCode.NoPermissionError },
    { kind: 'refused', errCode: WireCode.ArgsError, reason: 'userID: not an administrator', on: undefined },
    { kind: 'refused', path: '/auth/refresh_token' },
    { kind: 'refused', path: '/connection/kick', by: 'u1', errCode: WireCode.NoPermissionError },
    { kind: 'refused', by: undefined, errCode: WireCode.TokenMalformedError },
    { kind: 'refused', by: undefined, errCode: WireCode.ArgsError },
  ])
})

t.test('wrong secrets are slowed for their address, and for no other', async (t) => {
  let nowMs = 0
  const { post } = room({ rest: { nowMs: () => nowMs } })
  const guess = async (secret: string, address = ADDRESS) =>
    (await post('/auth/get_admin_token', { secret, userID: 'imAdmin' }, {}, address)).answer
  for (let tries = 0; tries < 10; tries++)
    t.equal((await guess(`wrong ${tries}`)).errCode, WireCode.NoPermissionError)
  const held = await guess(SECRET)
  t.match(
    held,
    { errCode: WireCode.TooManyLogins, errDlt: /retry after 6 s$/ },
    'not even the right one is looked at',
  )
  t.equal((await guess(SECRET, '192.0.2.2')).errCode, 0)
  for (let tries = 0; tries < 100; tries++) t.equal((await guess('wrong')).errCode, WireCode.TooManyLogins)
  nowMs += 6_000
  t.equal((await guess(SECRET)).errCode, 0, 'what was not looked at has not prolonged the wait')
})

t.test('an address from which the right secret came may err more often, for an hour', async (t) => {
  const guard = new SecretGuard(SECRET, 'salt')
  t.equal(guard.judge(SECRET, ADDRESS, 0), 'right')
  const wrongBefore = (nowMs: number) => {
    let count = 0
    while (guard.judge('wrong', ADDRESS, nowMs) === 'wrong') count++
    return count
  }
  t.equal(wrongBefore(0), 100)
  t.equal(guard.judge(SECRET, '192.0.2.9', 0), 'right', 'others are not touched')
  t.equal(wrongBefore(61 * MINUTE_MS), 10)
})

t.test('calls from one address have a rate, which those of administrators do not use up', async (t) => {
  let nowMs = 0
  const callsOfAddress = new RateTable({ count: 5, periodMs: 1_000, salt: 'salt' })
  const statusesOfUser = new RateTable({ count: 1_000, periodMs: 1_000, salt: 'salt' })
  const { post, adminToken, served } = room({
    rest: { nowMs: () => nowMs, rates: { callsOfAddress, statusesOfUser } },
  })
  const token = await adminToken()
  for (let calls = 0; calls < 20; calls++) {
    t.equal(
      (await post('/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS }, { token })).answer
        .errCode,
      0,
    )
  }
  const parse = async (address: string) =>
    (await post('/auth/parse_token', { token: 'x' }, {}, address)).answer
  for (let calls = 0; calls < 4; calls++)
    t.equal((await parse(ADDRESS)).errCode, WireCode.TokenMalformedError)
  t.match(await parse(ADDRESS), {
    errCode: WireCode.TooManyRequests,
    errDlt: /too many calls from this address, retry after 1 s/,
  })
  t.equal((await parse('192.0.2.2')).errCode, WireCode.TokenMalformedError)
  t.match(
    (await post('/connection/kick', {}, { token: 'x' })).answer,
    { errCode: WireCode.TooManyRequests },
    'bad tokens use it up',
  )
  t.equal((await post('/connection/list', { userID: 'u1' }, { token })).answer.errCode, 0)
  nowMs += 200
  t.equal((await parse(ADDRESS)).errCode, WireCode.TokenMalformedError)
  t.same(served.at(-1), ['/auth/parse_token', WireCode.TokenMalformedError])
})

t.test('a rate lets so many pass at once and in each period, and forgets nobody by number', async (t) => {
  const table = new RateTable({ count: 3, periodMs: 900, salt: 'salt' })
  t.same(
    [0, 0, 0].map((at) => table.take('a', at)),
    [0, 0, 0],
  )
  t.equal(table.take('a', 0), 300)
  t.equal(table.waitMs('a', 100), 200)
  t.equal(table.take('a', 300), 0)
  t.equal(table.take('a', 300, 100), 900, 'what costs more than there is waits for all of it')
  t.equal(table.take('a', 1_200, 100), 0)
  for (let n = 0; n < 100_000; n++) table.take(`key ${n}`, 1_200)
  t.ok(table.take('a', 1_200) > 0)
})
