/**
 * At the door: where a login may be refused, it takes a seat in the store before it comes in.
 *
 * Connections of one device do not conflict; each counts for the caps. Seats in the way may belong to connections that
 * are as good as gone: the same device's own, half open here or elsewhere, or those of a node that died. Before a login
 * is refused for a cap, the device's connections are probed, wherever they are.
 */
import { StoreUnavailableError } from '../../../src/errors/errors.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { seatOf } from '../../../src/rules/logins/seat.js'
import { PROBE_MS } from '../../../src/rules/presence/probe.js'
import { OLD } from '../../../src/rules/presence/roster.js'
import { nodeOfHolder } from '../../../src/rules/presence/watch-index.js'
import type { HeldSeats, Holder, Seat, SeatOutcome, SeatRefusal, UserId } from '../../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../../src/runtime/index.js'
import { forgetOrders, send } from './evictions.js'
import { probeFor } from './probes.js'
import { type Admission, type Ctx, flushSoon, type State } from './state.js'

const STORE_DEADLINE_MS = 3_000
/** How long a login waits at the door for others to make room: for a probe, and the ways there and back... */
const ROOM_WAIT_MS = PROBE_MS + 1_000
/** ...but no longer than this part of the time that a handshake has. */
const ROOM_WAIT_PART = 0.5
/** How long to wait for the store to hear of the room that was made, and how often to look. */
const ROOM_HEARD_MS = 1_000
const ROOM_LOOK_MS = 50
/** How long a seat is kept for a login that was let in. */
const CONNECT_WAIT_MS = 10_000

export function onAdmit(ctx: Ctx, state: State, question: PresenceShard.Admit): void {
  const replyTo = ctx.replyTo as ReplyTo<PresenceShard.AdmitVerdict>
  if (state.isRebuilding) {
    return ctx.fail(replyTo, new StoreUnavailableError('This shard does not know its own connections yet.'))
  }
  const { userId, platformId, token } = question
  const admission: Admission = {
    seat: seatOf(platformId, token, ++state.lastId),
    userId,
    platformId,
    token,
    replyTo,
    deadlineMs: ctx.nowMs() + Math.min(ROOM_WAIT_MS, state.settings.handshakeTimeoutMs * ROOM_WAIT_PART),
    isGranted: false,
    hasLookedAgain: false,
    asked: new Set(),
    unanswered: new Set(),
    gone: 0,
  }
  state.admissions.set(admission.seat, admission)
  askForSeat(ctx, state, admission, false)
}

function askForSeat(ctx: Ctx, state: State, admission: Admission, onlyLiving: boolean): void {
  const { seat, userId, platformId } = admission
  const { rivals, rivalsYield, perUserMax, perPlatformMax } = state.seating!
  const request = {
    userId,
    platformId,
    seat,
    rivals: [...rivals.removedBy(platformId)],
    rivalsYield,
    perUserMax,
    perPlatformMax,
  }
  ctx.ask(
    state.addresses.presenceSync,
    { kind: 'takeSeat', request, onlyLiving },
    STORE_DEADLINE_MS,
    (outcome) => ({
      kind: 'seatAnswered',
      seat,
      outcome,
    }),
  )
}

export function onSeatAnswered(ctx: Ctx, state: State, seat: Seat, outcome: Outcome<SeatOutcome>): void {
  const admission = state.admissions.get(seat)
  if (admission === undefined) return
  if (!outcome.ok) {
    forget(ctx, state, admission)
    // The answer may have been a yes.
    seatsChanged(ctx, state, admission.userId)
    return ctx.fail(admission.replyTo, outcome.error)
  }
  const { value } = outcome
  if (value.isTaken) return grant(ctx, admission)
  // The first look counted nodes that may be dead.
  if (!admission.hasLookedAgain) return lookAgain(ctx, state, admission)
  // Connections of the same device are no rivals: their end would change nothing.
  if (value.reason === 'conflict') return refuse(ctx, state, admission, value.reason)
  const isLate = ctx.nowMs() >= admission.deadlineMs
  const holders = new Set(value.holders.filter((holder) => !admission.asked.has(holder)))
  if (holders.size > 0 && !isLate) return askForRoom(ctx, state, admission, holders)
  if (admission.gone === 0 || isLate) return refuse(ctx, state, admission, value.reason)
  // Room was made, and the store has perhaps not heard of it yet.
  ctx.once(`seat ${seat}`, ROOM_LOOK_MS, { kind: 'seatDue', seat })
}

