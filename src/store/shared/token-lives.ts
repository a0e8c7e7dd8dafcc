/** How long stores remember what stands beside tokens. */

/** A node that asked about a token hears of its kick for this long at least. */
export const RELIANCE_S = 3_600

/** Reliance is recorded for longer than promised: most logins find enough of it left, and write nothing. */
export const RELIANCE_RECORDED_S = 2 * RELIANCE_S

/** How long a login that vouched for a token is remembered: longer than any kick is on its way. */
export const VOUCH_S = 86_400

/** A life as whole seconds, at least one: an expiry of 0 would erase what is about to be written. */
export function lifeOf(ttlS: number): number {
  return Math.max(1, Math.ceil(ttlS))
}
