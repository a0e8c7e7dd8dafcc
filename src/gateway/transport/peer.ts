/** How both transports let go of a peer. */

/** How long a socket may take to let its last bytes leave, after `drop` or `end`, before it is cut. */
export const FLUSH_MS_MAX = 4_000

/**
 * Frames may be this many times longer than the limit before the library itself cuts the connection; between the
 * two the transport closes with 1009, which the peer can read.
 */
export const HARD_LIMIT_FACTOR = 4

export const MESSAGE_TOO_LONG = 1009
export const TRY_AGAIN_LATER = 1013
export const NO_CLOSE_FRAME = 1006
