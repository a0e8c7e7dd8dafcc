/**
 * Seats: where a login may be refused, it takes a seat in the store before it comes in.
 *
 * Connections of one device do not conflict; each counts for the caps. Seats in the way may belong to connections that
 * are as good as gone: those of the same device, half open here or elsewhere, or those of a node that died. Before a
 * login is refused for a cap, the device's connections are probed, wherever they are.
 */
import type { LoginPolicy } from '../logins/login-policy.js'
import { seatOf } from '../logins/seat.js'
import type { TokenDigest } from '../logins/token-digest.js'
import { PROBE_MS } from '../presence/probe.js'
import type { HeldSeats, Holder, PlatformId, Seat, SeatOutcome, SeatRefusal, UserId } from '../types.js'
import type { Caller, Due, Effects } from './effects.js'

/** How long a login waits at the door for others to make room: for a probe, and the ways there and back... */
export const ROOM_WAIT_MS = PROBE_MS + 1_000
/** ...but no longer than this part of the time that a handshake has. */
const ROOM_WAIT_PART = 0.5
/** How long to wait for the store to hear of the room that was made, and how often to look. */
const ROOM_HEARD_MS = 1_000
const ROOM_LOOK_MS = 50
/** How long a seat is kept for a login that was let in. */
export const CONNECT_WAIT_MS = 10_000

/** What a login has to fit in with before it may come in. */
export interface Seating {
  /** Which platforms conflict. */
  rivals: LoginPolicy
  /** Rivals leave when a newcomer comes; otherwise they stay, and the newcomer is refused. */
  rivalsYield: boolean
  /** 0 = no cap. */
  perUserMax: number
  perPlatformMax: number
}

/** A login at the door, or one that was let in and has not connected yet. */
interface PendingLogin {
  seat: Seat
  userId: UserId
  platformId: PlatformId
  token: TokenDigest
  caller: Caller
  /** When it is refused at the latest. */
  deadlineMs: number
  isGranted: boolean
  hasLookedAgain: boolean
  /** Nodes that were asked to make room, and those of them that have not answered. */
  asked: Set<Holder>
  unanswered: Set<Holder>
  /** How many made room. */
  gone: number
}

export class Seats {
  /** Undefined = seats are not in use: every login may come in. */
  readonly #seating: Seating | undefined
  readonly #handshakeTimeoutMs: number
  readonly #pending = new Map<Seat, PendingLogin>()
  readonly #byUser = new Map<UserId, Set<PendingLogin>>()
  #lastId: number

  constructor(seating: Seating | undefined, handshakeTimeoutMs: number, lastId: number) {
    this.#seating = seating
    this.#handshakeTimeoutMs = handshakeTimeoutMs
    this.#lastId = lastId
  }

  get isInUse(): boolean {
    return this.#seating !== undefined
  }

  /** Seats of the user's logins that have not connected yet: those let in, and those that the store was asked for. */
  pendingOf(userId: UserId): HeldSeats {
    const seats: HeldSeats = { taken: [], asked: [] }
    for (const { seat, isGranted } of this.#byUser.get(userId) ?? []) {
      ;(isGranted ? seats.taken : seats.asked).push(seat)
    }
    return seats
  }

