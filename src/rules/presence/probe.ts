/**
 * A connection of a device that has logged in again is asked, by a ping, whether it is still there.
 *
 * A browser with two tabs has two live connections of one token; a phone that changed its network has left one half
 * open. Only an answer tells them apart.
 */

/**
 * How long to wait for the first look at whether an answer has come, the second and the last, ms. The first finds the
 * usual answers; the sum bears a slow link. That it takes several also protects clients of a process that stood still:
 * what came meanwhile is read before the next look.
 */
export const PROBE_LOOKS_MS: readonly number[] = [100, 900, 3_000]

/** How long a probe takes at most, ms. */
export const PROBE_MS = PROBE_LOOKS_MS.reduce((sum, ms) => sum + ms, 0)
