/** Whether a text may be a token, so that it has no place in a log. */
import { readRefreshToken } from './refresh-tokens.js'

/** A JSON object in base64url begins with `eyJ`. */
const JWT_LOOK = /eyJ[\w-]{10,}/

export function looksLikeToken(text: string): boolean {
  return JWT_LOOK.test(text) || readRefreshToken(text) !== undefined
}
