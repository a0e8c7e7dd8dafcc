/**
 * At the door: where a login may be refused, it takes a seat in the store before it comes in.
 *
 * Seats in the way may belong to sockets that are as good as gone: the same device's own, half open elsewhere, or
 * those of a node that died. Before a login is refused, the nodes in question are asked to make room.
 */
import { StoreUnavailableError } from '../../src/errors.js'
import type { Eviction } from '../../src/presence/eviction.js'
import { OLD } from '../../src/presence/roster.js'
import type { HeldSeats, Holder, Seat, SeatOutcome, SeatRefusal, UserId } from '../../src/presence/types.js'
import { nodeOfHolder } from '../../src/presence/watch-index.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { type Outcome, type ReplyTo, refOfKey } from '../../src/runtime/index.js'
import { send } from './logins.js'
import { type Admission, type Ctx, flushSoon, type State } from './state.js'

const STORE_DEADLINE_MS = 3_000
/** How long a login waits at the door for others to make room. */
const ROOM_WAIT_MS = 1_000
/** For the store to hear of the room that was made. */
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
    seat: `${platformId}/${(++state.lastId).toString(36)}`,
    userId,
    platformId,
    token,
    replyTo,
    sinceMs: ctx.nowMs(),
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
    yielding: [...replacedHere(state, admission), ...sameAtDoor(state, admission)].flatMap(
      ({ seat }) => seat ?? [],
    ),
    perUserMax,
    perPlatformMax,
  }
  ctx.ask(state.addresses.sync, { kind: 'takeSeat', request, onlyLiving }, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'seatAnswered',
    seat,
    outcome,
  }))
}

/** Connections of the same device here, which leave when it comes back. */
function replacedHere(
  state: State,
  { userId, platformId, token }: Pick<Admission, 'userId' | 'platformId' | 'token'>,
) {
  const rivals = state.seating!.rivals.removedBy(platformId)
  return state.roster
    .logins(userId)
    .filter((login) => login.token === token && rivals.includes(login.platformId))
}

/** The same device, let in a moment ago and not connected yet. */
function sameAtDoor(state: State, { seat, userId, token }: Admission): Admission[] {
  return [...state.admissions.values()].filter(
    (other) => other.isGranted && other.seat !== seat && other.userId === userId && other.token === token,
  )
}

export function onSeatAnswered(ctx: Ctx, state: State, seat: Seat, outcome: Outcome<SeatOutcome>): void {
  const admission = state.admissions.get(seat)
  if (admission === undefined) return
  if (!outcome.ok) {
    forget(ctx, state, admission)
    return ctx.fail(admission.replyTo, outcome.error)
  }
  if (outcome.value.isTaken) return grant(ctx, admission)
  const { reason, holders } = outcome.value
  const isLate = ctx.nowMs() - admission.sinceMs >= ROOM_WAIT_MS
  const strangers = holders.filter(
    (holder) => nodeOfHolder(holder) !== state.settings.nodeId && !admission.asked.has(holder),
  )
  if (strangers.length > 0 && !isLate) return askForRoom(ctx, state, admission, reason, strangers)
  // At least one more look, without the dead.
  if (!admission.hasLookedAgain) return lookAgain(ctx, state, admission)
  if (admission.gone === 0 || isLate) return refuse(ctx, state, admission, reason)
  // Room was made, and the store has perhaps not heard of it yet.
  ctx.once(`seat ${seat}`, ROOM_LOOK_MS, { kind: 'seatDue', seat })
}

function askForRoom(
  ctx: Ctx,
  state: State,
  admission: Admission,
  reason: SeatRefusal,
  holders: Holder[],
): void {
  const { seat, userId, platformId, token } = admission
  const eviction: Eviction = { userId, before: OLD, newcomer: token, makesRoom: true }
  if (reason === 'conflict') eviction.platformIds = [...state.seating!.rivals.removedBy(platformId)]
  admission.gone = 0
  for (const to of new Set(holders)) {
    admission.asked.add(to)
    admission.unanswered.add(to)
    send(ctx, state, { to, eviction, admission })
  }
  ctx.once(`seat ${seat}`, ROOM_WAIT_MS, { kind: 'seatDue', seat })
}

/** A node that was asked to make room has answered. */
export function onRoomMade(ctx: Ctx, admission: Admission, from: Holder, gone: number): void {
  admission.unanswered.delete(from)
  admission.gone += gone
  if (admission.unanswered.size > 0) return
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
  for (const [id, sent] of state.evictions) if (sent.admission?.seat === seat) state.evictions.delete(id)
  if (isGranted) seatsChanged(ctx, state, userId)
}

/** A login that was let in is there: the same device's former sockets here leave. */
export function onSeated(ctx: Ctx, state: State, report: PresenceShard.Connected): void {
  const { userId, platformId, token, seat } = report
  if (seat === undefined || !state.admissions.delete(seat)) return
  ctx.cancel(`seat ${seat}`)
  for (const login of replacedHere(state, { userId, platformId, token })) {
    if (login.seat !== seat) ctx.tell(refOfKey<Connection.Command>(login.key), { kind: 'replace' })
  }
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
