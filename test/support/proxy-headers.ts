/** Headers of the PROXY protocol, as a proxy writes them for a client. */
import { isIPv4 } from 'node:net'
import { normalizeAddress } from '../../src/net/address.js'

const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** `source`: the client's address. */
export function v1Header(source: string, port = 4711): Buffer {
  const [family, to] = isIPv4(source) ? ['TCP4', '127.0.0.1'] : ['TCP6', '::1']
  return Buffer.from(`PROXY ${family} ${source} ${to} ${port} 443\r\n`)
}

/** `extra`: what proxies add behind the addresses. */
export function v2Header(source: string, port = 4711, extra = Buffer.alloc(0)): Buffer {
  const address = addressBytes(source)
  const ends = Buffer.concat([address, Buffer.alloc(address.length, 1), Buffer.alloc(4)])
  ends.writeUInt16BE(port, 2 * address.length)
  const fixed = Buffer.from([0x21, address.length === 4 ? 0x11 : 0x21, 0, 0])
  fixed.writeUInt16BE(ends.length + extra.length, 2)
  return Buffer.concat([V2_SIGNATURE, fixed, ends, extra])
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const short = normalizeAddress(address)
  // What is IPv4 in IPv6 has the dotted form as its one spelling.
  if (isIPv4(short)) return Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), addressBytes(short)])
  const [head, tail] = short.split('::').map((part) => part.split(':').filter((group) => group !== ''))
  const groups = [
    ...head!,
    ...Array<string>(8 - head!.length - (tail?.length ?? 0)).fill('0'),
    ...(tail ?? []),
  ]
  return Buffer.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]),
  )
}
