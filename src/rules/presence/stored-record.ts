/**
 * A user's record as Redis has it: members and scores in one flat list. Scripts return it like this, and the script that
 * records a change publishes it like this.
 */
import type { Claim, PlatformId, Snapshot, UserId, Whereabouts } from '../types.js'

/** Flat: member, score, member, score... A claim's member is `platform@holder`; see `snapshotOf` for the others. */
export type StoredClaims = readonly (string | number)[]

/** `members`: those of the claims, without scores. `union`: those of OpenIM's union. */
export function whereaboutsOf(
  userId: UserId,
  members: readonly string[],
  union: readonly string[],
): Whereabouts {
  const claims = claimsAmong(members)
  return { userId, claims, foreign: foreignAmong(union, claims) }
}

/** The score of `v` is the version; `p` is there while the record is partial. */
export function snapshotOf(
  userId: UserId,
  stored: StoredClaims,
  union: readonly (string | number)[],
): Snapshot {
  const members: string[] = []
  let version = 0
  let isPartial = false
  for (let i = 0; i < stored.length; i += 2) {
    const member = String(stored[i])
    if (member === 'v') version = Number(stored[i + 1])
    else if (member === 'p') isPartial = true
    else members.push(member)
  }
  const claims = claimsAmong(members)
  const snapshot: Snapshot = { userId, version, claims, foreign: foreignAmong(union, claims) }
  if (isPartial) snapshot.isPartial = true
  return snapshot
}

/** In order. What is no claim has no `@`. */
function claimsAmong(members: readonly string[]): Claim[] {
  const claims: Claim[] = []
  for (const member of members) {
    const at = member.indexOf('@')
    if (at > 0) claims.push({ platformId: Number(member.slice(0, at)), holder: member.slice(at + 1) })
  }
  return claims.length < 2 ? claims : claims.sort(byPlatformThenHolder)
}

/** Platforms of the union that no claim explains. */
function foreignAmong(union: readonly (string | number)[], claims: readonly Claim[]): PlatformId[] {
  return union
    .map(Number)
    .filter((id) => Number.isInteger(id) && !claims.some(({ platformId }) => platformId === id))
    .sort((a, b) => a - b)
}

function byPlatformThenHolder(a: Claim, b: Claim): number {
  return a.platformId - b.platformId || (a.holder < b.holder ? -1 : 1)
}
