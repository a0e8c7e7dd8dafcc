/**
 * The roster: the logins of one shard's users on this node.
 *
 * A user is *shown* on a platform while a socket of that platform is open, or broke less than the grace ago. They are
 * *reachable* there only while a socket is open. Several sockets of one platform count once.
 *
 * Each socket is a login, with a number that orders a user's logins everywhere. A new one waits for its number; on
 * one node the order in which logins came is the order of their numbers.
 */
import { ADMIN_KICK, type Eviction } from '../logins/eviction.js'
import type { TokenDigest } from '../logins/token-digest.js'
import { distinct } from '../platforms.js'
import type { LoginNumber, PlatformId, Seat, UserId } from '../types.js'

/** A socket's name within the process, unique for its life. */
export type ConnectionKey = number

/** An open socket, as its io thread reports it. */
export interface Login {
  key: ConnectionKey
  platformId: PlatformId
  background: boolean
  thread: number
  token: TokenDigest
  /** Where seats are in use. */
  seat?: Seat | undefined
}

export interface OpenLogin extends Login {
  /** Undefined = it waits for its number. */
  number: LoginNumber | undefined
}

/** The logins that an eviction met. */
export interface Obeying {
  /** Open sockets that have to go, in order of login. */
  leaving: ConnectionKey[]
  /**
   * Open sockets of the newcomer's own device, in order of login, at most PROBED_MAX: they stay if they answer. A
   * device may have several (two tabs), and may have left one half open.
   */
  probed: ConnectionKey[]
  /** Places without a socket went at once, and the shown platforms changed with them. */
  isChanged: boolean
  /** A login that it may concern waits for its number: evict again then. */
  isWaiting: boolean
}

interface Held extends OpenLogin {
  /** The number is on its way. */
  isAsked: boolean
  /** An eviction met it: its end is only a matter of time. */
  isLeaving: boolean
  /** When the socket broke; undefined = open. */
  brokenAtMs: number | undefined
}

interface User {
  /** In the order in which they came. */
  held: Held[]
  /** The highest version of the user that this shard has seen in the store's answers. */
  version: number
}

export interface Standing {
  /** Platforms on which the user is shown. Distinct, ascending; empty = offline here. */
  platformIds: PlatformId[]
  /** The highest that this shard has seen in the store's answers; 0 = none. */
  version: number
  /** Whether a login waits for a number that nobody has asked for yet. */
  isWaiting: boolean
}

const NOT_HERE: Standing = { platformIds: [], version: 0, isWaiting: false }

/** A place held without a socket: the shard asserted it before it was restarted. */
const NO_SOCKET = -1

/**
 * How many sockets of one device an eviction probes: the last ones. A socket that a device lost without noticing is
 * among them. Without a bound a client that keeps opening sockets would make each login dearer than the one before.
 */
export const PROBED_MAX = 16

