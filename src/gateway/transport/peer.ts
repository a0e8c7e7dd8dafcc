/** What both transports keep of a peer's handshake, and how both let go of a peer. */

/** The request headers that `UpgradeRequest.header` knows; any other is `''`. */
export const KEPT_HEADERS = [
  'compression',
  'host',
  'origin',
  'user-agent',
  'x-forwarded-for',
  'x-real-ip',
  'sec-websocket-extensions',
  'sec-websocket-protocol',
] as const

/** How long a socket may take to let its last bytes leave, after `drop` or `end`, before it is cut. */
export const FLUSH_MS_MAX = 4_000

/**
 * A message may be longer than the limit by so much before the library itself cuts the connection; between the two
 * the transport closes with 1009, which the peer can read. Also the most that waits in memory of a message that has
 * not ended.
 */
export function hardLimit(messageBytesMax: number): number {
  return Math.min(4 * messageBytesMax, messageBytesMax + 262_144)
}

export const POLICY_VIOLATION = 1008
export const MESSAGE_TOO_LONG = 1009
export const TRY_AGAIN_LATER = 1013
export const NO_CLOSE_FRAME = 1006

/** Body of the answer (426) to a request that is no WebSocket handshake. */
export const UPGRADE_REQUIRED_TEXT = 'This port speaks WebSocket only.\n'

/** One spelling for each address: IPv4 behind a dual-stack socket as IPv4, IPv6 in its short form. */
export function normalizeAddress(address: string): string {
  if (!address.includes(':')) return address
  const short = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(short)
  if (mapped === null) return short
  const [high, low] = [Number.parseInt(mapped[1], 16), Number.parseInt(mapped[2], 16)]
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`
}
