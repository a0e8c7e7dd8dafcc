/**
 * Watches: which io threads watch which users, and what watchers are told of changes on this node and on others.
 *
 * An io thread that has no room for a change is told everything again a little later. Without that the change would
 * stay unknown there until the user's next one.
 */
import { append } from '../append.js'
import { MissedChanges } from '../presence/missed-changes.js'
import { sameList, WatchIndex } from '../presence/watch-index.js'
import type { Holder, PlatformId, Snapshot, UserId, UserPlatforms } from '../types.js'
import type { Due, Effects, WatchedStatus } from './effects.js'

/** The question about a user in doubt may be lost, and so may its answer. */
export const ASK_AGAIN_MS = 2_000
/** A thread that is behind is tried so often. */
export const CATCH_UP_MS = 1_000

const CONFIRM: Due = { timer: 'confirm' }
const CATCH_UP: Due = { timer: 'catchUp' }

/** Platforms on which a user is shown on this node. */
type ShownHere = (userId: UserId) => PlatformId[]

export class Watches {
  readonly #index: WatchIndex
  readonly #shownHere: ShownHere
  readonly #missed = new MissedChanges()
  /** Users whose record has vanished from the store. They are read again. */
  readonly #doubted = new Set<UserId>()
  /** Io threads that could not be told of a change. */
  readonly #behind = new Set<number>()
  /** Half of the connections would show users as offline whose connections are only not announced yet. */
  #isOpen = false

  constructor(nodeId: string, shownHere: ShownHere) {
    this.#index = new WatchIndex(nodeId)
    this.#shownHere = shownHere
  }

  get size(): number {
    return this.#index.size
  }

  get userIds(): Iterable<UserId> {
    return this.#index.userIds
  }

  has(userId: UserId): boolean {
    return this.#index.has(userId)
  }

  /** The highest version of the user that was seen; 0 = none. */
  versionOf(userId: UserId): number {
    return this.#index.versionOf(userId)
  }

