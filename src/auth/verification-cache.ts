/**
 * Good verdicts on tokens, by digest: a client that comes back with the same token is not checked again.
 *
 * Bounded by `max` verdicts, the least recently used of which goes first; verifications under way are bounded by their
 * callers. Digests are kept, never tokens. Refusals are not kept: there is no end of bad tokens, and they would push
 * the good ones out.
 */

import type { TokenDigest } from '../rules/logins/token-digest.js'
import { RecentMap } from '../rules/recent-map.js'
import type { TokenKeys } from './keys.js'
import { type TokenVerdict, tokenExpiredError } from './tokens.js'

type GoodVerdict = Extract<TokenVerdict, { ok: true }>

export interface VerificationCacheOptions {
  max: number
  /** When these change, every verdict is void. */
  keys: Pick<TokenKeys, 'generation' | 'refresh'>
  verify(token: string): TokenVerdict | Promise<TokenVerdict>
  nowMs(): number
}

export class VerificationCache {
  readonly #options: VerificationCacheOptions
  readonly #good: RecentMap<TokenDigest, Readonly<GoodVerdict>>
  readonly #underWay = new Map<TokenDigest, Promise<TokenVerdict>>()
  #generation: number

  constructor(options: VerificationCacheOptions) {
    this.#options = options
    this.#good = new RecentMap(options.max)
    this.#generation = options.keys.generation
  }

  /** Verdicts that are kept. */
  get size(): number {
    return this.#good.size
  }

  /**
   * The verdict on a token, at once if it is known or `verify` has it at once. Calls that come while it is being worked
   * out share it. Rejects as `verify` does, and then nothing is kept. A token whose `exp` is reached has expired (1501),
   * cached or not.
   */
  verify(token: string, digest: TokenDigest): TokenVerdict | Promise<TokenVerdict> {
    const looking = this.#options.keys.refresh()
    if (looking !== undefined) return looking.then(() => this.verify(token, digest))
    this.#dropIfKeysChanged()
    const known = this.#good.get(digest)
    if (known === undefined) return this.#underWay.get(digest) ?? this.#verifyAnew(token, digest)
    if (known.expiresAtS * 1000 <= this.#options.nowMs()) {
      this.#good.delete(digest)
      return tokenExpiredError()
    }
    this.#good.set(digest, known)
    return known
  }

  /** Forget everything. Verdicts under way still reach their callers, and no later one. */
  clear(): void {
    this.#good.clear()
    this.#underWay.clear()
  }

  #verifyAnew(token: string, digest: TokenDigest): TokenVerdict | Promise<TokenVerdict> {
    const verifying = this.#options.verify(token)
    if (!(verifying instanceof Promise)) {
      if (verifying.ok) this.#keep(digest, verifying)
      return verifying
    }
    const underWay = verifying
      .then((verdict) => {
        this.#dropIfKeysChanged()
        const isCurrent = this.#underWay.get(digest) === underWay
        if (isCurrent && verdict.ok) this.#keep(digest, verdict)
        return verdict
      })
      .finally(() => {
        if (this.#underWay.get(digest) === underWay) this.#underWay.delete(digest)
      })
    this.#underWay.set(digest, underWay)
    return underWay
  }

  #keep(digest: TokenDigest, verdict: GoodVerdict): void {
    // Frozen, because every caller gets this very object.
    this.#good.set(digest, Object.freeze(verdict))
  }

  #dropIfKeysChanged(): void {
    const { generation } = this.#options.keys
    if (generation === this.#generation) return
    this.#generation = generation
    this.clear()
  }
}
