/** Hashes of short texts. */
import * as crypto from 'node:crypto'

type Algorithm = 'sha256' | 'md5'
type HashAtOnce = (algorithm: Algorithm, text: string, encoding: 'buffer') => Buffer

/** Since Node 20.12: without an object for each hash, which costs as much as the hash. */
const hashAtOnce = (crypto as { hash?: HashAtOnce }).hash

export function hashOf(algorithm: Algorithm, text: string): Buffer {
  if (hashAtOnce === undefined) return crypto.createHash(algorithm).update(text).digest()
  return hashAtOnce(algorithm, text, 'buffer')
}
