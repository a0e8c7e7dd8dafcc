/**
 * The PROXY protocol, versions 1 (text) and 2 (binary): what a proxy that only passes bytes on says of its peer,
 * before the first of them. https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import { isIPv4, isIPv6 } from 'node:net'
import { normalizeAddress } from './address.js'

export type ProxyVersion = 'v1' | 'v2'

/**
 * `more`: so far these bytes may begin a header. `absent`: they do not. `malformed`: they do, and it is broken, or
 * longer than it may be. `address` is '' where the proxy speaks for itself, or for a peer without an IP address.
 */
export type ProxyHeader =
  | { kind: 'more' | 'absent' | 'malformed' }
  | { kind: 'header'; address: string; length: number }

const V1_PREFIX = Buffer.from('PROXY ')
/** With its CR LF: the standard's own bound. */
const V1_BYTES_MAX = 107
const V2_PREFIX = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16
/** With what proxies add about TLS; the standard's own bound, 64 KB, is for nobody. */
const V2_BYTES_MAX = 4_096

const V2_LOCAL = 0x20
const V2_PROXY = 0x21
const INET = 1
const INET6 = 2
const INET_BYTES = 12
const INET6_BYTES = 36

/** Read the header of that version at the start of a connection's bytes. */
export function readProxyHeader(version: ProxyVersion, bytes: Buffer): ProxyHeader {
  const prefix = version === 'v1' ? V1_PREFIX : V2_PREFIX
  const compared = Math.min(prefix.length, bytes.length)
  if (!prefix.subarray(0, compared).equals(bytes.subarray(0, compared))) return { kind: 'absent' }
  if (compared < prefix.length) return { kind: 'more' }
  return version === 'v1' ? readV1(bytes) : readV2(bytes)
}

function readV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n')
  if (end < 0) return { kind: bytes.length < V1_BYTES_MAX ? 'more' : 'malformed' }
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN( |$)/.test(line)) return { kind: 'header', address: '', length }
  const [, family, source = '', destination = ''] =
    /^PROXY TCP([46]) (\S+) (\S+) \d{1,5} \d{1,5}$/.exec(line) ?? []
  const isAddress = family === '4' ? isIPv4 : isIPv6
  if (family === undefined || !isAddress(source) || !isAddress(destination)) return { kind: 'malformed' }
  return { kind: 'header', address: normalizeAddress(source), length }
}

function readV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_FIXED_BYTES) return { kind: 'more' }
  const [command, family] = [bytes[12]!, bytes[13]! >> 4]
  const addressBytes = bytes.readUInt16BE(14)
  const length = V2_FIXED_BYTES + addressBytes
  if ((command !== V2_LOCAL && command !== V2_PROXY) || length > V2_BYTES_MAX) return { kind: 'malformed' }
  if (bytes.length < length) return { kind: 'more' }
  if (command === V2_LOCAL) return { kind: 'header', address: '', length }
  if (family === INET && addressBytes >= INET_BYTES) {
    return { kind: 'header', address: bytes.subarray(16, 20).join('.'), length }
  }
  if (family === INET6 && addressBytes >= INET6_BYTES) {
    const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(16 + 2 * at).toString(16))
    return { kind: 'header', address: normalizeAddress(groups.join(':')), length }
  }
  const isShort = family === INET || family === INET6
  return isShort ? { kind: 'malformed' } : { kind: 'header', address: '', length }
}
