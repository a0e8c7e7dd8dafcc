/** A token's name where the token itself must not be: in memory, in messages, in the store's own records. */
import { createHash } from 'node:crypto'
import type { Meaning } from '../types.js'

/** 128 bits of SHA-256, 22 characters of base64url: nobody finds two tokens with one digest, or a token by it. */
export type TokenDigest = Meaning<'TokenDigest'>

const DIGEST_CHARACTERS = 22

export function tokenDigest(token: string): TokenDigest {
  return createHash('sha256').update(token).digest('base64url').slice(0, DIGEST_CHARACTERS)
}
