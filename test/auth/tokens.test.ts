import { createHmac } from 'node:crypto'
import t from 'tap'
import { loadTokenKeys } from '../../src/auth/keys.js'
import {
  adminCheck,
  CLOCK_LEEWAY_S,
  checkLogin,
  issueToken,
  TOKEN_BYTES_MAX,
  tokenExpiredError,
  tokenStateError,
  verifyToken,
} from '../../src/auth/tokens.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'

const SECRET = 'Gq4zW9mT1xJ7vB2nK5pL'
const nowMs = 1_700_000_000_500
const keys = await loadTokenKeys({
  algorithm: 'HS256',
  secret: SECRET,
  publicKeysPath: '',
  privateKeyPath: '',
  nowMs: () => nowMs,
  report: (message) => t.fail(message),
})
const nowS = 1_700_000_000
const hs256 = { alg: 'HS256', typ: 'JWT' }
const good = { UserID: 'u1', PlatformID: Platform.Web, exp: nowS + 60, iat: nowS - 5 }

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A token made by hand, as OpenIM's library makes them; `secret` may be wrong on purpose. */
function handmade(claims: unknown, header: object = hs256, secret = SECRET) {
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

const verify = (token: string) => verifyToken(token, { keys, nowMs })
async function codeOf(token: string): Promise<number> {
  const verdict = await verify(token)
  return verdict.ok ? 0 : verdict.errCode
}

t.test("a token of OpenIM's own making is accepted", async (t) => {
  t.same(await verify(handmade(good)), {
    ok: true,
    userId: 'u1',
    platformId: Platform.Web,
    expiresAtS: nowS + 60,
  })
})

t.test("an issued token has OpenIM's header and claims, and a signature that others can check", async (t) => {
  const claims = { userId: 'ü 1', platformId: Platform.Android }
  const ttlS = 90 * 86_400
  const place = { issuedAtS: nowS - 5, jti: 'first' }
  const token = await issueToken({ ...claims, ...place }, { keys, ttlS, nowMs })
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  t.same(read(header), hs256)
  t.same(read(payload), {
    UserID: 'ü 1',
    PlatformID: Platform.Android,
    exp: nowS + ttlS,
    iat: nowS - 5,
    jti: 'first',
  })
  t.equal(signature, createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url'))
  t.same(await verify(token), { ok: true, ...claims, expiresAtS: nowS + ttlS })
})

t.test('a token ends at the second of its exp, by the clock that is passed in', async (t) => {
  const token = handmade(good)
  t.equal((await verifyToken(token, { keys, nowMs: good.exp * 1000 - 1 })).ok, true)
  t.same(await verifyToken(token, { keys, nowMs: good.exp * 1000 }), tokenExpiredError())
})

t.test('a token that ends between two seconds ends with the earlier one', async (t) => {
  const token = handmade({ ...good, exp: nowS + 60.5 })
  const verifyAt = (atMs: number) => verifyToken(token, { keys, nowMs: atMs })
  t.match(await verifyAt((nowS + 60) * 1000 - 1), { ok: true, expiresAtS: nowS + 60 })
  t.match(await verifyAt((nowS + 60) * 1000), { errCode: WireCode.TokenExpiredError })
})

t.test('a token is not good before its nbf, but clocks may differ by some seconds', async (t) => {
  t.equal(await codeOf(handmade({ ...good, nbf: nowS + CLOCK_LEEWAY_S + 1 })), WireCode.TokenNotValidYetError)
  for (const ahead of [CLOCK_LEEWAY_S, 1, 0])
    t.equal(await codeOf(handmade({ ...good, nbf: nowS + ahead })), 0)
  t.equal(await codeOf(handmade({ ...good, exp: nowS })), WireCode.TokenExpiredError, 'it ends when it says')
  t.equal(await codeOf(handmade({ ...good, exp: nowS - 1 })), WireCode.TokenExpiredError)
})

t.test('the clock of another node may be ahead', async (t) => {
  t.equal(await codeOf(handmade({ ...good, iat: nowS + 30 })), 0)
})

t.test('what is not a JWT is malformed', async (t) => {
  const malformed = [
    '',
    'x',
    'a.b',
    '..',
    '!.!.!',
    `${handmade(good)}.x`,
    handmade('not JSON'),
    handmade([1]),
  ]
  malformed.push(handmade('null'), `${part('{')}.${part(good)}.x`, handmade(good, {}))
  for (const token of malformed)
    t.equal(await codeOf(token), WireCode.TokenMalformedError, token.slice(0, 30))
})

t.test('claims of the wrong type are malformed, missing ones make a token invalid', async (t) => {
  const { exp: _exp, ...noExp } = good
  const { UserID: _user, ...noUser } = good
  const { PlatformID: _platform, ...noPlatform } = good
  const codes: [unknown, number][] = [
    [{ ...good, exp: String(nowS + 60) }, WireCode.TokenMalformedError],
    [{ ...good, exp: null }, WireCode.TokenMalformedError],
    [JSON.stringify(good).replace(/"exp":\d+/, '"exp":1e999'), WireCode.TokenMalformedError],
    [{ ...good, nbf: 'now' }, WireCode.TokenMalformedError],
    [{ ...good, iat: 'now' }, WireCode.TokenMalformedError],
    [{ ...good, UserID: 1 }, WireCode.TokenMalformedError],
    [{ ...good, UserID: ['u1'] }, WireCode.TokenMalformedError],
    [{ ...good, PlatformID: '5' }, WireCode.TokenMalformedError],
    [{ ...good, PlatformID: 1.5 }, WireCode.TokenMalformedError],
    [noExp, WireCode.TokenInvalidError],
    [noUser, WireCode.TokenInvalidError],
    [{ ...good, UserID: '' }, WireCode.TokenInvalidError],
    [noPlatform, WireCode.TokenInvalidError],
    [{ ...good, PlatformID: 0 }, WireCode.TokenInvalidError],
    [{ ...good, PlatformID: -1 }, WireCode.TokenInvalidError],
    [{ ...good, exp: (nowS + 60) * 1000 }, WireCode.TokenInvalidError],
    [{ ...noUser, userid: 'u1' }, WireCode.TokenInvalidError],
  ]
  for (const [claims, code] of codes) t.equal(await codeOf(handmade(claims)), code, JSON.stringify(claims))
})

t.test('a token longer than its bound is not looked at', async (t) => {
  const fits = handmade({ ...good, pad: 'x'.repeat(2000) })
  t.equal(await codeOf(fits), 0)
  const long = handmade({ ...good, pad: 'x'.repeat(TOKEN_BYTES_MAX) })
  t.match(await verify(long), { errCode: WireCode.TokenMalformedError, errDlt: 'the token is too long' })
  t.match(await verify('x'.repeat(10_000_000)), {
    errCode: WireCode.TokenMalformedError,
    errDlt: 'the token is too long',
  })
})

t.test("what the store says of a token has the protocol's words", async (t) => {
  t.equal(tokenStateError('normal'), undefined)
  t.match(tokenStateError('invalid'), { errCode: WireCode.TokenUnknownError, errMsg: 'TokenUnknownError' })
  t.match(tokenStateError('expired'), { errCode: WireCode.TokenUnknownError, errMsg: 'TokenUnknownError' })
  t.match(tokenStateError('kicked'), { errCode: WireCode.TokenKickedError, errMsg: 'TokenKickedError' })
  t.match(tokenStateError('unknown'), { errCode: WireCode.TokenNotExistError, errMsg: 'TokenNotExistError' })
})

t.test('a token serves its own user on its own platform only', async (t) => {
  const claims = { userId: 'u1', platformId: Platform.Web }
  t.equal(checkLogin(claims, 'u1', 5), undefined)
  t.match(checkLogin(claims, 'u2', 5), { errCode: WireCode.TokenInvalidError, errMsg: 'TokenInvalidError' })
  t.match(checkLogin(claims, 'u1', 1), { errCode: WireCode.TokenInvalidError })
})

t.test('administrators are those of the settings, to the letter', async (t) => {
  const isAdmin = adminCheck(['imAdmin', 'root'])
  t.same(['imAdmin', 'root', 'imadmin', ''].map(isAdmin), [true, true, false, false])
})

t.test('no verdict repeats the token', async (t) => {
  for (const token of [handmade(good, hs256, 'x'), handmade({ ...good, exp: 1 }), '4tok5.6tok7.8tok9']) {
    const verdict = JSON.stringify(await verify(token))
    for (const piece of token.split('.')) t.notOk(verdict.includes(piece))
  }
})
