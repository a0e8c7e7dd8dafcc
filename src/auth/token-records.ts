/** What the record of a token means. */
import type { TokenState, UserId } from '../rules/types.js'
import { type TokenFault, tokenStateError } from './tokens.js'

/** Undefined = the token is good. Without `needsRecord` a token has no record until it is kicked. */
export function stateFault(state: TokenState, needsRecord: boolean): TokenFault | undefined {
  return state === 'unknown' && !needsRecord ? undefined : tokenStateError(state)
}

/**
 * For which users a token must be on record to be good. `areTokensMadeHere`: HS256; other tokens may be made by servers
 * that record nothing. OpenIM's own services do not record the tokens of administrators (3.8.3), so with OPENIM_COMPAT
 * those are good until they are kicked.
 */
export function recordRule(
  { areTokensMadeHere, openimCompat }: { areTokensMadeHere: boolean; openimCompat: boolean },
  isAdmin: (userId: UserId) => boolean,
): (userId: UserId) => boolean {
  return (userId) => areTokensMadeHere && !(openimCompat && isAdmin(userId))
}
