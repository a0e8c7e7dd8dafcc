/** Tokens of a virtual world: a token is its own claims, and nobody signs it. */

import { type TokenVerdict, tokenExpiredError } from '../../src/auth/tokens.js'
import type { NewToken } from '../../src/services/token-service.js'

export function spellToken(
  { userId, platformId, issuedAtS, jti }: NewToken,
  nowMs: number,
  ttlS: number,
): string {
  const claims = {
    UserID: userId,
    PlatformID: platformId,
    exp: Math.floor(nowMs / 1_000) + ttlS,
    iat: issuedAtS,
    jti,
  }
  return `virtual.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
}

export function readToken(token: string, nowMs: number): TokenVerdict {
  const {
    UserID: userId,
    PlatformID: platformId,
    exp,
  } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
  if (exp * 1_000 <= nowMs) return tokenExpiredError()
  return { ok: true, userId, platformId, expiresAtS: exp }
}
