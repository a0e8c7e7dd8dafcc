/**
 * Token rules: which of a user's tokens are kicked when a new one is made.
 *
 * OpenIM's rules, as its main branch corrected them: each token is judged by its own platform, and where one of
 * several stays it is the newest. They are a table of what stays beside the newcomer, by policy and by how a token
 * stands to it.
 */

import type { PlatformRow, PlatformTable } from '../platforms.js'
import type { PlatformId } from '../types.js'
import { isPc, type Policy, type Relation, relationOf } from './login-policy.js'
import { compareIssue, compareText, type Issue, readIssue } from './token-order.js'

/** A token on record. Only such with the state `normal` are good. */
export interface HeldToken {
  platformId: PlatformId
  token: string
  state: string
}

export interface Ruling<T> {
  /** Good ones that have to go; the newcomer never. */
  kick: T[]
  /** Such as have expired, whatever their state: no record is needed to refuse them. */
  forget: T[]
}

export interface TokenRuleSettings {
  policy: Policy
  /** LOGIN_CONFLICT=refuse-new: a new token takes nobody's place, so policy 0 it is. */
  refuseNew: boolean
  /** How many tokens stay on a platform where several may. */
  maxPerPlatform: number
  /**
   * Refresh tokens are on: a device holds the token that it logged in with and the one that follows. Then the newest
   * of a platform is not all that is in use there, so where the newest would stay, up to the maximum do; and the
   * maximum is twice as high, for each of the logins that it counts may have two.
   */
  renewals: boolean
}

/** What stays of a group of tokens. */
type Stay = 'none' | 'newestOfPlatform' | 'newestOfClass' | 'newestBesidePcs' | 'maximum'
type Row = Record<Relation, Stay>

const UP_TO_THE_MAXIMUM: Row = {
  samePlatform: 'maximum',
  sameClass: 'maximum',
  otherClass: 'maximum',
  pc: 'maximum',
}
const ONE_FOR_A_PLATFORM: Row = {
  samePlatform: 'none',
  sameClass: 'newestOfPlatform',
  otherClass: 'newestOfPlatform',
  pc: 'newestOfPlatform',
}
const ONE_FOR_A_CLASS: Row = {
  samePlatform: 'none',
  sameClass: 'none',
  otherClass: 'newestOfClass',
  pc: 'newestOfClass',
}

/** By policy, and by whether the newcomer is a PC. */
const RULES: Record<Policy, { pc: Row; other: Row }> = {
  0: { pc: UP_TO_THE_MAXIMUM, other: UP_TO_THE_MAXIMUM },
  1: { pc: ONE_FOR_A_PLATFORM, other: ONE_FOR_A_PLATFORM },
  4: { pc: ONE_FOR_A_CLASS, other: ONE_FOR_A_CLASS },
  5: {
    pc: { ...UP_TO_THE_MAXIMUM, otherClass: 'newestBesidePcs' },
    other: { samePlatform: 'none', sameClass: 'none', otherClass: 'none', pc: 'maximum' },
  },
}

/** Which one device stays beside PCs, if it is there: OpenIM's choice. */
const PREFERRED: PlatformId = 2

/** An expired token is kept on record for the nodes whose clocks are behind: without its flag it might be good there. */
const EXPIRED_KEPT_S = 300

interface Candidate<T> {
  record: T
  issue: Issue
  stay: Stay
  /** Tokens of one group compete for its places. */
  group: string
}

export class TokenRules {
  readonly #platforms: Map<PlatformId, PlatformRow>
  readonly #rows: { pc: Row; other: Row }
  readonly #maximum: number
  readonly #renewals: boolean

  constructor(settings: TokenRuleSettings, platforms: PlatformTable) {
    this.#platforms = new Map(platforms.all().map((platform) => [platform.id, platform]))
    this.#rows = RULES[settings.refuseNew ? 0 : settings.policy]
    this.#maximum = settings.maxPerPlatform * (settings.renewals ? 2 : 1)
    this.#renewals = settings.renewals
  }

  /**
   * What a newcomer does to the user's tokens; whether it is among them does not matter. All on known platforms.
   * The same tokens give the same ruling in whatever order they come, and nothing is left to do after it was obeyed.
   */
  judge<T extends HeldToken>(
    newcomer: Pick<HeldToken, 'platformId' | 'token'>,
    held: readonly T[],
    nowS: number,
  ): Ruling<T> {
    const others = held
      .filter(({ token }) => token !== newcomer.token)
      .map((record) => ({ record, issue: readIssue(record.token) }))
    const good = others.filter(({ record, issue }) => record.state === 'normal' && issue.expiresAtS > nowS)
    const expired = others.filter(({ issue }) => issue.expiresAtS + EXPIRED_KEPT_S <= nowS)

    const candidates = good.map(({ record, issue }) => this.#candidate(record, issue, newcomer.platformId))
    const taken = new Map([[platformGroup(newcomer.platformId), 1]])
    const kick = candidates.sort(firstToStay).filter(({ stay, group }) => {
      const place = taken.get(group) ?? 0
      taken.set(group, place + 1)
      return place >= this.#places(stay)
    })
    return { kick: kick.map(({ record }) => record), forget: expired.map(({ record }) => record) }
  }

  /** Platforms on which nothing stays beside a newcomer on this one: a device there has to log in anew. */
  clearedBy(platformId: PlatformId): PlatformId[] {
    return [...this.#platforms.keys()].filter((existing) => this.#stay(existing, platformId) === 'none')
  }

  #candidate<T extends HeldToken>(record: T, issue: Issue, newcomer: PlatformId): Candidate<T> {
    const stay = this.#stay(record.platformId, newcomer)
    return { record, issue, stay, group: this.#group(stay, record.platformId) }
  }

  #stay(existingId: PlatformId, newcomerId: PlatformId): Stay {
    const existing = this.#platforms.get(existingId)!
    const newcomer = this.#platforms.get(newcomerId)!
    const stay = this.#rows[isPc(newcomer) ? 'pc' : 'other'][relationOf(existing, newcomer)]
    return this.#renewals && stay !== 'none' ? 'maximum' : stay
  }

  #group(stay: Stay, platformId: PlatformId): string {
    if (stay === 'newestBesidePcs') return 'beside PCs'
    if (stay === 'newestOfClass') return `class ${this.#platforms.get(platformId)!.class}`
    return platformGroup(platformId)
  }

  #places(stay: Stay): number {
    if (stay === 'none') return 0
    return stay === 'maximum' ? this.#maximum : 1
  }
}

function platformGroup(platformId: PlatformId): string {
  return `platform ${platformId}`
}

/** The preferred before the others where there is a preference, then the newest first. */
function firstToStay(a: Candidate<HeldToken>, b: Candidate<HeldToken>): number {
  const preference = Number(isPreferred(b)) - Number(isPreferred(a))
  return preference || compareIssue(b.issue, a.issue) || compareText(b.record.token, a.record.token)
}

function isPreferred({ stay, record }: Candidate<HeldToken>): boolean {
  return stay === 'newestBesidePcs' && record.platformId === PREFERRED
}
