import fc from 'fast-check'
import t from 'tap'
import { normalizeAddress } from '../../src/net/address.js'
import { readProxyHeader } from '../../src/net/proxy-protocol.js'
import { v1Header, v2Header } from '../support/proxy-headers.js'

const AFTER = Buffer.from('GET / HTTP/1.1\r\n\r\n')

t.test('what was written is read, and where it ends', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), fc.nat(200), (source, port, extraBytes) => {
      const address = normalizeAddress(source)
      const v1 = v1Header(source, port)
      t.same(readProxyHeader('v1', Buffer.concat([v1, AFTER])), {
        kind: 'header',
        address,
        length: v1.length,
      })
      const v2 = v2Header(source, port, Buffer.alloc(extraBytes, 7))
      t.same(readProxyHeader('v2', Buffer.concat([v2, AFTER])), {
        kind: 'header',
        address,
        length: v2.length,
      })
    }),
  )
  t.end()
})

t.test('of a part of a header more is awaited, and never longer than a header may be', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (source, share) => {
        for (const [version, header] of [
          ['v1', v1Header(source)],
          ['v2', v2Header(source)],
        ] as const) {
          const part = header.subarray(0, Math.floor(header.length * share))
          t.equal(readProxyHeader(version, part).kind, 'more', `${version} ${part.length}`)
        }
      },
    ),
  )
  t.equal(readProxyHeader('v1', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)).kind, 'malformed')
  t.equal(
    readProxyHeader('v2', v2Header('1.2.3.4', 1, Buffer.alloc(5_000)).subarray(0, 16)).kind,
    'malformed',
  )
  t.end()
})

t.test('whatever comes, it is read without a throw', (t) => {
  const start = fc.constantFrom(Buffer.from('PROXY '), v2Header('1.2.3.4').subarray(0, 12), Buffer.alloc(0))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (prefix, rest) => {
      const bytes = Buffer.concat([prefix, rest])
      for (const version of ['v1', 'v2'] as const) {
        const header = readProxyHeader(version, bytes)
        t.ok(header.kind !== 'header' || header.length <= bytes.length)
      }
    }),
  )
  t.end()
})

t.test('what begins otherwise has no header, that of the other version included', async (t) => {
  t.equal(readProxyHeader('v1', AFTER).kind, 'absent')
  t.equal(readProxyHeader('v2', AFTER).kind, 'absent')
  t.equal(readProxyHeader('v1', v2Header('1.2.3.4')).kind, 'absent')
  t.equal(readProxyHeader('v2', v1Header('1.2.3.4')).kind, 'absent')
  t.equal(readProxyHeader('v1', Buffer.from('proxy TCP4 ')).kind, 'absent')
})

t.test('a proxy that speaks for itself names nobody', async (t) => {
  t.match(readProxyHeader('v1', Buffer.from('PROXY UNKNOWN\r\n')), {
    kind: 'header',
    address: '',
    length: 15,
  })
  t.match(readProxyHeader('v1', Buffer.from('PROXY UNKNOWN ::1 ::1 1 2\r\n')), {
    kind: 'header',
    address: '',
  })
  const local = v2Header('1.2.3.4')
  local[12] = 0x20
  t.match(readProxyHeader('v2', local), { kind: 'header', address: '', length: local.length })
  const unix = v2Header('1.2.3.4')
  unix[13] = 0x31
  t.match(
    readProxyHeader('v2', unix),
    { kind: 'header', address: '' },
    'nor one whose peer has no IP address',
  )
})

t.test('a broken header is malformed', async (t) => {
  const lines = [
    'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n',
  ]
  lines.push(
    'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n',
    'PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n',
    'PROXY TCP4 x y 1 2\r\n',
  )
  lines.push('PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n', 'PROXY \r\n', 'PROXY UNKNOWNS\r\n')
  for (const line of lines) t.equal(readProxyHeader('v1', Buffer.from(line)).kind, 'malformed', line)
  const version1 = v2Header('1.2.3.4')
  version1[12] = 0x11
  const otherCommand = v2Header('1.2.3.4')
  otherCommand[12] = 0x22
  const tooShort = v2Header('1.2.3.4')
  tooShort.writeUInt16BE(4, 14)
  for (const bytes of [version1, otherCommand, tooShort])
    t.equal(readProxyHeader('v2', bytes).kind, 'malformed')
})
