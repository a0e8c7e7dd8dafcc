/** OpenIM's hash of a list of IDs: a client that has the same list need not get it again. */
import { hashOf } from '../../rules/hash.js'

/** The first eight bytes of the MD5 of the list as JSON, big-endian; 0 = the list is empty. */
export function idHashOf(ids: readonly string[]): bigint {
  if (ids.length === 0) return 0n
  return hashOf('md5', JSON.stringify(ids)).readBigUInt64BE()
}
