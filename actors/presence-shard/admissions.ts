/**
 * At the door: where a login may be refused, it takes a seat in the store before it comes in.
 *
 * Seats in the way may belong to sockets that are as good as gone: the same device's own, half open elsewhere, or
 * those of a node that died. Before a login is refused, the nodes in question are asked to make room.
 */
import { StoreUnavailableError } from '../../src/errors.js'
import { BY_HAND, type Eviction } from '../../src/presence/eviction.js'
import { OLD } from '../../src/presence/roster.js'
import type { TokenDigest } from '../../src/presence/token-digest.js'
import type {
  HeldSeats,
  Holder,
  PlatformId,
  Seat,
  SeatOutcome,
  SeatRefusal,
  UserId,
} from '../../src/presence/types.js'
import { nodeOfHolder } from '../../src/presence/watch-index.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { type Outcome, type ReplyTo, refOfKey } from '../../src/runtime/index.js'
import { forgetOrders, obey, send } from './evictions.js'
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
    displaces: [],
    isDisplaced: false,
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
  admission.displaces = formerSeats(state, admission)
  const request = {
    userId,
    platformId,
    seat,
    rivals: [...rivals.removedBy(platformId)],
    rivalsYield,
    yielding: admission.displaces,
    perUserMax,
    perPlatformMax,
  }
  ctx.ask(state.addresses.sync, { kind: 'takeSeat', request, onlyLiving }, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'seatAnswered',
    seat,
    outcome,
  }))
}

/** What the same device has here: connections, and places at the door. They leave when it comes in. */
function formerSeats(state: State, { seat, userId, platformId, token }: Admission): Seat[] {
  const rivals = state.seating!.rivals.removedBy(platformId)
  const isFormer = (other: { token: TokenDigest; platformId: PlatformId; seat?: Seat | undefined }) =>
    other.token === token && other.seat !== seat && rivals.includes(other.platformId)
  const atDoor = [...state.admissions.values()].filter((other) => other.isGranted && other.userId === userId)
  return [...state.roster.logins(userId), ...atDoor].filter(isFormer).flatMap((other) => other.seat ?? [])
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
  if (value.isTaken) return grant(ctx, state, admission)
  // The first look counted nodes that may be dead.
  if (!admission.hasLookedAgain) return lookAgain(ctx, state, admission)
  const isLate = ctx.nowMs() - admission.sinceMs >= ROOM_WAIT_MS
  const holders = new Set(value.holders.filter((holder) => !admission.asked.has(holder)))
  if (holders.size > 0 && !isLate) return askForRoom(ctx, state, admission, holders)
  if (admission.gone === 0 || isLate) return refuse(ctx, state, admission, value.reason)
  // Room was made, and the store has perhaps not heard of it yet.
  ctx.once(`seat ${seat}`, ROOM_LOOK_MS, { kind: 'seatDue', seat })
}

function askForRoom(ctx: Ctx, state: State, admission: Admission, holders: ReadonlySet<Holder>): void {
  const { seat, userId } = admission
  const obeying = state.roster.evict(roomFor(admission))
  obey(ctx, state, userId, obeying, OLD)
  admission.gone = obeying.leaving.length
  for (const to of holders) {
    admission.asked.add(to)
    if (nodeOfHolder(to) === state.settings.nodeId) continue
    admission.unanswered.add(to)
    send(ctx, state, { to, eviction: roomFor(admission), admission })
  }
  const waitMs = admission.unanswered.size > 0 ? ROOM_WAIT_MS : ROOM_LOOK_MS
  ctx.once(`seat ${seat}`, waitMs, { kind: 'seatDue', seat })
}

/** The former sockets of the same device leave, in silence. */
function roomFor({ userId, token }: Admission): Eviction {
  return { userId, before: BY_HAND, token, newcomer: token }
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

function grant(ctx: Ctx, state: State, admission: Admission): void {
  admission.isGranted = true
  for (const displaced of admission.displaces) {
    const other = state.admissions.get(displaced)
    if (other !== undefined) other.isDisplaced = true
  }
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

/** A login that was let in has gone before it came. */
export function onSeatReleased(ctx: Ctx, state: State, seat: Seat): void {
  const admission = state.admissions.get(seat)
  if (admission !== undefined) forget(ctx, state, admission)
}

/** A login that was let in is there: the same device's former sockets here leave. */
export function onSeated(
  ctx: Ctx,
  state: State,
  { connection, userId, seat }: PresenceShard.Connected,
): void {
  const admission = seat === undefined ? undefined : state.admissions.get(seat)
  if (admission === undefined) return
  state.admissions.delete(admission.seat)
  ctx.cancel(`seat ${admission.seat}`)
  if (admission.isDisplaced) return ctx.signal(connection, { kind: 'replace' })
  for (const login of state.roster.logins(userId)) {
    if (login.seat === undefined || !admission.displaces.includes(login.seat)) continue
    ctx.signal(refOfKey<Connection.Command>(login.key), { kind: 'replace' })
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
  for (const { seat, isGranted, isDisplaced, userId: other } of state.admissions.values()) {
    if (other === userId && !isDisplaced) (isGranted ? seats.taken : seats.asked).push(seat)
  }
  return seats
}
