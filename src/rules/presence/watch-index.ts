/**
 * The watch index: the users that clients of this node watch, by io thread, and what other nodes hold of them.
 *
 * What a watcher is told of a user is the union of what this node's sockets say (always newest here), what other
 * nodes claim (newest by version) and what OpenIM's own gateways hold. It is told again only when it changed.
 */
import { nodeOfHolder } from '../cluster/holder.js'
import { distinct } from '../platforms.js'
import type { Claim, Holder, PlatformId, Snapshot, UserId, UserPlatforms, Whereabouts } from '../types.js'

/** Longer than nodes need to assert again what a store has lost, a million users each; short against PRESENCE_TTL_S. */
export const GONE_CONFIRM_MS = 30_000

/** A platform, and who holds it elsewhere; undefined = OpenIM's own gateways. */
interface Holding {
  platformId: PlatformId
  holder: Holder | undefined
}

interface Watched {
  threads: Set<number>
  version: number
  /** What others hold, as indices of holdings: claims of other nodes, and foreign ones. */
  elsewhere: number[]
  /** The store has answered at least once. */
  isKnown: boolean
  /** As of when the last that was taken in was true. */
  learntMs: number
  /** Since when the store has no record of a user that other nodes held; undefined = it has one. */
  goneSinceMs: number | undefined
  /** Since when a record that was lost lacks what others held; it is kept meanwhile. Undefined = it lacks nothing. */
  refillSinceMs: number | undefined
  /** What watchers were last told; undefined = nothing yet. */
  told: PlatformId[] | undefined
}

export class WatchIndex {
  readonly #nodeId: string
  readonly #users = new Map<UserId, Watched>()
  /** Every holding that was ever met; many users share each, and a number takes little room with each of them. */
  readonly #holdings: Holding[] = []
  readonly #indexOf = new Map<string, number>()

  /** `nodeId`: claims of this node, of whatever epoch, are left out: its own sockets know better. */
  constructor(nodeId: string) {
    this.#nodeId = nodeId
  }

  get size(): number {
    return this.#users.size
  }

  get userIds(): Iterable<UserId> {
    return this.#users.keys()
  }

  has(userId: UserId): boolean {
    return this.#users.has(userId)
  }

