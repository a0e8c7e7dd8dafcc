/**
 * The tokens of the embedded store: their states, who kicked and who vouched for them, which nodes rely on them, and
 * refresh tokens. The rules are those of the scripts of the Redis store (`redis/include/token-side.lua`).
 *
 * All of it is in memory. What must outlive the process stands in a journal too: a promise here resolves when it is
 * safe there, while the change itself is seen at once. Vouchers and reliance need no journal: the connections and
 * the caches that they are about end with the process.
 */

import { StoreUnavailableError } from '../../errors/errors.js'
import { holderOf, splitHolder } from '../../rules/cluster/holder.js'
import { ADMIN_KICK } from '../../rules/logins/eviction.js'
import { type TokenDigest, tokenDigest } from '../../rules/logins/token-digest.js'
import type { Holder, LoginNumber, PlatformId, TokenRecord, TokenState, UserId } from '../../rules/types.js'
import { lifeOf, RELIANCE_RECORDED_S, RELIANCE_S, VOUCH_S } from '../shared/token-lives.js'

/** Users looked at for each write. More than one, so that the sweep overtakes the growth. */
const SWEPT_PER_WRITE = 3

/** What outlives the process of one user's tokens on one platform. Plain data; times in Unix s. */
export interface StoredTokens {
  /** Version of this form. */
  v: 1
  endsS: number
  tokens: [token: string, state: TokenState][]
  kicks: [token: TokenDigest, by: LoginNumber, endsS: number, before: TokenState][]
  refreshes: [token: TokenDigest, endsS: number][]
}

/** Where records outlive the process. Keys are `<userID>:<platform>`. */
export interface TokenJournal {
  load(): Iterable<[key: string, record: StoredTokens]>
  /** Undefined = there is nothing to keep any more. In the order of the calls; resolves once it is safe. */
  put(key: string, record: StoredTokens | undefined): Promise<void>
  /** Waits for what was put. */
  close(): Promise<void>
}

interface Kick {
  by: LoginNumber
  endsS: number
  /** Of the token; `unknown` = it was not on record. */
  before: TokenState
}

/** Of one user on one platform. */
interface TokenSet {
  states: Map<string, TokenState>
  /** Of all states: as in OpenIM's hash they live and end together. */
  statesEndS: number
  kicks: Map<TokenDigest, Kick>
  vouchers: Map<TokenDigest, { login: LoginNumber; endsS: number }>
  /** Node -> which of its incarnations relies on one of the tokens, and until when. */
  relying: Map<string, { epoch: number; endsS: number }>
  refreshes: Map<TokenDigest, number>
  /** The journal has something of it. */
  isStored: boolean
}

/** What a kick did. */
interface Kicked {
  /** Without those that a later login has vouched for. */
  tokens: TokenDigest[]
  /** Nodes that have to hear of it. */
  relying: Holder[]
  saved: Promise<void>
}

export class TokenRecords {
  readonly #nowMs: () => number
  readonly #wallMs: () => number
  readonly #openJournal: (() => TokenJournal) | undefined
  readonly #users = new Map<UserId, Map<PlatformId, TokenSet>>()
  #journal: TokenJournal | undefined
  /** What the journal did not take: put again with `saveAgain`. */
  readonly #unsaved = new Map<string, { userId: UserId; platformId: PlatformId }>()
  #diskFault: string | undefined
  #sweep: Iterator<[UserId, Map<PlatformId, TokenSet>]> | undefined

  /**
   * `nowMs`: ms of a clock that only rises, by which all lives are measured. `wallMs`: Unix ms, in which the journal
   * has them. Without `openJournal` everything ends with the process.
   */
  constructor(nowMs: () => number, openJournal?: () => TokenJournal, wallMs: () => number = nowMs) {
    this.#nowMs = nowMs
    this.#wallMs = wallMs
    this.#openJournal = openJournal
  }

