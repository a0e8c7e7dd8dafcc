/** OpenIM's hash of a list of IDs: a client that has the same list need not get it again. */
import { createHash } from 'node:crypto'

/** The first eight bytes of the MD5 of the list as JSON, big-endian; 0 = the list is empty. */
export function idHashOf(ids: readonly string[]): bigint {
  if (ids.length === 0) return 0n
  return createHash('md5').update(JSON.stringify(ids)).digest().readBigUInt64BE()
}