/** A login whose number is not known, only that it came before all that have one. */
export const UNNUMBERED: LoginNumber = 0

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

  /**
   * A socket is open, or changed its background flag. Without `number` a socket that is new here waits for its own.
   * True = the shown platforms changed.
   */
  connect(userId: UserId, login: Login, number?: LoginNumber): boolean {
    const user = this.#user(userId)
    const known = user.held.find((held) => held.key === login.key)
    if (known !== undefined) {
      known.background = login.background
      return false
    }
    const isShown = user.held.some((held) => held.platformId === login.platformId)
    // The user is back: sockets of this platform that broke have nothing left to be held for.
    user.held = user.held.filter(
      (held) => held.platformId !== login.platformId || held.brokenAtMs === undefined,
    )
    // Field by field: spread, each login would get a hidden class of its own (a third of the time of an assertion).
    const held: Held = {
      key: login.key,
      platformId: login.platformId,
      background: login.background,
      thread: login.thread,
      token: login.token,
      seat: login.seat,
      number,
      isAsked: false,
      isLeaving: false,
      brokenAtMs: undefined,
    }
    if (number === undefined) user.held.push(held)
    else user.held.splice(placeOf(user.held, number), 0, held)
    return !isShown
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
      token: '',
      seat: undefined,
      number: UNNUMBERED,
      isAsked: false,
      isLeaving: false,
      brokenAtMs: undefined,
    }
    user.held.unshift(held)
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

  /** Open sockets in the order in which they came, without those that were sent away. */
  logins(userId: UserId): readonly OpenLogin[] {
    return (this.#users.get(userId)?.held ?? []).filter(
      (held) => held.brokenAtMs === undefined && !held.isLeaving,
    )
  }

  /** Whether a login waits for a number that nobody has asked for yet. */
  isWaiting(userId: UserId): boolean {
    return this.#users.get(userId)?.held.some(isToAsk) ?? false
  }

  /** The numbers of all who wait are being asked for. */
  askNumbers(userId: UserId): void {
    for (const held of this.#users.get(userId)?.held ?? []) held.isAsked = held.number === undefined
  }

  /** The store has the user with this version. Returns the logins that asked for a number: it is theirs. */
  recorded(userId: UserId, version: number): Login[] {
    const user = this.#users.get(userId)
    if (user === undefined) return []
    if (version > user.version) user.version = version
    return giveNumber(user, version)
  }

  /** The store was not told. Returns the logins that asked for a number: they have to ask again. */
  unrecorded(userId: UserId): Login[] {
    const user = this.#users.get(userId)
    return user === undefined ? [] : giveNumber(user, undefined)
  }

  /** Apply an eviction to the user's logins. */
  evict({ userId, before, newcomer, ...eviction }: Eviction & { key?: ConnectionKey }): Obeying {
    const obeying: Obeying = { leaving: [], probed: [], isChanged: false, isWaiting: false }
    const user = this.#users.get(userId)
    for (const held of user?.held ?? []) {
      const isOpen = held.brokenAtMs === undefined
      if (isOpen && newcomer !== undefined && held.token === newcomer) {
        // The order of one device's sockets does not matter: those that answer stay. Later ones are not suspect.
        if ((held.number ?? UNNUMBERED) <= before && !held.isLeaving) obeying.probed.push(held.key)
        continue
      }
      if (!isMeant(held, eviction)) continue
      const obeys = (held.number ?? UNNUMBERED) < before
      if (held.number === undefined && before < ADMIN_KICK && isOpen) obeying.isWaiting = true
      else if (obeys) this.#evict(user!, held, obeying)
    }
    return withLastProbed(obeying)
  }

  /** Remove what a login on this node replaces: logins on `platformIds` that came here before it. */
  evictBefore(userId: UserId, key: ConnectionKey, platformIds: readonly PlatformId[]): Obeying {
    const obeying: Obeying = { leaving: [], probed: [], isChanged: false, isWaiting: false }
    const user = this.#users.get(userId)
    const newcomer = user?.held.find((held) => held.key === key)
    for (const held of user?.held ?? []) {
      if (held === newcomer || newcomer === undefined) break
      if (held.token === newcomer.token && held.brokenAtMs === undefined) {
        if (!held.isLeaving) obeying.probed.push(held.key)
      } else if (platformIds.includes(held.platformId)) this.#evict(user!, held, obeying)
    }
    return withLastProbed(obeying)
  }

  /** Open sockets of one device, in order of login, the last PROBED_MAX. */
  socketsOf(userId: UserId, token: TokenDigest): ConnectionKey[] {
    const logins = this.logins(userId).filter((login) => login.token === token)
    return logins.slice(-PROBED_MAX).map(({ key }) => key)
  }

  /** A login was sent away by other than an eviction. Where it had no number it gets none: it removes nobody. */
  dismiss(userId: UserId, key: ConnectionKey): void {
    const held = this.#users.get(userId)?.held.find((one) => one.key === key)
    if (held === undefined) return
    held.isLeaving = true
    held.isAsked = false
    held.number ??= UNNUMBERED
  }

  /** What the store is to be told of the user. */
  standingOf(userId: UserId): Standing {
    const user = this.#users.get(userId)
    if (user === undefined) return NOT_HERE
    return { platformIds: platformsOf(user.held), version: user.version, isWaiting: user.held.some(isToAsk) }
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

  /** A login has to go: at once where there is no socket, else when the socket has closed. */
  #evict(user: User, held: Held, obeying: Obeying): void {
    if (held.brokenAtMs !== undefined) {
      if (this.#drop(user, held)) obeying.isChanged = true
      return
    }
    held.isLeaving = true
    obeying.leaving.push(held.key)
  }

  #drop(user: User, gone: Held): boolean {
    user.held = user.held.filter((held) => held !== gone)
    return !user.held.some((held) => held.platformId === gone.platformId)
  }
}

function isToAsk({ number, isAsked }: Held): boolean {
  return number === undefined && !isAsked
}

function giveNumber({ held }: User, number: LoginNumber | undefined): Login[] {
  const asked = held.filter((one) => one.isAsked)
  for (const one of asked) {
    one.isAsked = false
    one.number = number
  }
  return asked
}

/** Numbered logins stand before those that wait, in order; of equal numbers the later one stands later. */
function placeOf(held: Held[], number: LoginNumber): number {
  const at = held.findIndex((one) => (one.number ?? ADMIN_KICK) > number)
  return at < 0 ? held.length : at
}

/** Of logins in order, the last of each device. Together they remove what all of them remove. */
export function lastOfEachDevice<L extends Login>(logins: readonly L[]): L[] {
  return [...new Map(logins.map((login) => [login.token, login])).values()]
}

function withLastProbed(obeying: Obeying): Obeying {
  if (obeying.probed.length > PROBED_MAX) obeying.probed = obeying.probed.slice(-PROBED_MAX)
  return obeying
}

function isMeant(
  held: Held,
  {
    platformIds,
    key,
    token,
    spares,
  }: Pick<Eviction, 'platformIds' | 'token' | 'spares'> & {
    key?: ConnectionKey
  },
): boolean {
  if (platformIds !== undefined && !platformIds.includes(held.platformId)) return false
  if (key !== undefined && held.key !== key) return false
  return (token === undefined || held.token === token) && held.token !== spares
}

function platformsOf(held: Held[]): PlatformId[] {
  if (held.length === 1) return [held[0]!.platformId]
  return distinct(held.map((one) => one.platformId))
}
