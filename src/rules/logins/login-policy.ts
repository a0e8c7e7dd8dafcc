/**
 * Login policies: which of a user's other logins a new one removes.
 *
 * Numbers and meaning are OpenIM's (its later patch releases). Which platforms conflict is a table, worked out once from
 * the platforms' classes. Whether the new or the old login stays is LOGIN_CONFLICT's to say, not decided here.
 */
import type { PlatformRow, PlatformTable } from '../platforms.js'
import type { PlatformId } from '../types.js'

/** 0 nobody, 1 the same platform, 4 the same class, 5 all but PCs (a PC removes nobody). */
export const POLICIES = [0, 1, 4, 5] as const
export type Policy = (typeof POLICIES)[number]

/** How an existing login stands to the newcomer. `pc`: a PC, where the newcomer is none. */
export type Relation = 'samePlatform' | 'sameClass' | 'otherClass' | 'pc'

const PC = 'PC'

/** What a newcomer removes, by policy and by whether the newcomer is a PC. */
const REMOVES: Record<Policy, { pc: readonly Relation[]; other: readonly Relation[] }> = {
  0: { pc: [], other: [] },
  1: { pc: ['samePlatform'], other: ['samePlatform'] },
  4: { pc: ['samePlatform', 'sameClass'], other: ['samePlatform', 'sameClass'] },
  5: { pc: [], other: ['samePlatform', 'sameClass', 'otherClass'] },
}

export class LoginPolicy {
  readonly #removed = new Map<PlatformId, readonly PlatformId[]>()

  constructor(
    readonly policy: Policy,
    platforms: PlatformTable,
  ) {
    const all = platforms.all()
    for (const newcomer of all) {
      const removes = REMOVES[policy][isPc(newcomer) ? 'pc' : 'other']
      const removed = all.filter((existing) => removes.includes(relationOf(existing, newcomer)))
      this.#removed.set(
        newcomer.id,
        removed.map(({ id }) => id),
      )
    }
  }

  /** Platforms whose logins a login on this platform removes, its own among them if it does; ascending is not given. */
  removedBy(platformId: PlatformId): readonly PlatformId[] {
    return this.#removed.get(platformId) ?? []
  }
}

export function relationOf(existing: PlatformRow, newcomer: PlatformRow): Relation {
  if (existing.id === newcomer.id) return 'samePlatform'
  if (existing.class === newcomer.class) return 'sameClass'
  return isPc(existing) ? 'pc' : 'otherClass'
}

export function isPc(platform: PlatformRow): boolean {
  return platform.class === PC
}
