import t from 'tap'
import {
  connectionLimitError,
  type HandshakeArgs,
  parseHandshake,
  QUERY_LENGTH_MAX,
  refusal,
} from '../../src/doors/websocket/handshake.js'
import { WireCode, wireErrorText } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { encodeVerdict, SUCCESS_TEXT } from '../../src/openim/verdict.js'
import { checkUserId } from '../../src/rules/user-id.js'

const isKnown = (platformId: number): boolean => platformId >= 1 && platformId <= 11

const parse = (query: string, compressionHeader = '') => parseHandshake(query, compressionHeader, isKnown)

const packed = (value: unknown): string => `v=${Buffer.from(JSON.stringify(value)).toString('base64url')}`

const ARGS: HandshakeArgs = {
  token: 'T',
  userId: 'u1',
  platformId: Platform.Web,
  operationId: 'op',
  sdkType: 'go',
  isCompressed: false,
  isMsgResp: false,
  isBackground: false,
}

const ARGS_TEXT = 'args err, need token, sendID, platformID'
const FULL = 'token=T&sendID=u1&platformID=5&operationID=op'

t.test('what is asked for is understood', async (t) => {
  const cases: [string, string, Partial<HandshakeArgs>, string?][] = [
    ['as v3.8.3 does at least', 'token=T&sendID=u1&platformID=5', { operationId: '' }],
    [
      'the Go SDK',
      'sendID=u1&token=T&platformID=1&operationID=op&isBackground=false&compression=gzip',
      { platformId: Platform.IOS, isCompressed: true },
    ],
    [
      'the browser SDK',
      'compression=gzip&isBackground=true&isMsgResp=true&operationID=op&platformID=5&sendID=u1&token=T',
      { isCompressed: true, isMsgResp: true, isBackground: true },
    ],
    [
      'the JavaScript SDK',
      `sendID=u1&token=T&platformID=5&operationID=op&isBackground=false&isMsgResp=true&sdkType=js`,
      { isMsgResp: true, sdkType: 'js' },
    ],
    ['sdkType go', `${FULL}&sdkType=go`, {}],
    ['an empty sdkType', `${FULL}&sdkType=`, {}],
    ['empty switches', `${FULL}&isMsgResp=&isBackground=`, {}],
    ['compression in the header', FULL, { isCompressed: true }, 'gzip'],
    [
      'another compression in the query than in the header',
      `${FULL}&compression=br`,
      { isCompressed: true },
      'gzip',
    ],
    ['a compression that is not known', `${FULL}&compression=GZIP`, {}, 'deflate'],
    ['unknown parameters', `${FULL}&sdkVersion=3.8.4&x`, {}],
    ['a signed platform', 'token=T&sendID=u1&platformID=%2B05&operationID=op', {}],
    ['the first of several', `${FULL}&sendID=u2&token=X`, {}],
    [
      'a plus, which is a space',
      'token=T&sendID=u+1&platformID=5&operationID=a+b',
      { userId: 'u 1', operationId: 'a b' },
    ],
    ['an escaped plus', 'token=T&sendID=u%2b1&platformID=5&operationID=op', { userId: 'u+1' }],
    [
      'letters beyond ASCII, escaped or not',
      'token=T&sendID=%C3%A4ö&platformID=5&operationID=op',
      { userId: 'äö' },
    ],
    ['an equals sign in a value', 'token=T==&sendID=u1&platformID=5&operationID=op', { token: 'T==' }],
    ['empty pairs', `&&${FULL}&`, {}],
    [
      'a malformed escape: that pair is left out',
      'token=T&sendID=u1&platformID=5&operationID=%zz',
      { operationId: '' },
    ],
    [
      'a semicolon: that pair is left out',
      'token=T&sendID=u1&platformID=5&operationID=a;b',
      { operationId: '' },
    ],
    ['an empty v', `${FULL}&v=`, {}],
    [
      'a v, which is all that counts',
      `${packed({ token: 'T', userID: 'u1', platformID: Platform.Web, operationID: 'op' })}&token=X&sendID=u2&platformID=x&compression=gzip`,
      {},
      'gzip',
    ],
    [
      'a v with everything',
      packed({
        token: 'T',
        userID: 'u1',
        platformID: Platform.Web,
        operationID: 'op',
        compression: 'gzip',
        sdkType: 'js',
        sendResponse: true,
        background: true,
        sdkVersion: 'x',
      }),
      { isCompressed: true, sdkType: 'js', isMsgResp: true, isBackground: true },
    ],
    [
      'a v with nulls and keys in another case',
      packed({ TOKEN: 'T', userid: 'u1', platformID: Platform.Web, operationId: 'op', compression: null }),
      {},
    ],
  ]
  for (const [title, query, args, header] of cases) {
    t.same(parse(query, header), { ok: true, args: { ...ARGS, ...args } }, title)
  }
})

t.test('switches are read as Go reads them', async (t) => {
  for (const yes of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
    t.match(parse(`${FULL}&isMsgResp=${yes}&isBackground=${yes}`), {
      args: { isMsgResp: true, isBackground: true },
    })
  }
  for (const no of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
    t.match(parse(`${FULL}&isMsgResp=${no}&isBackground=${no}`), {
      args: { isMsgResp: false, isBackground: false },
    })
  }
  for (const bad of ['tRue', 'yes', '2', 'on', '01', '%20true']) {
    t.match(
      parse(`${FULL}&isMsgResp=${bad}`),
      { error: { errCode: WireCode.ConnArgsErr, errDlt: 'isMsgResp is not bool' } },
      bad,
    )
    t.match(parse(`${FULL}&isBackground=${bad}`), {
      error: {
        errCode: WireCode.ServerInternalError,
        errMsg: 'ServerInternalError',
        errDlt: 'isBackground is not bool',
        respond: 'http',
      },
    })
  }
})