function askForRoom(ctx: Ctx, state: State, admission: Admission, holders: ReadonlySet<Holder>): void {
  const { seat, userId, token } = admission
  ctx.once(`seat ${seat}`, admission.deadlineMs - ctx.nowMs(), { kind: 'seatDue', seat })
  for (const to of holders) {
    admission.asked.add(to)
    admission.unanswered.add(to)
  }
  for (const to of holders) {
    if (nodeOfHolder(to) === state.settings.nodeId) probeFor(ctx, state, userId, token, { at: to, id: seat })
    else send(ctx, state, { to, eviction: { userId, before: OLD, probes: token }, admission })
  }
}

/** All probes at one node have ended. */
export function onRoomMade(ctx: Ctx, admission: Admission, from: Holder, gone: number): void {
  admission.unanswered.delete(from)
  admission.gone += gone
  if (admission.unanswered.size > 0) return
  admission.deadlineMs = Math.min(admission.deadlineMs, ctx.nowMs() + ROOM_HEARD_MS)
  const lookMs = admission.gone > 0 ? ROOM_LOOK_MS : 0
  ctx.once(`seat ${admission.seat}`, lookMs, { kind: 'seatDue', seat: admission.seat })
}

export function onSeatDue(ctx: Ctx, state: State, seat: Seat): void {
  const admission = state.admissions.get(seat)
  if (admission === undefined) return
  if (admission.isGranted) return forget(ctx, state, admission)
  lookAgain(ctx, state, admission)
}

/** What is still in the way may belong to nodes that died. */
function lookAgain(ctx: Ctx, state: State, admission: Admission): void {
  admission.hasLookedAgain = true
  askForSeat(ctx, state, admission, true)
}

function grant(ctx: Ctx, admission: Admission): void {
  admission.isGranted = true
  const { seat } = admission
  ctx.reply(admission.replyTo, { isAdmitted: true, seat })
  ctx.once(`seat ${seat}`, CONNECT_WAIT_MS, { kind: 'seatDue', seat })
}

function refuse(ctx: Ctx, state: State, admission: Admission, reason: SeatRefusal): void {
  ctx.reply(admission.replyTo, { isAdmitted: false, reason })
  forget(ctx, state, admission)
}

/** The seat, if it was taken, is not among those that the next assertion keeps. */
function forget(ctx: Ctx, state: State, { seat, userId, isGranted }: Admission): void {
  state.admissions.delete(seat)
  ctx.cancel(`seat ${seat}`)
  forgetOrders(ctx, state, (order) => order.admission?.seat === seat)
  if (isGranted) seatsChanged(ctx, state, userId)
}

/** A login that was let in is there: its connection has the seat from now on. */
export function onSeated(ctx: Ctx, state: State, { seat }: PresenceShard.Connected): void {
  if (seat === undefined || !state.admissions.delete(seat)) return
  ctx.cancel(`seat ${seat}`)
}

/** A client that was let in had gone by then. */
export function onUnseated(ctx: Ctx, state: State, { seat }: PresenceShard.Unseated): void {
  const admission = state.admissions.get(seat)
  if (admission !== undefined) forget(ctx, state, admission)
}

/** Where seats are in use, the store hears of every connection that goes. */
export function seatsChanged(ctx: Ctx, state: State, userId: UserId): void {
  if (state.seating === undefined) return
  state.asserts.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

/** What this node has of the user's seats; undefined = seats are not in use. */
export function seatsOf(state: State, userId: UserId): HeldSeats | undefined {
  if (state.seating === undefined) return undefined
  const seats: HeldSeats = {
    taken: state.roster.logins(userId).flatMap((login) => login.seat ?? []),
    asked: [],
  }
  for (const { seat, isGranted, userId: other } of state.admissions.values()) {
    if (other === userId) (isGranted ? seats.taken : seats.asked).push(seat)
  }
  return seats
}
