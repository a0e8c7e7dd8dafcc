/**
 * Sessions: the connections of this node, and what each login removes here.
 *
 * They connect, break, and leave when the grace is over; a login that gets its number removes those who came before it.
 */
import { connectionIdOf } from '../logins/connection-id.js'
import { ADMIN_KICK, type Eviction, type EvictionResult, type LoginInfo } from '../logins/eviction.js'
import type { LoginPolicy } from '../logins/login-policy.js'
import type { TokenDigest } from '../logins/token-digest.js'
import {
  type ConnectionKey,
  type Login,
  type Obeying,
  type OpenLogin,
  Roster,
  type Standing,
  UNNUMBERED,
} from '../presence/roster.js'
import type { LoginNumber, PlatformId, Seat, UserId, UserPlatforms } from '../types.js'
import type { Due, Effects, KickedTokens } from './effects.js'

/** Longer than a fail-over takes. */
export const LEAVING_MAX_MS = 15_000
/** Longer than the pause before a failed command is sent again. */
const SETTLE_MS = 2_500
const SETTLE_MAX_MS = 5_000

const GRACE: Due = { timer: 'grace' }
const LEAVING: Due = { timer: 'leaving' }

export interface SessionsOptions {
  nodeId: string
  graceMs: number
  /** Which logins a new login removes. */
  policy: LoginPolicy
  /** The store counts connections. */
  areSeatsUsed: boolean
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #roster: Roster
  /** Users whose grace is over, since when; oldest first. The store has not recorded yet that they left. */
  readonly #leaving = new Map<UserId, number>()
  /** When the store last failed, in part or as a whole. */
  #storeFailedMs = Number.NEGATIVE_INFINITY

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#roster = new Roster(options.graceMs)
  }

  get size(): number {
    return this.#roster.size
  }

  /** Every user known here, also those who left while the store still records them. */
  get userIds(): Iterable<UserId> {
    return this.#roster.userIds
  }

  get isAnyInGrace(): boolean {
    return this.#roster.graceDueMs() !== undefined
  }

  shownPlatforms(userId: UserId): PlatformId[] {
    return this.#roster.shownPlatforms(userId)
  }

  /** Open connections in the order in which they came, without those that were sent away. */
  logins(userId: UserId): readonly OpenLogin[] {
    return this.#roster.logins(userId)
  }

  /** Connections of one device. */
  socketsOf(userId: UserId, token: TokenDigest): ConnectionKey[] {
    return this.#roster.socketsOf(userId, token)
  }

  seatsOf(userId: UserId): Seat[] {
    return this.#roster.logins(userId).flatMap((login) => login.seat ?? [])
  }

  // To come and to go

  /** A login without a number waits for it: the store gives it with the next assertion. */
  connect(userId: UserId, login: Login, number: LoginNumber | undefined, out: Effects): void {
    if (this.#roster.connect(userId, login, number)) out.push({ kind: 'shownChanged', userIds: [userId] })
    else if (this.#roster.isWaiting(userId)) out.push({ kind: 'assertSoon', userIds: [userId] })
  }

  /** `isClean`: the client said goodbye or was sent away. Otherwise the grace applies. */
  disconnect(userId: UserId, key: ConnectionKey, isClean: boolean, nowMs: number, out: Effects): void {
    if (this.#roster.disconnect(userId, key, isClean, nowMs)) {
      out.push({ kind: 'shownChanged', userIds: [userId] })
      return
    }
    this.#armGrace(nowMs, out)
    if (this.#options.areSeatsUsed) out.push({ kind: 'assertSoon', userIds: [userId] })
  }

  /** An io thread died with its connections. */
  loseThread(thread: number, nowMs: number, out: Effects): void {
    out.push({ kind: 'shownChanged', userIds: this.#roster.loseThread(thread, nowMs) })
    this.#armGrace(nowMs, out)
  }

  storeFailed(nowMs: number): void {
    this.#storeFailedMs = nowMs
  }

  /**
   * Users whose connection broke may be on another node by now, and that node cannot say so while the store is away.
   * So watchers are told when the store has answered. After LEAVING_MAX_MS they are told without it, as the users may
   * have left altogether.
   */
  graceDue(nowMs: number, out: Effects): void {
    // The other node tries again just after an outage. It must not come second, so graces end a little later then.
    const settledMs = Math.min(
      this.#storeFailedMs + SETTLE_MS,
      (this.#roster.graceDueMs() ?? 0) + SETTLE_MAX_MS,
    )
    if (settledMs - nowMs >= 1) {
      out.push({ kind: 'arm', due: GRACE, delayMs: settledMs - nowMs })
      return
    }
    const left = this.#roster.endGrace(nowMs)
    for (const userId of left) {
      if (this.#leaving.size === 0) out.push({ kind: 'arm', due: LEAVING, delayMs: LEAVING_MAX_MS })
      this.#leaving.set(userId, nowMs)
    }
    out.push({ kind: 'assertSoon', userIds: left })
    this.#armGrace(nowMs, out)
  }

  /** The node shuts down, and its users are not to be waited for. */
  endAllGraces(out: Effects): void {
    out.push({ kind: 'shownChanged', userIds: this.#roster.endGrace(Number.POSITIVE_INFINITY) })
  }

  /** The store has recorded all that is known here of these users. */
  settled(userIds: readonly UserId[], out: Effects): void {
    if (this.#leaving.size === 0) return
    const left = userIds.filter((userId) => this.#leaving.delete(userId))
    out.push({ kind: 'tellWatchers', userIds: left })
  }

  leavingDue(nowMs: number, out: Effects): void {
    const overdue: UserId[] = []
    for (const [userId, sinceMs] of this.#leaving) {
      const leftMs = sinceMs + LEAVING_MAX_MS - nowMs
      // A rest below 1 ms is rounding: it is due.
      if (leftMs >= 1) {
        out.push({ kind: 'arm', due: LEAVING, delayMs: leftMs })
        break
      }
      overdue.push(userId)
      this.#leaving.delete(userId)
    }
    out.push({ kind: 'tellWatchers', userIds: overdue })
  }

  // The store

  /** What the store is to be told of the user. */
  standingOf(userId: UserId): Standing {
    return this.#roster.standingOf(userId)
  }

  isWaiting(userId: UserId): boolean {
    return this.#roster.isWaiting(userId)
  }

  /** An assertion asks for the numbers of all logins that wait. */
  askNumbers(userId: UserId): void {
    this.#roster.askNumbers(userId)
  }

  /** The store has recorded the user with this version. Returns the logins whose number it is. */
  recorded(userId: UserId, version: number, out: Effects): readonly Login[] {
    const newcomers = this.#roster.recorded(userId, version)
    for (const newcomer of newcomers) {
      // Tokens are flagged with the number before: of logins that got this one together, the last may have the token
      // of the first.
      this.#removeRivals(userId, newcomer, version - 1, out)
      out.push({ kind: 'signal', key: newcomer.key, order: { kind: 'numbered', login: version } })
    }
    return newcomers
  }

  /** The store did not answer. The order of logins on this node is known without it. */
  unrecorded(userId: UserId, out: Effects): void {
    for (const newcomer of this.#roster.unrecorded(userId)) {
      this.#removeRivals(userId, newcomer, UNNUMBERED, out)
    }
  }

  /** True = the user is nowhere here, and was forgotten. */
  forgetIfGone(userId: UserId): boolean {
    return this.#roster.forgetIfGone(userId)
  }

  /** All connections are known again. What was asserted before and has no connection now gets the grace. */
  rebuild(heldBefore: readonly UserPlatforms[], nowMs: number, out: Effects): void {
    for (const { userId, platformIds } of heldBefore) {
      for (const platformId of platformIds) this.#roster.hold(userId, platformId, nowMs)
    }
    // A removal that began before the shard was restarted is begun again.
    for (const userId of this.#roster.userIds) {
      for (const login of this.#roster.logins(userId)) this.#removeRivals(userId, login, UNNUMBERED, out)
    }
    this.#armGrace(nowMs, out)
  }

  // To be sent away

  /** Apply an eviction here. `isWaiting`: a login that it may concern has no number yet, so apply it again then. */
  evict(eviction: Eviction, out: Effects): EvictionResult & { isWaiting: boolean } {
    const { userId, connectionId } = eviction
    let key: ConnectionKey | undefined
    if (connectionId !== undefined) {
      key = this.#roster
        .logins(userId)
        .find((login) => this.#infoOf(login).connectionId === connectionId)?.key
      if (key === undefined) return { gone: 0, left: this.#infosOf(userId), isWaiting: false }
    }
    const obeying = this.#roster.evict({ ...eviction, key })
    this.#obey(userId, obeying, eviction.before, out)
    // A login does not ask who is left, and a device may have many connections.
    const isAsked = eviction.newcomer === undefined
    return {
      gone: obeying.leaving.length,
      left: isAsked ? this.#infosOf(userId) : [],
      isWaiting: obeying.isWaiting,
    }
  }

  /**
   * Tokens were kicked: logins made with them end, unless they came after the login that kicked. True = a login has no
   * number yet, so judge again then.
   */
  kickTokens({ userId, tokens, by }: KickedTokens, out: Effects): boolean {
    let isWaiting = false
    for (const { key, token, number } of this.#roster.logins(userId)) {
      if (!tokens.includes(token)) continue
      if (number === undefined && by !== ADMIN_KICK) isWaiting = true
      else if ((number ?? UNNUMBERED) < by) {
        this.#roster.dismiss(userId, key)
        out.push({ kind: 'signal', key, order: { kind: 'kick', by } })
      } else if (number! > by) out.push({ kind: 'signal', key, order: { kind: 'vouch', login: number! } })
    }
    return isWaiting
  }

  /** The user was not on record for a while, and was not told of messages: clients read them when they come back. */
  sendBack(userId: UserId, out: Effects): void {
    for (const { key } of this.#roster.logins(userId)) {
      out.push({ kind: 'signal', key, order: { kind: 'dismiss' } })
    }
  }

  #removeRivals(userId: UserId, newcomer: Login, by: LoginNumber, out: Effects): void {
    const removed = this.#options.policy.removedBy(newcomer.platformId)
    this.#obey(userId, this.#roster.evictBefore(userId, newcomer.key, removed), by, out)
  }

  #obey(userId: UserId, obeying: Obeying, by: LoginNumber, out: Effects): void {
    for (const key of obeying.leaving) out.push({ kind: 'signal', key, order: { kind: 'kick', by } })
    for (const key of obeying.probed) out.push({ kind: 'signal', key, order: { kind: 'probe' } })
    if (obeying.isChanged) out.push({ kind: 'shownChanged', userIds: [userId] })
  }

  #infosOf(userId: UserId): LoginInfo[] {
    return this.#roster.logins(userId).map((login) => this.#infoOf(login))
  }

  #infoOf({ key, platformId, background, token }: Login): LoginInfo {
    const { nodeId } = this.#options
    return { connectionId: connectionIdOf(nodeId, key, token), platformId, nodeId, background }
  }

  #armGrace(nowMs: number, out: Effects): void {
    const dueMs = this.#roster.graceDueMs()
    if (dueMs !== undefined) out.push({ kind: 'arm', due: GRACE, delayMs: dueMs - nowMs })
  }
}
