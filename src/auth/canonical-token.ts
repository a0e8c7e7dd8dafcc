/**
 * One text for one token. Where (r, s) is an ES256 signature, (r, n - s) is one too, so that a client with a token
 * can write a second text of it, which nobody has kicked. Tokens are known by their text: everyone who takes one in
 * takes its canonical form, the one with the smaller s.
 */
import type { TokenAlgorithm } from './keys.js'

/** The order of P-256 (FIPS 186-4, D.1.2.3). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const SCALAR_BYTES = 32

/** The token itself where its algorithm leaves it one text, and where it is none of this algorithm's. Never throws. */
export function canonicalToken(token: string, algorithm: TokenAlgorithm): string {
  if (algorithm !== 'ES256') return token
  const at = token.lastIndexOf('.') + 1
  const spelling = token.slice(at)
  const signature = Buffer.from(spelling, 'base64url')
  // The verifier refuses another spelling of the same bytes: it must not become a good one here.
  if (signature.length !== 2 * SCALAR_BYTES || signature.toString('base64url') !== spelling) return token
  const s = BigInt(`0x${signature.toString('hex', SCALAR_BYTES)}`)
  if (s <= ORDER / 2n || s >= ORDER) return token
  signature.write((ORDER - s).toString(16).padStart(2 * SCALAR_BYTES, '0'), SCALAR_BYTES, 'hex')
  return token.slice(0, at) + signature.toString('base64url')
}
