/** The query and headers of a handshake, beside the platform's own reader of queries. */
import assert from 'node:assert/strict'
import { parseHandshake } from '../../../src/doors/websocket/handshake.js'
import { originCheck } from '../../../src/net/origin.js'
import { WireCode } from '../../../src/openim/codes.js'
import { OPENIM_PLATFORMS, Platform } from '../../../src/openim/platforms.js'
import { PlatformTable } from '../../../src/rules/platforms.js'
import { checkUserId } from '../../../src/rules/user-id.js'
import { handshakeQuery } from '../../../src/sdk/openim-handshake.js'
import type { Run, Target } from '../engine/target.js'

const REFUSALS: readonly number[] = [WireCode.ConnArgsErr, WireCode.ServerInternalError]
const isOriginAllowed = originCheck(['https://chat.example.org', 'https://*.example.net:*', 'app://desktop'])
const login = { url: '', token: 'a.b.c', userId: 'ann', platformId: Platform.Web }

export const target: Target = {
  name: 'handshake',
  what: 'query, compression, origin and host, a line each: arguments as URLSearchParams reads them, or 1602',
  bytesMax: 16_384,
  steps: { base: 3_000, perByte: 20 },
  seeds: () =>
    [
      [handshakeQuery(login), '', '', ''],
      [handshakeQuery({ ...login, form: 'v' }), '', '', ''],
      [handshakeQuery({ ...login, userId: 'ä +&', sdkType: 'go', compression: true }), 'gzip', '', ''],
      ['sendID=a%20b&token=x&platformID=%31&sdkType=&isMsgResp=1&isBackground=F&x;y=1&=&a=%zz', '', '', ''],
      ['v=e30', '', 'https://chat.example.org:8443', 'chat.example.org:8443'],
      ['', '', 'http://[::1]:80', '[::1]'],
      ['', '', 'null', '127.0.0.1:10001'],
    ].map((lines) => Buffer.from(lines.join('\n'))),
  open: (): Run => {
    const platforms = new PlatformTable(OPENIM_PLATFORMS)
    return (input) => {
      const [query = '', compression = '', origin = '', host = ''] = Buffer.from(input).toString().split('\n')
      isOriginAllowed(origin, () => [host])
      const outcome = parseHandshake(query, compression, (id) => platforms.isKnown(id))
      if (!outcome.ok) return assert.ok(REFUSALS.includes(outcome.error.errCode), outcome.error.errDlt)
      const { args } = outcome
      assert.equal(checkUserId(args.userId), undefined)
      assert.ok(platforms.isKnown(args.platformId) && args.token !== '')
      assert.ok(args.sdkType === 'go' || args.sdkType === 'js')
      if (isPlain(query)) compare(args, new URLSearchParams(query))
    }
  },
}

/** Where Go's rules, which are followed here, and those of the web agree. */
function isPlain(query: string): boolean {
  const isPacked = /(^|&)v=/.test(query) || /%76|^v$|&v(&|$)/i.test(query)
  return !isPacked && !query.includes(';') && isUtf8(query)
}

function isUtf8(query: string): boolean {
  try {
    decodeURIComponent(query)
    return true
  } catch {
    return false
  }
}

function compare(args: { userId: string; token: string; operationId: string }, read: URLSearchParams): void {
  assert.equal(args.userId, read.get('sendID'))
  assert.equal(args.token, read.get('token'))
  assert.equal(args.operationId, read.get('operationID') ?? '')
}
