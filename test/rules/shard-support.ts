/** Small helpers for tests of a shard's sub-machines: what they pushed, by kind. */
import { OPENIM_PLATFORMS, Platform } from '../../src/openim/platforms.js'
import { LoginPolicy, type Policy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { Login } from '../../src/rules/presence/roster.js'
import type { Effect } from '../../src/rules/shard/effects.js'
import type { PlatformId } from '../../src/rules/types.js'

export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>

/** What was pushed since the last look. */
export class Decided {
  readonly out: Effect[] = []

  take(): Effect[] {
    return this.out.splice(0)
  }

  /** Only those of one kind; the others are dropped. */
  takeOf<K extends Effect['kind']>(kind: K): EffectOf<K>[] {
    return this.take().filter((effect): effect is EffectOf<K> => effect.kind === kind)
  }
}

export function policyOf(policy: Policy): LoginPolicy {
  return new LoginPolicy(policy, new PlatformTable(OPENIM_PLATFORMS))
}

export function login(key: number, token = `token-${key}`, platformId: PlatformId = Platform.Android): Login {
  return { key, platformId, background: false, thread: 0, token, seat: undefined }
}
