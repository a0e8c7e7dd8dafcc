/** What stands before a request, or in it, of a client behind proxies: the PROXY protocol, X-Forwarded-For, Forwarded. */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { limitKeyOf, normalizeAddress } from '../../../src/net/address.js'
import { clientAddress } from '../../../src/net/client-address.js'
import { Networks } from '../../../src/net/networks.js'
import { type ProxyVersion, readProxyHeader } from '../../../src/net/proxy-protocol.js'
import type { Run, Target } from '../engine/target.js'

const PEER = '127.0.0.1'
const TRUSTED = new Networks(['127.0.0.0/8', '10.0.0.0/8', '::1/128'])
/** While a header is incomplete its bytes are kept: never more of them. */
const WAITING_BYTES_MAX = 4_096
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

export const target: Target = {
  name: 'proxy-headers',
  what: 'PROXY protocol and forwarding headers (by the first byte): an address in its one spelling, or none',
  bytesMax: 8_192,
  steps: { base: 3_000, perByte: 40 },
  seeds: () =>
    [
      '\0PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\nGET /',
      '\0PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 65535\r\n',
      '\0PROXY UNKNOWN\r\n',
      '\u0002192.0.2.1, 10.0.0.2, [2001:db8::1]:80',
      '\u0003for="[2001:db8::1]:80";proto=https, for=10.0.0.2;by=_x;host="a\\"b"',
    ]
      .map((text) => Buffer.from(text, 'latin1'))
      .concat([
        Buffer.concat([
          Uint8Array.of(1),
          V2,
          Uint8Array.of(0x21, 0x11, 0, 12, 192, 0, 2, 1, 10, 0, 0, 1, 1, 2, 3, 4),
        ]),
        Buffer.concat([Uint8Array.of(1), V2, Uint8Array.of(0x21, 0x21, 0, 36), Buffer.alloc(36, 0x20)]),
        Buffer.concat([Uint8Array.of(1), V2, Uint8Array.of(0x20, 0, 0, 0)]),
      ]),
  open: (): Run => (input) => {
    const tag = (input[0] ?? 0) % 4
    const rest = Buffer.from(input.subarray(1))
    if (tag < 2) return readProtocol(tag === 0 ? 'v1' : 'v2', rest)
    const text = rest.toString('latin1')
    const claims = {
      proxyProtocol: '',
      xForwardedFor: tag === 2 ? text : '',
      forwarded: tag === 3 ? text : '',
    }
    isAddress(clientAddress(PEER, claims, TRUSTED, 'auto'))
  },
}

function readProtocol(version: ProxyVersion, bytes: Buffer): void {
  const header = readProxyHeader(version, bytes)
  if (header.kind === 'more') assert.ok(bytes.length < WAITING_BYTES_MAX, `${bytes.length} bytes are kept`)
  if (header.kind !== 'header') return
  const { address, length } = header
  assert.ok(length <= bytes.length)
  if (address !== '') isAddress(address)
  // However the bytes arrive: any beginning is incomplete, and what follows changes nothing.
  for (const part of [1, length >> 1, length - 1]) {
    assert.equal(readProxyHeader(version, bytes.subarray(0, part)).kind, 'more', `after ${part} bytes`)
  }
  assert.deepEqual(readProxyHeader(version, bytes.subarray(0, length)), header)
}

function isAddress(address: string): void {
  assert.ok(isIP(address) !== 0, 'no address')
  assert.equal(normalizeAddress(address), address, 'another spelling')
  assert.notEqual(limitKeyOf(address, 64), '')
}
