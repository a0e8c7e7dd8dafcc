/**
 * Many clients of one process get the same bytes one after another when one user comes or goes: they are decoded once.
 * Whoever calls it shares what comes back, and leaves it as it is.
 */
export function decodedOnce<T>(decode: (payload: Buffer) => T): (payload: Buffer) => T {
  let last: { payload: Buffer; decoded: T } | undefined
  return (payload) => {
    if (last === undefined || !last.payload.equals(payload)) last = { payload, decoded: decode(payload) }
    return last.decoded
  }
}
