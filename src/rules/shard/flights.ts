/**
 * Flights: which users go to the store next, as assertions (what this node holds of them) and as interests (who is
 * watched here). At most one flight of each kind holds a user.
 */
import { AdaptiveBatch, type BatchLimits } from '../presence/adaptive-batch.js'
import { RenewalWheel } from '../presence/renewal-wheel.js'
import type { UserId } from '../types.js'
import type { Due, Effect, Effects } from './effects.js'
import { LateAssertions } from './late-assertions.js'

export const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2_000
/** A pause for single users that the store could not serve. It does not delay the others. */
const REST_MS = 1_000
/** How far back a fail-over may lose writes at most: a master that was cut off takes some for its time-out. */
const DEPARTED_KEPT_MS = 60_000
/** A third: a renewal lost to a fail-over leaves one more attempt with a third of the TTL still in hand. */
const RENEWALS_PER_TTL = 3

const FLUSH_SOON: Effect = { kind: 'flushSoon' }
const ALL_RECORDED: Effect = { kind: 'allRecorded' }
const MERGE: Due = { timer: 'merge' }
const RETRY: Due = { timer: 'retry' }

export interface FlightsOptions extends BatchLimits {
  /** How long the store keeps an assertion and an interest, s. Each is renewed RENEWALS_PER_TTL times in it. */
  presenceTtlS: number
  watchTtlS: number
}

export class Flights {
  readonly #asserts: AdaptiveBatch
  readonly #interests: AdaptiveBatch
  /**
   * Among the interests those that the store was never told of. When such a watch ends before it was sent, nothing has
   * to be sent at all.
   */
  readonly #unsent = new Set<UserId>()
  /**
   * Users who left, with the time when the store recorded that, oldest first. A fail-over that loses the last writes
   * brings their claims back, and nobody else would ever withdraw them.
   */
  readonly #departed = new Map<UserId, number>()
  readonly #late = new LateAssertions()
  readonly #renewals: RenewalWheel
  readonly #rewatches: RenewalWheel
  #isOpen = false
  #isFlushDue = false
  /** After a failure nothing is sent before the retry timer. */
  #isPaused = false
  #retryMs = RETRY_MIN_MS

  constructor({ presenceTtlS, watchTtlS, ...limits }: FlightsOptions) {
    const turnMs = (ttlS: number) => (ttlS * 1_000) / RENEWALS_PER_TTL
    this.#asserts = new AdaptiveBatch(limits)
    this.#interests = new AdaptiveBatch(limits)
    this.#renewals = new RenewalWheel(turnMs(presenceTtlS))
    this.#rewatches = new RenewalWheel(turnMs(watchTtlS))
  }

  /** Users whose state still has to reach the store, those in flight included. */
  get size(): number {
    return this.#asserts.size
  }

  /** The last flight failed, and the next is not tried yet. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** How often to call `renew` and `rewatch`, ms. */
  get renewTickMs(): number {
    return this.#renewals.tickMs
  }

  get rewatchTickMs(): number {
    return this.#rewatches.tickMs
  }

  // What is to be sent