t.test('what is missing or malformed is refused over HTTP with 1602, the first flaw first', async (t) => {
  const cases: [string, string][] = [
    ['', 'platformID is not int'],
    ['platformID=5x&isMsgResp=x', 'platformID is not int'],
    ['platformID=0x5', 'platformID is not int'],
    ['platformID=5.0', 'platformID is not int'],
    ['platformID=1_0', 'platformID is not int'],
    ['platformID=+5', 'platformID is not int'],
    ['platformID=99999999999999999999', 'platformID is not int'],
    ['platformID=99&isMsgResp=x&isBackground=x', 'isMsgResp is not bool'],
    ['platformID=99', 'token is empty'],
    ['platformID=99&token=', 'token is empty'],
    ['platformID=99&token=%', 'token is empty'],
    ['platformID=99&token=T&sdkType=x', 'sendID is empty'],
    ['platformID=99&token=T&sendID=%FF', 'sendID is empty'],
    ['platformID=99&token=T&sendID=a:b&sdkType=x', 'platformID is unknown'],
    ['platformID=-5&token=T&sendID=u1', 'platformID is unknown'],
    ['platformID=5&token=T&sendID=a:b&sdkType=JS', 'sdkType is unknown'],
    ['platformID=5&token=T&sendID=a:b', "sendID holds one of ':', '{' and '}'"],
    ['platformID=5&token=T&sendID=a%0Ab', 'sendID holds a control character'],
    [`platformID=5&token=T&sendID=${'a'.repeat(129)}`, 'sendID is longer than 128 bytes'],
    [`${FULL}&x=${'a'.repeat(QUERY_LENGTH_MAX)}`, 'query is too long'],
    ['v=%2B%2F', 'v is not base64url'],
    ['v=e30%3D', 'v is not base64url'],
    ['v=e30ab', 'v is not base64url'],
    ['v=e30a', 'v is not JSON'],
    [packed([]), 'v is not an object'],
    [packed(null), 'v is not an object'],
    [packed({ token: 1 }), 'token in v is not a string'],
    [packed({ platformID: '5' }), 'platformID in v is not a number'],
    [packed({ platformID: 5.5 }), 'platformID in v is not int'],
    [packed({ sendResponse: 'true' }), 'sendResponse in v is not a boolean'],
    [packed({}), 'token is empty'],
    [packed({ token: 'T' }), 'sendID is empty'],
    [packed({ token: 'T', userID: 'u1' }), 'platformID is unknown'],
    [packed({ token: 'T', userID: 'u1', platformID: Platform.Web, sdkType: 'x' }), 'sdkType is unknown'],
  ]
  for (const [query, errDlt] of cases) {
    const error = { errCode: WireCode.ConnArgsErr, errMsg: ARGS_TEXT, errDlt, respond: 'http' }
    t.same(parse(query), { ok: false, error }, `${query.slice(0, 60)}: ${errDlt}`)
  }
})

t.test('a refusal after the arguments goes where the client listens', async (t) => {
  const error = { errCode: WireCode.TokenExpiredError, errMsg: 'TokenExpiredError', errDlt: 'expired' }
  t.same(refusal(ARGS, WireCode.TokenExpiredError, 'expired'), { ...error, respond: 'http' })
  t.same(refusal({ ...ARGS, isMsgResp: true }, WireCode.TokenExpiredError, 'expired'), {
    ...error,
    respond: 'frame',
  })
  t.match(connectionLimitError('full'), {
    errCode: WireCode.ConnOverMaxNumLimit,
    errMsg: 'ConnOverMaxNumLimit',
    respond: 'http',
  })
})

t.test('verdicts have their keys in order, and success its exact bytes', async (t) => {
  t.equal(SUCCESS_TEXT, '{"errCode":0,"errMsg":"","errDlt":""}')
  t.equal(
    encodeVerdict({ errCode: WireCode.ConnArgsErr, errMsg: 'a"b', errDlt: 'ü\n' }),
    '{"errCode":1602,"errMsg":"a\\"b","errDlt":"ü\\n"}',
  )
  t.equal(wireErrorText(WireCode.TokenKickedError), 'TokenKickedError')
  t.equal(wireErrorText(WireCode.ConnArgsErr), ARGS_TEXT)
  t.equal(wireErrorText(WireCode.Success), '')
})

t.test('a user ID is printable, short, and fits into a key', async (t) => {
  for (const good of ['u', '10086', 'a b', 'ü'.repeat(64), 'user@example.org', 'a_b-c.d/e', '😀', 'a#1']) {
    t.equal(checkUserId(good), undefined, good)
  }
  for (const bad of ['', ':', 'a{', '}b', 'a\0', 'a\u007f', 'a\u0085', 'a\tb', '\ud800', 'ü'.repeat(65)]) {
    t.type(checkUserId(bad), 'string', JSON.stringify(bad))
  }
})