  /** Open the journal, unless it is, and read it. Throws what opening throws. */
  open(): void {
    if (this.#journal || !this.#openJournal) return
    const journal = this.#openJournal()
    try {
      for (const [key, record] of journal.load()) {
        const at = key.lastIndexOf(':')
        this.#platformsOf(key.slice(0, at)).set(Number(key.slice(at + 1)), setFrom(record, -this.#aheadS()))
      }
    } catch (error) {
      journal.close().catch(() => {})
      throw error
    }
    this.#journal = journal
    for (const [userId, platforms] of this.#users) this.#clear(userId, platforms)
  }

  /** Why the journal did not take the last write, in words; undefined = it did. */
  get diskFault(): string | undefined {
    return this.#diskFault
  }

  /** Put again what the journal did not take. Ends at the first failure. Never rejects. */
  async saveAgain(): Promise<void> {
    for (const { userId, platformId } of this.#unsaved.values()) {
      try {
        await this.#save(userId, platformId, this.#set(userId, platformId))
      } catch {
        return
      }
    }
  }

  async close(): Promise<void> {
    const journal = this.#journal
    this.#journal = undefined
    await journal?.close()
  }

  /** And the holder relies on it from now on. */
  state(userId: UserId, platformId: PlatformId, token: string, holder: Holder): TokenState {
    this.sweep()
    const set = this.#set(userId, platformId)
    this.#rely(set, holder)
    return set.states.get(token) ?? 'unknown'
  }

  #rely({ relying }: TokenSet, holder: Holder): void {
    const nowS = this.#nowS()
    const { nodeId, epoch } = splitHolder(holder)
    const known = relying.get(nodeId)
    // Kicks go to the node's latest incarnation, even where an earlier one asked.
    if (known && epoch <= known.epoch && known.endsS - nowS >= RELIANCE_S) return
    const latest = Math.max(epoch, known?.epoch ?? 0)
    relying.set(nodeId, { epoch: latest, endsS: nowS + RELIANCE_RECORDED_S })
  }

  kickedBy(userId: UserId, platformId: PlatformId, token: string): LoginNumber {
    return this.#set(userId, platformId).kicks.get(tokenDigest(token))?.by ?? ADMIN_KICK
  }

  all(userId: UserId): TokenRecord[] {
    const records: TokenRecord[] = []
    for (const [platformId, set] of this.#users.get(userId) ?? []) {
      this.#tidy(set)
      for (const [token, state] of set.states) records.push({ platformId, token, state })
    }
    return records
  }

  /** Set a token's state. The life of the user's tokens on that platform is prolonged to `ttlS`, never cut. */
  set(userId: UserId, platformId: PlatformId, token: string, state: TokenState, ttlS: number): Promise<void> {
    this.sweep()
    const set = this.#set(userId, platformId)
    set.states.set(token, state)
    set.kicks.delete(tokenDigest(token))
    set.statesEndS = Math.max(set.statesEndS, this.#nowS() + lifeOf(ttlS))
    return this.#save(userId, platformId, set)
  }

  kick(userId: UserId, platformId: PlatformId, tokens: string[], by: LoginNumber, ttlS: number): Kicked {
    this.sweep()
    const set = this.#set(userId, platformId)
    const endsS = this.#nowS() + lifeOf(ttlS)
    const flagged: TokenDigest[] = []
    for (const token of tokens) {
      const digest = tokenDigest(token)
      if ((set.vouchers.get(digest)?.login ?? -1) > by) continue
      flagged.push(digest)
      const before = set.states.get(token) ?? 'unknown'
      const kick = set.kicks.get(digest)
      // Another kick of the same token only raises the number, and one that came without a number gets none.
      if (before !== 'kicked') set.kicks.set(digest, { by, endsS, before })
      else if (kick && kick.by < by) set.kicks.set(digest, { by, endsS, before: kick.before })
      set.states.set(token, 'kicked')
    }
    if (flagged.length === 0) return { tokens: [], relying: [], saved: Promise.resolve() }
    set.statesEndS = Math.max(set.statesEndS, endsS)
    return {
      tokens: flagged,
      relying: [...set.relying].map(([nodeId, { epoch }]) => holderOf(nodeId, epoch)),
      saved: this.#save(userId, platformId, set),
    }
  }

  async vouch(userId: UserId, platformId: PlatformId, token: string, login: LoginNumber): Promise<void> {
    this.sweep()
    const set = this.#set(userId, platformId)
    const digest = tokenDigest(token)
    if ((set.vouchers.get(digest)?.login ?? -1) < login) {
      set.vouchers.set(digest, { login, endsS: this.#nowS() + VOUCH_S })
    }
    const kick = set.kicks.get(digest)
    if (set.states.get(token) !== 'kicked' || !kick || kick.by >= login) return
    if (kick.before === 'unknown') takeOff(set, token)
    else set.states.set(token, kick.before)
    set.kicks.delete(digest)
    await this.#save(userId, platformId, set)
  }

  async forget(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    const set = this.#set(userId, platformId)
    const known = tokens.filter((token) => takeOff(set, token))
    if (known.length > 0) await this.#save(userId, platformId, set)
  }

  rememberRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest, ttlS: number): Promise<void> {
    this.sweep()
    const set = this.#set(userId, platformId)
    set.refreshes.set(refresh, this.#nowS() + lifeOf(ttlS))
    return this.#save(userId, platformId, set)
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean> {
    const set = this.#set(userId, platformId)
    if (!set.refreshes.delete(refresh)) return false
    await this.#save(userId, platformId, set)
    return true
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    const set = this.#set(userId, platformId)
    if (set.refreshes.size === 0) return
    set.refreshes.clear()
    await this.#save(userId, platformId, set)
  }

  /** How many users are held, expired ones that no sweep has met yet included. */
  get size(): number {
    return this.#users.size
  }

  /** Look at a few users, and forget what has expired of them. */
  sweep(): void {
    this.#sweep ??= this.#users.entries()
    for (let i = 0; i < SWEPT_PER_WRITE; i++) {
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = this.#users.entries()
        continue
      }
      this.#clear(...next.value)
    }
  }

  #nowS(): number {
    return Math.floor(this.#nowMs() / 1000)
  }

  /** How far the wall clock is ahead of ours, in whole seconds. */
  #aheadS(): number {
    return Math.round((this.#wallMs() - this.#nowMs()) / 1000)
  }

  #platformsOf(userId: UserId): Map<PlatformId, TokenSet> {
    let platforms = this.#users.get(userId)
    if (!platforms) {
      platforms = new Map()
      this.#users.set(userId, platforms)
    }
    return platforms
  }

  /** Without what has expired; made where there is none, for a sweep to clear if it stays empty. */
  #set(userId: UserId, platformId: PlatformId): TokenSet {
    const platforms = this.#platformsOf(userId)
    let set = platforms.get(platformId)
    if (!set) {
      set = { ...setFrom({ v: 1, endsS: 0, tokens: [], kicks: [], refreshes: [] }, 0), isStored: false }
      platforms.set(platformId, set)
    }
    this.#tidy(set)
    return set
  }

  /** Forget what has expired of a user. */
  #clear(userId: UserId, platforms: Map<PlatformId, TokenSet>): void {
    for (const [platformId, set] of platforms) {
      this.#tidy(set)
      // Nobody waits: what has expired is left out when it is read, too.
      if (set.isStored && !isKept(set)) this.#save(userId, platformId, set).catch(() => {})
      if (isEmpty(set)) platforms.delete(platformId)
    }
    if (platforms.size === 0) this.#users.delete(userId)
  }

  #tidy(set: TokenSet): void {
    const nowS = this.#nowS()
    if (set.statesEndS <= nowS) set.states.clear()
    for (const [key, { endsS }] of set.relying) if (endsS <= nowS) set.relying.delete(key)
    for (const [key, endsS] of set.refreshes) if (endsS <= nowS) set.refreshes.delete(key)
    for (const [key, { endsS }] of set.kicks) if (endsS <= nowS) set.kicks.delete(key)
    for (const [key, { endsS }] of set.vouchers) if (endsS <= nowS) set.vouchers.delete(key)
  }

  async #save(userId: UserId, platformId: PlatformId, set: TokenSet): Promise<void> {
    if (!this.#journal) return
    const record = isKept(set) ? recordOf(set, this.#aheadS()) : undefined
    const key = `${userId}:${platformId}`
    set.isStored = record !== undefined
    this.#unsaved.delete(key)
    try {
      await this.#journal.put(key, record)
      this.#diskFault = undefined
    } catch (error) {
      // What is on the disk may say that a kicked token is good.
      set.isStored = true
      this.#unsaved.set(key, { userId, platformId })
      this.#diskFault = `tokens cannot be written: ${(error as Error).message}`
      throw new StoreUnavailableError(`Tokens cannot be written: ${(error as Error).message}`)
    }
  }
}

/** True = it was on record. The tokens of a record live as long as the record: what begins anew has no life from before. */
function takeOff(set: TokenSet, token: string): boolean {
  const wasThere = set.states.delete(token)
  if (set.states.size === 0) set.statesEndS = 0
  return wasThere
}

/** `shiftS`: what is added to every time of the record. */
function setFrom({ endsS, tokens, kicks, refreshes }: StoredTokens, shiftS: number): TokenSet {
  return {
    states: new Map(tokens),
    statesEndS: endsS + shiftS,
    kicks: new Map(
      kicks.map(([token, by, kickEndsS, before]) => [token, { by, endsS: kickEndsS + shiftS, before }]),
    ),
    vouchers: new Map(),
    relying: new Map(),
    refreshes: new Map(refreshes.map(([token, refreshEndsS]) => [token, refreshEndsS + shiftS])),
    isStored: true,
  }
}

function recordOf({ states, statesEndS, kicks, refreshes }: TokenSet, shiftS: number): StoredTokens {
  return {
    v: 1,
    endsS: statesEndS + shiftS,
    tokens: [...states],
    kicks: [...kicks].map(([token, { by, endsS, before }]) => [token, by, endsS + shiftS, before]),
    refreshes: [...refreshes].map(([token, endsS]) => [token, endsS + shiftS]),
  }
}

/** Whether any of it must outlive the process. */
function isKept({ states, refreshes }: TokenSet): boolean {
  return states.size > 0 || refreshes.size > 0
}

function isEmpty(set: TokenSet): boolean {
  return !isKept(set) && set.kicks.size === 0 && set.vouchers.size === 0 && set.relying.size === 0
}