  /** All connections are known, so what is shown here is the whole. */
  open(out: Effects): void {
    this.#isOpen = true
    this.tell([...this.#index.userIds], out)
  }

  /** Platforms on which other nodes, or OpenIM's own gateways, hold the user as far as is known. */
  elsewhere(userId: UserId): PlatformId[] {
    return this.#index.viewOf(userId, [])
  }

  // Who watches

  /** `isStoreAway`: users that are not known yet are answered from what this node holds. */
  watch(thread: number, userIds: readonly UserId[], isStoreAway: boolean, out: Effects): void {
    const statuses: WatchedStatus[] = []
    const unanswered: UserId[] = []
    const started: UserId[] = []
    for (const userId of userIds) {
      if (this.#index.watch(userId, thread)) started.push(userId)
      const platformIds = this.#index.toldOf(userId)
      if (platformIds !== undefined) statuses.push({ userId, platformIds })
      else unanswered.push(userId)
    }
    if (statuses.length > 0) out.push({ kind: 'statuses', thread, statuses })
    if (isStoreAway) this.tellPartially(unanswered, out)
    out.push({ kind: 'watchStarted', userIds: started })
  }

  unwatch(thread: number, userIds: readonly UserId[], out: Effects): void {
    const ended = userIds.filter((userId) => this.#index.unwatch(userId, thread))
    if (ended.length > 0) out.push({ kind: 'watchEnded', userIds: ended })
  }

  loseThread(thread: number, out: Effects): void {
    this.#behind.delete(thread)
    out.push({ kind: 'watchEnded', userIds: this.#index.loseThread(thread) })
  }

  // What is news of other nodes

  /** `by` changed these users. Older versions than known are ignored. */
  changed(snapshots: readonly Snapshot[], by: Holder, nowMs: number, out: Effects): void {
    for (const { userId, version } of snapshots) this.#missed.heard(userId, version)
    this.learn(snapshots, nowMs, out, by)
  }

  /** A message is not missed of a version that this node has caused itself. */
  heard(userId: UserId, version: number): void {
    this.#missed.heard(userId, version)
  }

  /** The store was read at `askedMs`. What was not known is found by that, unless a message is still to tell of it. */
  read(snapshots: readonly Snapshot[], askedMs: number, nowMs: number, out: Effects): void {
    const before = snapshots.map(({ userId }) => this.#knownElsewhere(userId))
    this.learn(snapshots, askedMs, out)
    snapshots.forEach(({ userId, version }, at) => {
      const isNew = before[at] !== undefined && before[at] !== this.#knownElsewhere(userId)
      if (isNew) this.#missed.read(userId, version, nowMs)
    })
  }

  /** `asOfMs`: when the store was asked, or when its news came. `by`: whose change it is. */
  learn(snapshots: readonly Snapshot[], asOfMs: number, out: Effects, by?: Holder): void {
    const learnt: UserId[] = []
    for (const snapshot of snapshots) {
      if (this.#index.learn(snapshot, asOfMs, by)) learnt.push(snapshot.userId)
    }
    this.tell(learnt, out)
    this.#askDoubtedAgain(snapshots, out)
  }

  /** Another node says what it holds of these users. */
  holding(from: Holder, users: readonly UserPlatforms[], out: Effects): void {
    const userIds = users.map(({ userId, platformIds }) => {
      this.#index.settle(userId, from, platformIds)
      return userId
    })
    this.tell(userIds, out)
  }

  /** These nodes are dead: what they hold is void. */
  nodesLost(holders: readonly Holder[], out: Effects): void {
    this.tell(this.#index.loseHolders(holders), out)
  }

  /** Somebody says that the user is on these platforms, and that is not what is known here. */
  isNews(userId: UserId, platformIds: readonly PlatformId[]): boolean {
    if (!this.#index.has(userId)) return false
    const inOrder = [...platformIds].sort((a, b) => a - b)
    return !sameList(this.#index.viewOf(userId, this.#shownHere(userId)), inOrder)
  }

  /** How many changes no message told of in time, since the last call. */
  takeMissed(nowMs: number): number {
    return this.#missed.takeOverdue(nowMs)
  }

  /** Users in doubt, to be read again now. */
  takeDoubted(): UserId[] {
    const doubted = [...this.#doubted]
    this.#doubted.clear()
    return doubted
  }

  // What is told

  /** Tell each io thread with watchers what changed for them. */
  tell(userIds: Iterable<UserId>, out: Effects): void {
    if (!this.#isOpen) return
    let letters: Letters | undefined
    for (const userId of userIds) {
      if (!this.#index.has(userId)) continue
      const news = this.#index.news(userId, this.#shownHere(userId))
      if (news === undefined) continue
      letters ??= new Letters()
      letters.add(news.threads, { userId, platformIds: news.platformIds })
    }
    letters?.push(out)
  }

  /** The store is away. What this node knows is better than no answer. */
  tellPartially(userIds: Iterable<UserId>, out: Effects): void {
    if (!this.#isOpen) return
    const letters = new Letters()
    for (const userId of userIds) {
      const platformIds = this.#shownHere(userId)
      letters.add(this.#index.threadsWithoutAnswer(userId), { userId, platformIds, isPartial: true })
    }
    letters.push(out)
  }

  /** The io thread had no room for `statuses`. */
  refused(thread: number, out: Effects): void {
    if (this.#behind.size === 0) out.push({ kind: 'arm', due: CATCH_UP, delayMs: CATCH_UP_MS })
    this.#behind.add(thread)
  }

  catchUp(out: Effects): void {
    const behind = [...this.#behind]
    this.#behind.clear()
    for (const thread of behind) {
      out.push({ kind: 'statuses', thread, statuses: [...this.#index.toldOn(thread)] })
    }
  }

  /** Later, and all at once. A node that held them can end the doubt before. */
  #askDoubtedAgain(snapshots: readonly Snapshot[], out: Effects): void {
    const isAsked = this.#doubted.size > 0
    let reminders: Map<Holder, UserId[]> | undefined
    for (const { userId } of snapshots) {
      if (!this.#index.isInDoubt(userId) || this.#doubted.has(userId)) continue
      this.#doubted.add(userId)
      reminders ??= new Map()
      for (const holder of this.#index.holdersOf(userId)) append(reminders, holder, userId)
    }
    for (const [to, userIds] of reminders ?? []) out.push({ kind: 'remind', to, userIds })
    if (this.#doubted.size > 0 && !isAsked) out.push({ kind: 'arm', due: CONFIRM, delayMs: ASK_AGAIN_MS })
  }

  /** Where others hold the user, as text; undefined = not known yet. */
  #knownElsewhere(userId: UserId): string | undefined {
    return this.#index.toldOf(userId) && this.elsewhere(userId).join()
  }
}

/** Statuses by io thread, so that each gets one message. */
class Letters {
  readonly #perThread = new Map<number, WatchedStatus[]>()

  add(threads: Iterable<number>, status: WatchedStatus): void {
    for (const thread of threads) append(this.#perThread, thread, status)
  }

  push(out: Effects): void {
    for (const [thread, statuses] of this.#perThread) out.push({ kind: 'statuses', thread, statuses })
  }
}
