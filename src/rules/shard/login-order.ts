/**
 * Login order: which logins elsewhere a login removes, and what cannot be judged before a login has its number.
 *
 * A login gets its number from the store with its first assertion. On other nodes it removes the logins with a smaller
 * number, on the platforms that the policy names. Only nodes with a claim in conflict hear of it. What a login removes
 * on this node is the business of the sessions.
 */
import type { Eviction, EvictionResult } from '../logins/eviction.js'
import type { LoginPolicy } from '../logins/login-policy.js'
import type { TokenDigest } from '../logins/token-digest.js'
import { type Login, lastOfEachDevice, type OpenLogin, UNNUMBERED } from '../presence/roster.js'
import { nodeOf } from '../presence/watch-index.js'
import type { Claim, Holder, PlatformId, Snapshot, UserId } from '../types.js'
import type { Effects, KickedTokens, NodeWaiter } from './effects.js'

/** Of one user. What finds no room is asked again, or read from the store. */
export const STASHED_MAX = 64

/** An eviction that another node has sent, or tokens that were kicked. */
type Stashed = { eviction: Eviction; waiter: NodeWaiter } | { kicked: KickedTokens }

export interface LoginOrderOptions {
  nodeId: string
  /** Which logins a new login removes. */
  policy: LoginPolicy
  /** A login comes at most so long after its token was checked. */
  handshakeTimeoutMs: number
}

export class LoginOrder {
  readonly #options: LoginOrderOptions
  /**
   * Users whose next assertion has to ask the store which other nodes hold them: an admin kicks them, or their logins
   * have lost their numbers. `asked` = that assertion is on its way.
   */
  readonly #contested = new Map<UserId, 'wanted' | 'asked'>()
  /** What concerns users who have logins without a number. */
  readonly #stashed = new Map<UserId, Stashed[]>()
  /** Tokens kicked a short while ago, oldest first. A login that had passed the check by then is still to come. */
  readonly #kickedTokens = new Map<TokenDigest, { kicked: KickedTokens; atMs: number }>()

  constructor(options: LoginOrderOptions) {
    this.#options = options
  }

  // The store's word on a user

  contest(userId: UserId): void {
    this.#contested.set(userId, 'wanted')
  }

  isContested(userId: UserId): boolean {
    return this.#contested.has(userId)
  }

  /** An assertion of the user leaves. True = it has to ask who else holds the user. */
  asking(userId: UserId): boolean {
    if (!this.#contested.has(userId)) return false
    this.#contested.set(userId, 'asked')
    return true
  }

  /** The assertion failed. */
  unrecorded(userId: UserId): void {
    if (this.#contested.has(userId)) this.#contested.set(userId, 'wanted')
  }

  /**
   * The store has given the user a version, and says who holds the user. `logins`: those here; `newcomers`: those of
   * them whose number the version is.
   */
  recorded(
    { userId, claims }: Snapshot,
    version: number,
    logins: readonly OpenLogin[],
    newcomers: readonly Login[],
    out: Effects,
  ): void {
    for (const login of lastOfEachDevice(logins.filter(({ number }) => number !== undefined))) {
      const isNew = newcomers.some(({ token }) => token === login.token)
      this.#evictElsewhere(userId, claims, login, isNew, out)
    }
    if (this.#contested.get(userId) === 'asked') {
      this.#contested.delete(userId)
      out.push({ kind: 'holdersKnown', userId, version, holders: this.#holdersElsewhere(claims) })
    }
    const stashed = this.#stashed.get(userId)
    if (stashed === undefined) return
    this.#stashed.delete(userId)
    for (const one of stashed) {
      if ('kicked' in one) out.push({ kind: 'kickTokensHere', kicked: one.kicked })
      else out.push({ kind: 'evictHere', ...one })
    }
  }

  /** The user is not here any more. A node that asked will ask again, and be told that nobody is here. */
  forget(userId: UserId): void {
    this.#stashed.delete(userId)
  }

  // From other nodes

  /**
   * Another node's eviction was applied here. A login here that still waits for its number may be older or newer than
   * the eviction: decide when the number arrives. `logins`: those that are left.
   */
  evicted(
    waiter: NodeWaiter,
    eviction: Eviction,
    { gone, left, isWaiting }: EvictionResult & { isWaiting: boolean },
    logins: readonly OpenLogin[],
    out: Effects,
  ): void {
    const { userId } = eviction
    if (isWaiting) return this.#stash(userId, { eviction, waiter })
    const { holder: to, id } = waiter
    if (eviction.newcomer !== undefined) this.#contradict(to, eviction, logins, out)
    out.push({ kind: 'answerEviction', to, id, userId, gone, left })
  }

  /** Tokens were kicked, on whatever node: logins made with them may still come. */
  tokensKicked(kicked: KickedTokens, nowMs: number): void {
    for (const [token, { atMs }] of this.#kickedTokens) {
      if (nowMs - atMs < this.#options.handshakeTimeoutMs) break
      this.#kickedTokens.delete(token)
    }
    for (const token of kicked.tokens) {
      this.#kickedTokens.delete(token)
      this.#kickedTokens.set(token, { kicked, atMs: nowMs })
    }
  }

  /** A login came. Its token was good when it was checked; it may have been kicked before the login came here. */
  connected(token: TokenDigest, out: Effects): void {
    const late = this.#kickedTokens.get(token)
    if (late !== undefined) out.push({ kind: 'kickTokensHere', kicked: late.kicked })
  }

  /** A login made with one of these tokens has no number yet: judge it when it has. */
  awaitNumber(kicked: KickedTokens): void {
    this.#stash(kicked.userId, { kicked })
  }

  /** A login here came after the one that wants it gone: it is the other that has to go. */
  #contradict(
    to: Holder,
    { userId, before, platformIds }: Eviction,
    logins: readonly OpenLogin[],
    out: Effects,
  ): void {
    for (const { platformId, number = UNNUMBERED, token } of lastOfEachDevice(logins)) {
      if (!platformIds?.includes(platformId) || number <= before) continue
      const removed = [...this.#options.policy.removedBy(platformId)]
      if (removed.length === 0) continue
      const eviction: Eviction = { userId, before: number, platformIds: removed, newcomer: token }
      out.push({ kind: 'evictElsewhere', to, eviction })
    }
  }

  /** When a device logs in, nodes that may hold older connections of it are told too, and probe them. */
  #evictElsewhere(
    userId: UserId,
    claims: readonly Claim[],
    login: OpenLogin,
    isNew: boolean,
    out: Effects,
  ): void {
    const platformIds = [...this.#options.policy.removedBy(login.platformId)]
    const met = isNew ? [...platformIds, login.platformId] : platformIds
    const holders = this.#holdersElsewhere(claims, met)
    if (holders.length === 0) return
    const eviction: Eviction = { userId, before: login.number!, platformIds, newcomer: login.token }
    for (const to of holders) out.push({ kind: 'evictElsewhere', to, eviction })
  }

  /** Other nodes that hold the user, on these platforms or on any; each once. */
  #holdersElsewhere(claims: readonly Claim[], platformIds?: readonly PlatformId[]): Holder[] {
    const elsewhere = claims.filter(
      (claim) => nodeOf(claim) !== this.#options.nodeId && (platformIds?.includes(claim.platformId) ?? true),
    )
    return [...new Set(elsewhere.map(({ holder }) => holder))]
  }

  #stash(userId: UserId, one: Stashed): void {
    const stashed = this.#stashed.get(userId)
    if (stashed === undefined) this.#stashed.set(userId, [one])
    else if (stashed.length < STASHED_MAX) stashed.push(one)
  }
}