  /** A login wants to come in. */
  admit(
    login: { userId: UserId; platformId: PlatformId; token: TokenDigest },
    caller: Caller,
    nowMs: number,
    out: Effects,
  ): void {
    const { userId, platformId, token } = login
    const pending: PendingLogin = {
      seat: seatOf(platformId, token, ++this.#lastId),
      userId,
      platformId,
      token,
      caller,
      deadlineMs: nowMs + Math.min(ROOM_WAIT_MS, this.#handshakeTimeoutMs * ROOM_WAIT_PART),
      isGranted: false,
      hasLookedAgain: false,
      asked: new Set(),
      unanswered: new Set(),
      gone: 0,
    }
    this.#add(pending)
    this.#ask(pending, false, out)
  }

  /** The store has answered. */
  answered(seat: Seat, outcome: SeatOutcome, nowMs: number, out: Effects): void {
    const pending = this.#pending.get(seat)
    if (pending === undefined) return
    if (outcome.isTaken) return this.#grant(pending, out)
    // The first look counted nodes that may be dead.
    if (!pending.hasLookedAgain) return this.#lookAgain(pending, out)
    // Connections of the same device are no rivals: their end would change nothing.
    if (outcome.reason === 'conflict') return this.#refuse(pending, outcome.reason, out)
    const isLate = nowMs >= pending.deadlineMs
    const holders = new Set(outcome.holders.filter((holder) => !pending.asked.has(holder)))
    if (holders.size > 0 && !isLate) return this.#askForRoom(pending, holders, nowMs, out)
    if (pending.gone === 0 || isLate) return this.#refuse(pending, outcome.reason, out)
    // Room was made, and the store has perhaps not heard of it yet.
    out.push({ kind: 'arm', due: dueOf(pending), delayMs: ROOM_LOOK_MS })
  }

  /** The store did not answer, and may have said yes. Returns who has to hear of it; undefined = nobody any more. */
  failed(seat: Seat, out: Effects): Caller | undefined {
    const pending = this.#pending.get(seat)
    if (pending === undefined) return undefined
    this.#forget(pending, out)
    out.push({ kind: 'assertSoon', userIds: [pending.userId] })
    return pending.caller
  }

  /** All probes at one node have ended. */
  roomMade(seat: Seat, holder: Holder, gone: number, nowMs: number, out: Effects): void {
    const pending = this.#pending.get(seat)
    if (pending === undefined) return
    pending.unanswered.delete(holder)
    pending.gone += gone
    if (pending.unanswered.size > 0) return
    pending.deadlineMs = Math.min(pending.deadlineMs, nowMs + ROOM_HEARD_MS)
    out.push({ kind: 'arm', due: dueOf(pending), delayMs: pending.gone > 0 ? ROOM_LOOK_MS : 0 })
  }

  due(seat: Seat, out: Effects): void {
    const pending = this.#pending.get(seat)
    if (pending === undefined) return
    if (pending.isGranted) this.#forget(pending, out)
    else this.#lookAgain(pending, out)
  }

  /** A login that was let in is there: its connection has the seat from now on. */
  connected(seat: Seat, out: Effects): void {
    const pending = this.#pending.get(seat)
    if (pending === undefined) return
    this.#remove(pending)
    out.push({ kind: 'disarm', due: dueOf(pending) })
  }

  /** A client that was let in had gone by then. */
  released(seat: Seat, out: Effects): void {
    const pending = this.#pending.get(seat)
    if (pending !== undefined) this.#forget(pending, out)
  }

  #ask({ seat, userId, platformId }: PendingLogin, onlyLiving: boolean, out: Effects): void {
    const { rivals, rivalsYield, perUserMax, perPlatformMax } = this.#seating!
    const request = {
      userId,
      platformId,
      seat,
      rivals: [...rivals.removedBy(platformId)],
      rivalsYield,
      perUserMax,
      perPlatformMax,
    }
    out.push({ kind: 'takeSeat', request, onlyLiving })
  }

  #askForRoom(pending: PendingLogin, holders: ReadonlySet<Holder>, nowMs: number, out: Effects): void {
    const { seat, userId, token } = pending
    out.push({ kind: 'arm', due: dueOf(pending), delayMs: pending.deadlineMs - nowMs })
    for (const to of holders) {
      pending.asked.add(to)
      pending.unanswered.add(to)
      out.push({ kind: 'makeRoom', to, userId, token, seat })
    }
  }

  /** What is still in the way may belong to nodes that died. */
  #lookAgain(pending: PendingLogin, out: Effects): void {
    pending.hasLookedAgain = true
    this.#ask(pending, true, out)
  }

  #grant(pending: PendingLogin, out: Effects): void {
    pending.isGranted = true
    const { seat, caller } = pending
    out.push({ kind: 'answerLogin', caller, seat })
    out.push({ kind: 'arm', due: dueOf(pending), delayMs: CONNECT_WAIT_MS })
  }

  #refuse(pending: PendingLogin, reason: SeatRefusal, out: Effects): void {
    const { seat, caller } = pending
    out.push({ kind: 'answerLogin', caller, seat, reason })
    this.#forget(pending, out)
  }

  /** The seat, if it was taken, is not among those that the next assertion keeps. */
  #forget(pending: PendingLogin, out: Effects): void {
    const { seat, userId, isGranted, asked } = pending
    this.#remove(pending)
    out.push({ kind: 'disarm', due: dueOf(pending) })
    if (asked.size > 0) out.push({ kind: 'stopWaiting', waiter: { kind: 'login', seat } })
    if (isGranted) out.push({ kind: 'assertSoon', userIds: [userId] })
  }

  #add(pending: PendingLogin): void {
    const { seat, userId } = pending
    this.#pending.set(seat, pending)
    const ofUser = this.#byUser.get(userId)
    if (ofUser === undefined) this.#byUser.set(userId, new Set([pending]))
    else ofUser.add(pending)
  }

  #remove(pending: PendingLogin): void {
    const { seat, userId } = pending
    this.#pending.delete(seat)
    const ofUser = this.#byUser.get(userId)!
    ofUser.delete(pending)
    if (ofUser.size === 0) this.#byUser.delete(userId)
  }
}

function dueOf({ seat }: PendingLogin): Due {
  return { timer: 'seat', id: seat }
}