  assert(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) this.#asserts.add(userId, nowMs)
    this.flushSoon(out)
  }

  /** Nothing is new of them: changes go first. */
  assertAgain(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) this.#asserts.addBackground(userId, nowMs)
    this.flushSoon(out)
  }

  /** The user is connected here, so the record has to be renewed. */
  arrived(userId: UserId): void {
    this.#departed.delete(userId)
    this.#renewals.add(userId)
  }

  /** The store has recorded that the user is not here any more. */
  departed(userId: UserId, nowMs: number): void {
    this.#renewals.remove(userId)
    this.#departed.delete(userId)
    this.#departed.set(userId, nowMs)
    for (const [before, sinceMs] of this.#departed) {
      if (nowMs - sinceMs <= DEPARTED_KEPT_MS) return
      this.#departed.delete(before)
    }
  }

  /**
   * The version to assert a user with: the highest that is known. A user who left is asserted with version 0.
   * Otherwise a store that lost the record takes the empty assertion for a change, and publishes it before other nodes
   * have asserted the user again. `isContested`: somebody waits for the answer, so it has to be a change.
   */
  versionSeen(userId: UserId, isContested: boolean, recorded: number, watched: number): number {
    if (this.#departed.has(userId) && !isContested) return 0
    return Math.max(recorded, watched)
  }

  /** Somebody here watches these users from now on. */
  watchStarted(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) {
      // Otherwise the end of an earlier watch still waits to be sent, and the store has the interest already.
      if (!this.#interests.has(userId)) this.#unsent.add(userId)
      this.#interests.add(userId, nowMs)
    }
    this.flushSoon(out)
  }

  /** Nobody here watches them any more. */
  watchEnded(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) {
      this.#rewatches.remove(userId)
      if (this.#unsent.delete(userId)) this.#interests.remove(userId)
      else {
        this.#interests.add(userId, nowMs)
        this.flushSoon(out)
      }
    }
  }

  /** The store's records of these watched users are not what they were thought to be. */
  read(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) this.#interests.add(userId, nowMs)
    this.flushSoon(out)
  }

  /** Nothing is known to be new of them: what is goes first. */
  readAgain(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    for (const userId of userIds) this.#interests.addBackground(userId, nowMs)
    this.flushSoon(out)
  }

  // Timers

  renew(nowMs: number, out: Effects): void {
    this.assertAgain(this.#renewals.due(), nowMs, out)
    this.assertAgain(this.#late.due(nowMs), nowMs, out)
  }

  /** The store has recorded the user. True = a change by that is one that nobody here has made; see `LateAssertions`. */
  wasOffRecord(userId: UserId): boolean {
    return this.#late.recorded(userId)
  }

  rewatch(nowMs: number, out: Effects): void {
    this.readAgain(this.#rewatches.due(), nowMs, out)
  }

  retry(nowMs: number, out: Effects): void {
    this.#isPaused = false
    this.#sendDue(nowMs, out)
  }

  // To the store and back

  /** The shard knows its own connections: from now on there is something true to assert. */
  open(out: Effects): void {
    this.#isOpen = true
    this.flushSoon(out)
  }

  /** Everything may be lost that the store was told, and `userIds` are connected here. */
  storeBack(userIds: Iterable<UserId>, nowMs: number, out: Effects): void {
    this.#isPaused = false
    this.#retryMs = RETRY_MIN_MS
    this.assertAgain(userIds, nowMs, out)
    this.assertAgain(this.#departed.keys(), nowMs, out)
  }

  /** `flush` is to be called soon. */
  flushSoon(out: Effects): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    out.push(FLUSH_SOON)
  }

  /** Send what may go now. */
  flush(nowMs: number, out: Effects): void {
    this.#isFlushDue = false
    this.#sendDue(nowMs, out)
  }

  /**
   * A flight of assertions has landed. `userIds`: the very list that was sent; `isAnswered`: false = none of it was
   * served. Returns the users whose whole state the store has.
   */
  asserted(userIds: UserId[], failed: ReadonlySet<UserId>, isAnswered: boolean, nowMs: number): UserId[] {
    if (!isAnswered) this.#late.unanswered(userIds, nowMs)
    return this.#asserts.land(userIds, failed, nowMs, isAnswered ? REST_MS : 0)
  }

  /** The same of interests. `watched`: users whose interest is on record now, to be renewed. */
  interestsSet(
    userIds: UserId[],
    failed: ReadonlySet<UserId>,
    watched: Iterable<UserId>,
    isAnswered: boolean,
    nowMs: number,
  ): void {
    this.#interests.land(userIds, failed, nowMs, isAnswered ? REST_MS : 0)
    for (const userId of watched) this.#rewatches.add(userId)
  }

  /** After a landed flight was dealt with: the next may go, or there is a pause. */
  next(isAnswered: boolean, nowMs: number, out: Effects): void {
    if (isAnswered) {
      this.#retryMs = RETRY_MIN_MS
      return this.#sendDue(nowMs, out)
    }
    if (this.#isPaused) return
    this.#isPaused = true
    out.push({ kind: 'arm', due: RETRY, delayMs: this.#retryMs })
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2)
  }

  #sendDue(nowMs: number, out: Effects): void {
    if (!this.#isOpen || this.#isPaused) return
    const asserts = this.#asserts
    for (let users = asserts.take(nowMs); users !== undefined; users = asserts.take(nowMs)) {
      out.push({ kind: 'sendAssertions', userIds: users, isBackground: false })
    }
    const interests = this.#interests
    for (let users = interests.take(nowMs); users !== undefined; users = interests.take(nowMs)) {
      this.#sendInterests(users, false, out)
    }
    const assertedAgain = asserts.takeBackground()
    if (assertedAgain !== undefined) {
      out.push({ kind: 'sendAssertions', userIds: assertedAgain, isBackground: true })
    }
    const watchedAgain = interests.takeBackground()
    if (watchedAgain !== undefined) this.#sendInterests(watchedAgain, true, out)
    const dueMs = Math.min(asserts.dueMs() ?? Infinity, interests.dueMs() ?? Infinity)
    if (dueMs !== Infinity) out.push({ kind: 'arm', due: MERGE, delayMs: dueMs - nowMs })
    if (asserts.size === 0) out.push(ALL_RECORDED)
  }

  #sendInterests(userIds: UserId[], isBackground: boolean, out: Effects): void {
    for (const userId of userIds) this.#unsent.delete(userId)
    out.push({ kind: 'sendInterests', userIds, isBackground })
  }
}
