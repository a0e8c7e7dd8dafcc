/**
 * OpenIM's tokens: JWTs with HS256, and `UserID` and `PlatformID` spelled exactly so. Nothing here keeps state:
 * what was revoked is the store's to know (`tokenStateError` gives its answer the protocol's words).
 *
 * A token never appears in a result, a message or an error.
 */
import { webcrypto } from 'node:crypto'
import { type CryptoKey, errors, jwtVerify, SignJWT } from 'jose'
import { WireCode, wireErrorText } from '../gateway/wire-errors.js'
import type { PlatformId, UserId } from '../presence/types.js'
import type { TokenState } from '../store/presence-store.js'

/** OpenIM's own are below 300 bytes; more is not worth a signature check. */
export const TOKEN_BYTES_MAX = 4096

/** OpenIM dates tokens back, so that a service whose clock is behind takes them. */
const ISSUED_BEFORE_S = 5
const DAY_S = 86_400

export interface Claims {
  userId: UserId
  platformId: PlatformId
}

/** Why a login or a call is refused, in OpenIM's words. `errDlt` says it to a human. */
export interface TokenFault {
  ok: false
  errCode: WireCode
  errMsg: string
  errDlt: string
}

/** `expiresAtS`: Unix seconds, rounded down. */
export type TokenVerdict = ({ ok: true; expiresAtS: number } & Claims) | TokenFault

/** A secret, ready for use. Made once per thread and kept: to import it anew for each token costs more than to check. */
export type TokenKey = Promise<CryptoKey>

export function tokenKey(secret: string): TokenKey {
  const bytes = new TextEncoder().encode(secret)
  return webcrypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
}

/** A token good from now for `expireDays` days. Two for the same claims in the same second are the same text. */
export async function issueToken(
  claims: Claims,
  options: { key: TokenKey; expireDays: number; nowMs: number },
): Promise<{ token: string; ttlS: number }> {
  const nowS = Math.floor(options.nowMs / 1000)
  const ttlS = options.expireDays * DAY_S
  const token = await new SignJWT({ UserID: claims.userId, PlatformID: claims.platformId })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(nowS - ISSUED_BEFORE_S)
    .setExpirationTime(nowS + ttlS)
    .sign(await options.key)
  return { token, ttlS }
}

/**
 * Check signature, times and claims; not whether the token was revoked.
 *
 *   1503  not a JWT, longer than TOKEN_BYTES_MAX, or a claim of the wrong type (OpenIM's decoder says so too)
 *   1505  another algorithm than HS256, whatever its name, or a signature that does not fit
 *   1501  expired      1504  not valid yet
 *   1502  `UserID`, `PlatformID` or `exp` missing or out of range. OpenIM takes tokens without `exp`; they would
 *         live for ever, and no OpenIM service makes them
 *
 * An `iat` in the future is no fault: clocks of nodes differ, and it bounds nothing.
 */
export async function verifyToken(
  token: string,
  options: { key: TokenKey; nowMs: number },
): Promise<TokenVerdict> {
  if (token.length > TOKEN_BYTES_MAX) return fault(WireCode.TokenMalformedError, 'the token is too long')
  let payload: Record<string, unknown>
  try {
    const currentDate = new Date(options.nowMs)
    payload = (await jwtVerify(token, await options.key, { algorithms: ['HS256'], currentDate })).payload
  } catch (error) {
    return faultOf(error)
  }
  const { UserID: userId, PlatformID: platformId, exp } = payload
  if (exp === undefined) return fault(WireCode.TokenInvalidError, 'the token has no exp')
  if (userId === undefined || userId === '')
    return fault(WireCode.TokenInvalidError, 'the token has no UserID')
  if (platformId === undefined) return fault(WireCode.TokenInvalidError, 'the token has no PlatformID')
  // JSON's 1e999 reads as Infinity, which would be a token without end.
  if (!Number.isFinite(exp)) return fault(WireCode.TokenMalformedError, 'exp is not a number')
  if (typeof userId !== 'string') return fault(WireCode.TokenMalformedError, 'UserID is not a string')
  if (!Number.isSafeInteger(platformId))
    return fault(WireCode.TokenMalformedError, 'PlatformID is not a whole number')
  if ((platformId as number) < 1) return fault(WireCode.TokenInvalidError, 'PlatformID is out of range')
  return { ok: true, userId, platformId: platformId as number, expiresAtS: Math.floor(exp as number) }
}

/** What the store's answer about a token means; undefined = the token is good. */
export function tokenStateError(state: TokenState): TokenFault | undefined {
  switch (state) {
    case 'normal':
      return undefined
    case 'kicked':
      return fault(WireCode.TokenKickedError, 'the token was revoked by another login')
    case 'unknown':
      return fault(WireCode.TokenNotExistError, 'the token is not on record')
    default:
      return fault(WireCode.TokenUnknownError, 'the token is no longer valid')
  }
}

/** Whether a token was made for the user and platform that come with it; undefined = it was. */
export function checkLogin(claims: Claims, sendId: string, platformId: number): TokenFault | undefined {
  if (claims.userId !== sendId) return fault(WireCode.TokenInvalidError, 'the token is of another user')
  if (claims.platformId !== platformId)
    return fault(WireCode.TokenInvalidError, 'the token is for another platform')
  return undefined
}

/** Tokens of administrators are kept nowhere: do not ask the store about them. */
export function adminCheck(adminUserIds: readonly UserId[]): (userId: UserId) => boolean {
  const admins = new Set(adminUserIds)
  return (userId) => admins.has(userId)
}

function fault(errCode: WireCode, errDlt: string): TokenFault {
  return { ok: false, errCode, errMsg: wireErrorText(errCode), errDlt }
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return fault(WireCode.TokenExpiredError, 'the token has expired')
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'check_failed')
      return fault(WireCode.TokenNotValidYetError, 'the token is not valid yet')
    return fault(WireCode.TokenMalformedError, `${error.claim} is not a number`)
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return fault(WireCode.TokenMalformedError, 'the token is not a JWT')
  }
  // Another algorithm, an unknown critical header, or a signature that does not fit: one answer for all.
  return fault(WireCode.TokenUnknownError, 'the token is not signed as it should be')
}
