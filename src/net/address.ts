/** IP addresses as text: one spelling for each, and what limits count them by. */
import { isIPv4, isIPv6 } from 'node:net'

const GROUP_BITS = 16
const GROUPS = 8

/** One spelling for each address: IPv4 behind a dual-stack socket as IPv4, IPv6 in its short form, no zone. */
export function normalizeAddress(address: string): string {
  if (!address.includes(':')) return address
  const short = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(short)
  if (mapped === null) return short
  const [high, low] = [Number.parseInt(mapped[1], 16), Number.parseInt(mapped[2], 16)]
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}

/** Which connection this is, as text: a TLS socket does not say which TCP socket is below it. */
export function otherEnd(socket: {
  remoteAddress?: string | undefined
  remotePort?: number | undefined
}): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

/**
 * The address in a text that may bring a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
 * In its one spelling; undefined when the text is anything else.
 */
export function readAddress(text: string): string | undefined {
  const bracketed = /^\[([^[\]]*)\](?::\d{1,5})?$/.exec(text)?.[1]
  if (bracketed !== undefined) return isIPv6(bracketed) ? normalizeAddress(bracketed) : undefined
  if (isIPv6(text)) return normalizeAddress(text)
  const plain = /^([\d.]+)(?::\d{1,5})?$/.exec(text)?.[1]
  return plain !== undefined && isIPv4(plain) ? plain : undefined
}

/**
 * What a limit counts an address by. An IPv4 address stands for itself. Of IPv6 a client with one address has a
 * whole network of them, so the network counts: the first `prefixV6` bits, such as `2001:db8:0:7::/64`.
 * `address` is in its one spelling.
 */
export function limitKeyOf(address: string, prefixV6: number): string {
  if (!address.includes(':')) return address
  const count = Math.ceil(prefixV6 / GROUP_BITS)
  const bitsOfLast = prefixV6 - (count - 1) * GROUP_BITS
  const head = address.split('::', 1)[0]!
  const written = head === '' ? [] : head.split(':')
  // Of most addresses the prefix stands there as it is.
  const isWritten = written.length >= count && bitsOfLast === GROUP_BITS
  const text = (isWritten ? written.slice(0, count) : prefixOf(address, count, bitsOfLast)).join(':')
  return `${text}${count < GROUPS ? '::' : ''}/${prefixV6}`
}

/** The first `count` groups, of the last only its first bits. */
function prefixOf(address: string, count: number, bitsOfLast: number): string[] {
  const groups = groupsOf(address).slice(0, count)
  groups[count - 1]! &= ~(0xffff >> bitsOfLast)
  return groups.map((group) => group.toString(16))
}

/** The eight numbers of an IPv6 address in its one spelling, which has no dotted part. */
function groupsOf(address: string): number[] {
  const read = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [head, tail] = address.split('::')
  if (tail === undefined) return read(head!)
  const [first, last] = [read(head!), read(tail)]
  return [...first, ...new Array<number>(GROUPS - first.length - last.length).fill(0), ...last]
}
