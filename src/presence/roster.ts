/**
 * The roster: who is connected to this node, of one shard's users.
 *
 * A user is *shown* on a platform while a socket of that platform is open, or broke less than the grace ago. He is
 * *reachable* there only while a socket is open. Several sockets of one platform count once.
 */
import type { PlatformId, UserId } from './types.js'

/** A socket's name within the process, unique for its life. */
export type ConnectionKey = number

interface Held {
  key: ConnectionKey
  platformId: PlatformId
  background: boolean
  thread: number
  /** When the socket broke; undefined = open. */
  brokenAtMs: number | undefined
}

interface User {
  held: Held[]
  /** The highest version of the user that this shard has seen in the store's answers. */
  version: number
}

/** A place held without a socket: what a former life of the shard asserted. */
const NO_SOCKET = -1

export class Roster {
  readonly #graceMs: number
  readonly #users = new Map<UserId, User>()
  /** Broken sockets in the order in which their grace ends. */
  #broken: { userId: UserId; key: ConnectionKey; dueMs: number }[] = []

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** Users known here, whether shown or only waiting to be forgotten. */
  get size(): number {
    return this.#users.size
  }

  get userIds(): Iterable<UserId> {
    return this.#users.keys()
  }

  /** A socket is open, or changed its background flag. True = the shown platforms changed. */
  connect(
    userId: UserId,
    key: ConnectionKey,
    platformId: PlatformId,
    background: boolean,
    thread: number,
  ): boolean {
    const user = this.#user(userId)
    const wasShown = user.held.some((held) => held.platformId === platformId)
    // The user is back: sockets of this platform that broke have nothing left to be held for.
    user.held = user.held.filter(
      (held) => held.key !== key && !(held.platformId === platformId && held.brokenAtMs !== undefined),
    )
    user.held.push({ key, platformId, background, thread, brokenAtMs: undefined })
    return !wasShown
  }

  /** A socket is gone. True = the shown platforms changed. */
  disconnect(userId: UserId, key: ConnectionKey, clean: boolean, nowMs: number): boolean {
    const user = this.#users.get(userId)
    const held = user?.held.find((candidate) => candidate.key === key && candidate.brokenAtMs === undefined)
    if (user === undefined || held === undefined) return false
    if (clean || this.#graceMs === 0) return this.#drop(user, held)
    this.#break(userId, held, nowMs)
    return false
  }

  /** Every socket of an io thread is gone, without a goodbye. Returns users whose shown platforms changed. */
  loseThread(thread: number, nowMs: number): UserId[] {
    const changed: UserId[] = []
    for (const [userId, user] of this.#users) {
      let hasChanged = false
      for (const held of user.held.filter((one) => one.thread === thread && one.brokenAtMs === undefined)) {
        if (this.disconnect(userId, held.key, false, nowMs)) hasChanged = true
      }
      if (hasChanged) changed.push(userId)
    }
    return changed
  }

  /** The store says that this node holds the user here, but no socket did: hold the place for the grace. */
  hold(userId: UserId, platformId: PlatformId, nowMs: number): void {
    const user = this.#user(userId)
    if (user.held.some((held) => held.platformId === platformId)) return
    const held: Held = {
      key: NO_SOCKET,
      platformId,
      background: false,
      thread: NO_SOCKET,
      brokenAtMs: undefined,
    }
    user.held.push(held)
    this.#break(userId, held, nowMs)
  }

  /** End every grace that is over. Returns users whose shown platforms changed. */
  endGrace(nowMs: number): UserId[] {
    const changed: UserId[] = []
    let done = 0
    for (const { userId, key, dueMs } of this.#broken) {
      if (dueMs > nowMs) break
      done++
      const user = this.#users.get(userId)
      const held = user?.held.find(
        (one) => one.key === key && one.brokenAtMs !== undefined && one.brokenAtMs + this.#graceMs <= nowMs,
      )
      if (user !== undefined && held !== undefined && this.#drop(user, held)) changed.push(userId)
    }
    if (done > 0) this.#broken = this.#broken.slice(done)
    return changed
  }

  /** When `endGrace` has something to do; undefined = nobody is in grace. */
  graceDueMs(): number | undefined {
    return this.#broken[0]?.dueMs
  }

  /** Distinct, ascending; empty = offline here. */
  shownPlatforms(userId: UserId): PlatformId[] {
    return platformsOf(this.#users.get(userId)?.held ?? [])
  }

  /** Platforms with an open socket. */
  reachablePlatforms(userId: UserId): PlatformId[] {
    return platformsOf((this.#users.get(userId)?.held ?? []).filter((held) => held.brokenAtMs === undefined))
  }

  versionOf(userId: UserId): number {
    return this.#users.get(userId)?.version ?? 0
  }

  saw(userId: UserId, version: number): void {
    const user = this.#users.get(userId)
    if (user !== undefined && version > user.version) user.version = version
  }

  /** The store knows the last state: let a user go who is not shown here. True = forgotten. */
  forgetIfGone(userId: UserId): boolean {
    const user = this.#users.get(userId)
    return user !== undefined && user.held.length === 0 && this.#users.delete(userId)
  }

  #user(userId: UserId): User {
    let user = this.#users.get(userId)
    if (user === undefined) {
      user = { held: [], version: 0 }
      this.#users.set(userId, user)
    }
    return user
  }

  #break(userId: UserId, held: Held, nowMs: number): void {
    held.brokenAtMs = nowMs
    // Every grace is equally long, so the list stays in order of due time.
    this.#broken.push({ userId, key: held.key, dueMs: nowMs + this.#graceMs })
  }

  #drop(user: User, gone: Held): boolean {
    user.held = user.held.filter((held) => held !== gone)
    return !user.held.some((held) => held.platformId === gone.platformId)
  }
}

function platformsOf(held: Held[]): PlatformId[] {
  if (held.length === 1) return [held[0]!.platformId]
  return [...new Set(held.map((one) => one.platformId))].sort((a, b) => a - b)
}
