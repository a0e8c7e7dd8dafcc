/** OpenIM's platforms and policies (its later patch releases), written down once more: tests must not ask the code. */
import type { Policy } from '../../src/rules/logins/login-policy.js'
import type { PlatformId } from '../../src/rules/types.js'

export const CLASSES: Readonly<Record<PlatformId, string>> = {
  1: 'Mobile',
  2: 'Mobile',
  3: 'PC',
  4: 'PC',
  5: 'Web',
  6: 'MiniWeb',
  7: 'PC',
  8: 'Pad',
  9: 'Pad',
  10: 'Admin',
  11: 'HarmonyOS',
}

export const PLATFORMS: readonly PlatformId[] = Object.keys(CLASSES).map(Number)
export const POLICY_NUMBERS: readonly Policy[] = [0, 1, 4, 5]

/** Whether a login on platform `newcomer` removes one on platform `existing`. */
export function removes(policy: Policy, newcomer: PlatformId, existing: PlatformId): boolean {
  if (policy === 1) return newcomer === existing
  if (policy === 4) return CLASSES[newcomer] === CLASSES[existing]
  if (policy === 5) return CLASSES[newcomer] !== 'PC' && CLASSES[existing] !== 'PC'
  return false
}
