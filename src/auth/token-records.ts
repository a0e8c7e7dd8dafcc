/** What the record of a token means. */
import type { TokenState, UserId } from '../rules/types.js'
import { type TokenFault, tokenStateError } from './tokens.js'

/** Undefined = the token is good. Without `needsRecord` a token has no record until it is kicked. */
export function stateFault(state: TokenState, needsRecord: boolean): TokenFault | undefined {
  return state === 'unknown' && !needsRecord ? undefined : tokenStateError(state)
}

/**
 * Of whom a token that is not on record is bad. `areTokensMadeHere`: HS256; others may be made elsewhere, where nobody
 * records them. OpenIM's own services record none of administrators (3.8.3), so that with OPENIM_COMPAT those of
 * administrators are good until they are kicked.
 */
export function recordRule(
  { areTokensMadeHere, openimCompat }: { areTokensMadeHere: boolean; openimCompat: boolean },
  isAdmin: (userId: UserId) => boolean,
): (userId: UserId) => boolean {
  return (userId) => areTokensMadeHere && !(openimCompat && isAdmin(userId))
}
