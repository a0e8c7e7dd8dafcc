/** How both transports let go of a peer. */

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