  /** True = nobody here watched the user before. */
  watch(userId: UserId, thread: number): boolean {
    const user = this.#users.get(userId)
    user?.threads.add(thread)
    if (user !== undefined) return false
    this.#users.set(userId, {
      threads: new Set([thread]),
      version: 0,
      elsewhere: [],
      isKnown: false,
      learntMs: Number.NEGATIVE_INFINITY,
      goneSinceMs: undefined,
      refillSinceMs: undefined,
      told: undefined,
    })
    return true
  }

  /** True = nobody here watches the user any more. */
  unwatch(userId: UserId, thread: number): boolean {
    const user = this.#users.get(userId)
    if (!user?.threads.delete(thread) || user.threads.size > 0) return false
    return this.#users.delete(userId)
  }

  /** All watches of the thread are gone. Returns the users that have no watcher left on this node. */
  loseThread(thread: number): UserId[] {
    const gone = [...this.#users.keys()].filter((userId) => this.#users.get(userId)!.threads.has(thread))
    return gone.filter((userId) => this.unwatch(userId, thread))
  }

  /**
   * Take in what the store said, as of `asOfMs` (when it was asked, or when its news came). False = not watched, or
   * older than what is known, or in doubt.
   *
   * Version 0 says that the store has no record of claims, and no version can be compared with that: the later one
   * counts. Where there was a record, either it has expired, or the store came back empty and the others are about
   * to assert again; so it has to be still so GONE_CONFIRM_MS later (see `isInDoubt`). A partial snapshot is the same
   * in small: some have asserted again, and what the others held is kept for as long. `by`, whose change it is, has
   * said all of itself.
   */
  learn(snapshot: Snapshot, asOfMs: number, by?: Holder): boolean {
    const user = this.#users.get(snapshot.userId)
    if (user === undefined) return false
    if (user.isKnown && !this.#isNews(user, snapshot, asOfMs)) return false
    // A version once seen is kept, so that the next one that this node causes is greater.
    user.version = Math.max(user.version, snapshot.version)
    user.learntMs = asOfMs
    user.goneSinceMs = undefined
    const held = this.#heldElsewhere(snapshot)
    const missing = this.#missing(user, snapshot, asOfMs, by)
    user.refillSinceMs = missing.length === 0 ? undefined : (user.refillSinceMs ?? asOfMs)
    user.isKnown = true
    user.elsewhere = [...held, ...missing]
    return true
  }

  /** What nodes hold of which nothing is in a record that is being filled again. A node that asserts, asserts the whole. */
  #missing(user: Watched, { isPartial, claims }: Snapshot, asOfMs: number, by: Holder | undefined): number[] {
    const { refillSinceMs = isPartial ? asOfMs : undefined } = user
    if (refillSinceMs === undefined || asOfMs - refillSinceMs >= GONE_CONFIRM_MS) return []
    const said = new Set(claims.map(nodeOf))
    if (by !== undefined) said.add(nodeOfHolder(by))
    return user.elsewhere.filter((one) => {
      const { holder } = this.#holdings[one]!
      return holder !== undefined && !said.has(nodeOfHolder(holder))
    })
  }

  /** A node says what it holds of a user, whatever the store has. */
  settle(userId: UserId, holder: Holder, platformIds: readonly PlatformId[]): void {
    const user = this.#users.get(userId)
    if (user === undefined) return
    const node = nodeOfHolder(holder)
    user.elsewhere = user.elsewhere.filter((one) => {
      const { platformId, holder: other } = this.#holdings[one]!
      return other === undefined || nodeOfHolder(other) !== node || platformIds.includes(platformId)
    })
  }

  #isNews(user: Watched, { version }: Snapshot, asOfMs: number): boolean {
    if (version > 0) return version >= user.version
    if (asOfMs < user.learntMs) return false
    if (user.version === 0 || user.elsewhere.length === 0) return true
    user.goneSinceMs ??= asOfMs
    return asOfMs - user.goneSinceMs >= GONE_CONFIRM_MS
  }

  /** These holders count no more: what they hold is void. Returns the users concerned. */
  loseHolders(holders: readonly Holder[]): UserId[] {
    const lost = new Set<Holder | undefined>(holders)
    const isLost = (held: number) => lost.has(this.#holdings[held]!.holder)
    const concerned: UserId[] = []
    for (const [userId, user] of this.#users) {
      if (!user.elsewhere.some(isLost)) continue
      user.elsewhere = user.elsewhere.filter((held) => !isLost(held))
      concerned.push(userId)
    }
    return concerned
  }

  /** The store has no record of what others held: believed after GONE_CONFIRM_MS. */
  isInDoubt(userId: UserId): boolean {
    const user = this.#users.get(userId)
    return user !== undefined && (user.goneSinceMs !== undefined || user.refillSinceMs !== undefined)
  }

  /** Nodes that hold the user, as far as is known. */
  holdersOf(userId: UserId): Set<Holder> {
    const holders = new Set<Holder>()
    for (const held of this.#users.get(userId)?.elsewhere ?? []) {
      const { holder } = this.#holdings[held]!
      if (holder !== undefined) holders.add(holder)
    }
    return holders
  }

  versionOf(userId: UserId): number {
    return this.#users.get(userId)?.version ?? 0
  }

  /** What watchers should believe, given the platforms shown by this node's own sockets. */
  viewOf(userId: UserId, here: PlatformId[]): PlatformId[] {
    const elsewhere = this.#users.get(userId)?.elsewhere ?? []
    if (elsewhere.length === 0) return here
    return distinct([...here, ...elsewhere.map((held) => this.#holdings[held]!.platformId)])
  }

  /** What to tell which threads after a possible change; undefined = nothing, or the store has not answered. */
  news(
    userId: UserId,
    here: PlatformId[],
  ): { platformIds: PlatformId[]; threads: Iterable<number> } | undefined {
    const user = this.#users.get(userId)
    if (user === undefined || !user.isKnown) return undefined
    const platformIds = this.viewOf(userId, here)
    if (user.told !== undefined && sameList(user.told, platformIds)) return undefined
    user.told = platformIds
    return { platformIds, threads: user.threads }
  }

  /** The io threads that wait for a first answer about the user; none when the store has answered. */
  threadsWithoutAnswer(userId: UserId): Iterable<number> {
    const user = this.#users.get(userId)
    return user === undefined || user.isKnown ? [] : user.threads
  }

  /** What watchers on one io thread were last told, user by user. */
  *toldOn(thread: number): Iterable<UserPlatforms> {
    for (const [userId, { threads, told }] of this.#users) {
      if (told !== undefined && threads.has(thread)) yield { userId, platformIds: told }
    }
  }

  /** What watchers were last told; undefined = nothing yet. */
  toldOf(userId: UserId): PlatformId[] | undefined {
    return this.#users.get(userId)?.told
  }

  #heldElsewhere({ claims, foreign }: Snapshot): number[] {
    const held = foreign.map((platformId) => this.#index(platformId, undefined))
    for (const claim of claims) {
      if (nodeOf(claim) !== this.#nodeId) held.push(this.#index(claim.platformId, claim.holder))
    }
    return held
  }

  #index(platformId: PlatformId, holder: Holder | undefined): number {
    const key = `${platformId}@${holder ?? ''}`
    let index = this.#indexOf.get(key)
    if (index === undefined) {
      index = this.#holdings.push({ platformId, holder }) - 1
      this.#indexOf.set(key, index)
    }
    return index
  }
}

/** Where a user is, by all that the store says. Distinct, ascending. */
export function platformsOf({ claims, foreign }: Whereabouts): PlatformId[] {
  return distinct([...claims.map(({ platformId }) => platformId), ...foreign])
}

export function nodeOf(claim: Claim): string {
  return nodeOfHolder(claim.holder)
}

export function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, at) => value === b[at])
}
