/**
 * OpenIM's tokens: JWTs with the claims `UserID` and `PlatformID`; OpenIM's own are signed with HS256. Nothing here
 * keeps state: the store knows which tokens were revoked (`tokenStateError` turns its answer into an error of OpenIM).
 *
 * A token never appears in a result, a message or an error.
 */
import type { KeyObject } from 'node:crypto'
import { type CryptoKey, errors, type JWSHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { WireCode, wireErrorText } from '../openim/codes.js'
import type { Place } from '../rules/logins/token-order.js'
import type { PlatformId, TokenState, UserId } from '../rules/types.js'
import { canonicalToken } from './canonical-token.js'
import type { TokenKeys } from './keys.js'
import { isUsualSecretToken, openSecretToken } from './secret-token.js'

/** OpenIM's own are below 300 bytes; more is not worth a signature check. */
export const TOKEN_BYTES_MAX = 4096

/**
 * Clocks of servers that make tokens may be ahead by so much: the leeway for `nbf`. `exp` has none.
 */
export const CLOCK_LEEWAY_S = 15

/** The end of the year 9999. A later `exp` is in milliseconds by mistake; such a token would never end. */
const EXP_S_MAX = 253_402_300_799

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

/** `errDlt` never holds a token or a secret. */
export function tokenFault(errCode: WireCode, errDlt: string): TokenFault {
  return { ok: false, errCode, errMsg: wireErrorText(errCode), errDlt }
}

/** `expiresAtS`: Unix seconds, rounded down. */
export type TokenVerdict = ({ ok: true; expiresAtS: number } & Claims) | TokenFault

/**
 * Sign a token that is good for `ttlS` seconds. `issuedAtS` and `jti` order the user's tokens by age. OpenIM's own tokens
 * have no `jti`: two that are made in one second are the same text, and revoking one revokes the other. Rejects unless
 * `keys.canSign`.
 */
export async function issueToken(
  { userId, platformId, issuedAtS, jti }: Claims & Place,
  options: { keys: TokenKeys; ttlS: number; nowMs: number },
): Promise<string> {
  const { keys, ttlS, nowMs } = options
  const unsigned = new SignJWT({ UserID: userId, PlatformID: platformId })
    .setIssuedAt(issuedAtS)
    .setExpirationTime(Math.floor(nowMs / 1000) + ttlS)
    .setJti(jti)
  return canonicalToken(await keys.sign(unsigned), keys.algorithm)
}

/**
 * Check signature, times and claims; not whether the token was revoked. Synchronous for the usual tokens, signed with a
 * secret; others wait for a library.
 *
 *   1503  not a JWT, longer than TOKEN_BYTES_MAX, or a claim of the wrong type (OpenIM's decoder says so too)
 *   1505  another algorithm than that of the keys, whatever its name; no key by its `kid`; or a signature that does
 *         not fit. One answer for all: it helps nobody to find out which
 *   1501  expired      1504  not valid yet, by more than CLOCK_LEEWAY_S
 *   1502  `UserID`, `PlatformID` or `exp` missing or out of range. OpenIM takes tokens without `exp`; they would
 *         live for ever, and no OpenIM service makes them
 *
 * An `iat` in the future is no fault: clocks of nodes differ, and it bounds nothing. No key is asked for before the
 * length and the algorithm are right.
 *
 * Tokens are revoked by their text, so only one spelling of a token is accepted: another spelling of a revoked token
 * would be a token that nobody revoked. ES256 signatures have two forms: callers pass the canonical one
 * (`canonicalToken`).
 */
export function verifyToken(
  token: string,
  options: { keys: TokenKeys; nowMs: number },
): TokenVerdict | Promise<TokenVerdict> {
  const { keys, nowMs } = options
  if (token.length > TOKEN_BYTES_MAX) return tokenFault(WireCode.TokenMalformedError, 'the token is too long')
  if (!isSignatureCanonical(token)) return tokenFault(WireCode.TokenMalformedError, 'the token is not a JWT')
  const { mac } = keys
  if (mac === undefined || !isUsualSecretToken(token)) {
    return openToken(token, keys, nowMs).then((payload) => verdictOn(payload, nowMs), faultOf)
  }
  try {
    return verdictOn(openSecretToken(token, mac, nowMs, CLOCK_LEEWAY_S), nowMs)
  } catch (error) {
    return faultOf(error)
  }
}

/** Check the claims of a token; its signature is right. */
function verdictOn(payload: Readonly<Record<string, unknown>>, nowMs: number): TokenVerdict {
  const { UserID: userId, PlatformID: platformId, exp } = payload
  if (exp === undefined) return tokenFault(WireCode.TokenInvalidError, 'the token has no exp')
  if (userId === undefined || userId === '')
    return tokenFault(WireCode.TokenInvalidError, 'the token has no UserID')
  if (platformId === undefined) return tokenFault(WireCode.TokenInvalidError, 'the token has no PlatformID')
  // JSON's 1e999 reads as Infinity.
  if (!Number.isFinite(exp)) return tokenFault(WireCode.TokenMalformedError, 'exp is not a number')
  if ((exp as number) > EXP_S_MAX) return tokenFault(WireCode.TokenInvalidError, 'exp is out of range')
  if (typeof userId !== 'string') return tokenFault(WireCode.TokenMalformedError, 'UserID is not a string')
  if (!Number.isSafeInteger(platformId))
    return tokenFault(WireCode.TokenMalformedError, 'PlatformID is not a whole number')
  if ((platformId as number) < 1) return tokenFault(WireCode.TokenInvalidError, 'PlatformID is out of range')
  const expiresAtS = Math.floor(exp as number)
  // JWTs may have an exp between two seconds: such a token ends with the earlier one, here as everywhere else.
  if (expiresAtS * 1000 <= nowMs) return tokenExpiredError()
  return { ok: true, userId, platformId: platformId as number, expiresAtS }
}

/**
 * Whether the signature is spelled as an encoder does it. Decoders pass over blanks, padding and the last
 * character's spare bits. Header and payload are signed as they are spelled.
 */
function isSignatureCanonical(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

async function openToken(token: string, keys: TokenKeys, nowMs: number): Promise<JWTPayload> {
  const rules = { algorithms: [keys.algorithm], currentDate: new Date(nowMs), clockTolerance: CLOCK_LEEWAY_S }
  const key = (header: JWSHeaderParameters) => keyFor(keys, header.kid)
  return (await jwtVerify(token, key, rules)).payload
}

async function keyFor(keys: TokenKeys, kid: unknown): Promise<CryptoKey | KeyObject> {
  const key = await keys.keyFor(kid)
  if (key === undefined) throw new errors.JWKSNoMatchingKey()
  return key
}

export function tokenExpiredError(): TokenFault {
  return tokenFault(WireCode.TokenExpiredError, 'the token has expired')
}

/** The error for a token in this state; undefined = the token is good. */
export function tokenStateError(state: TokenState): TokenFault | undefined {
  switch (state) {
    case 'normal':
      return undefined
    case 'kicked':
      return tokenFault(WireCode.TokenKickedError, 'the token was revoked: by another login, or by hand')
    case 'unknown':
      return tokenFault(WireCode.TokenNotExistError, 'the token is not on record')
    default:
      return tokenFault(WireCode.TokenUnknownError, 'the token is no longer valid')
  }
}

/** The error where a login names another user or platform than its token; undefined = they agree. */
export function checkLogin(claims: Claims, sendId: string, platformId: number): TokenFault | undefined {
  if (claims.userId !== sendId) return tokenFault(WireCode.TokenInvalidError, 'the token is of another user')
  if (claims.platformId !== platformId)
    return tokenFault(WireCode.TokenInvalidError, 'the token is for another platform')
  return undefined
}

/** `adminUserIds`: the setting ADMIN_USER_IDS. */
export function adminCheck(adminUserIds: readonly UserId[]): (userId: UserId) => boolean {
  const admins = new Set(adminUserIds)
  return (userId) => admins.has(userId)
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return tokenExpiredError()
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'check_failed')
      return tokenFault(WireCode.TokenNotValidYetError, 'the token is not valid yet')
    return tokenFault(WireCode.TokenMalformedError, `${error.claim} is not a number`)
  }
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) {
    return tokenFault(WireCode.TokenMalformedError, 'the token is not a JWT')
  }
  // Another algorithm, an unknown key or critical header, or a signature that does not fit: one answer for all.
  return tokenFault(WireCode.TokenUnknownError, 'the signature of the token does not match')
}
