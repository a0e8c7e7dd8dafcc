/**
 * Carries out what the sub-machines decided: to other actors, or to the sub-machine that it concerns. Thread: shard.
 *
 * Effects are carried out in the order in which they were pushed. What follows from one comes after all that were
 * there already, so the order of the messages does not depend on which sub-machine decided first. Tests and receivers
 * rely on two orders: a connection hears of its number before it hears of a kick by a later login, and another node is
 * sent an admin's eviction before connections here are kicked.
 */

import { KickUnconfirmedError } from '../../../src/errors/errors.js'
import type * as Connection from '../../../src/protocol/connection.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { nodeOfHolder } from '../../../src/rules/cluster/holder.js'
import { UNNUMBERED } from '../../../src/rules/presence/roster.js'
import type { Due, Effect } from '../../../src/rules/shard/effects.js'
import { REBUILD_ASK_MS } from '../../../src/rules/shard/rebuild.js'
import type { UserId } from '../../../src/rules/types.js'
import { refOfKey } from '../../../src/runtime/index.js'
import type { Ctx, State } from './state.js'
import { STORE_DEADLINE_MS, sendAssertions, sendInterests } from './to-store.js'

/** Users in one letter. */
const STATUSES_MAX = 1_000

type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>
type Handlers = { [K in Effect['kind']]: (ctx: Ctx, state: State, effect: EffectOf<K>) => void }

export function carryOut(ctx: Ctx, state: State): void {
  const { out } = state
  if (out.length === 0) return
  for (let at = 0; at < out.length; at++) {
    const effect = out[at]!
    HANDLERS[effect.kind](ctx, state, effect as never)
  }
  out.length = 0
}

const HANDLERS: Handlers = {
  // Timers
  arm: (ctx, _state, { due, delayMs }) => ctx.once(keyOf(due), delayMs, { kind: 'due', due }),
  disarm: (ctx, _state, { due }) => ctx.cancel(keyOf(due)),

  // Sessions
  shownChanged: (ctx, { flights, watches, out }, { userIds }) => {
    flights.assert(userIds, ctx.nowMs(), out)
    watches.tell(userIds, out)
  },
  assertSoon: (ctx, { flights, out }, { userIds }) => flights.assert(userIds, ctx.nowMs(), out),
  tellWatchers: (_ctx, { watches, out }, { userIds }) => watches.tell(userIds, out),
  signal: (ctx, _state, { key, order }) => ctx.signal(refOfKey<Connection.Command>(key), order),

  // Flights
  sendAssertions: (ctx, state, { userIds, isBackground }) =>
    sendAssertions(ctx, state, userIds, isBackground),
  sendInterests: (ctx, state, { userIds, isBackground }) => sendInterests(ctx, state, userIds, isBackground),
  flushSoon: (ctx) => ctx.signal(ctx.self, { kind: 'flushDue' }),
  allRecorded: answerFlushers,

  // Watches
  statuses: tellStatuses,
  watchStarted: (ctx, { flights, out }, { userIds }) => flights.watchStarted(userIds, ctx.nowMs(), out),
  watchEnded: (ctx, { flights, out }, { userIds }) => flights.watchEnded(userIds, ctx.nowMs(), out),
  remind: (ctx, { args }, remind) => ctx.tell(args.addresses.presenceSync, remind),

  // Logins
  evictElsewhere: (ctx, { evictions, out }, { to, eviction, waiter }) =>
    evictions.send(to, eviction, waiter, ctx.nowMs(), out),
  evictHere,
  kickTokensHere: (_ctx, { sessions, loginOrder, out }, { kicked }) => {
    if (sessions.kickTokens(kicked, out)) loginOrder.awaitNumber(kicked)
  },
  holdersKnown: (_ctx, { kicks, out }, { userId, version, holders }) =>
    kicks.begin(userId, version, holders, out),
  sendEviction: (ctx, { args }, { to, id, eviction }) => {
    args.counts.evictionsSent++
    ctx.tell(args.addresses.presenceSync, { kind: 'evict', to, id, eviction })
  },
  answerEviction: (ctx, { args }, { to, id, userId, gone, left }) =>
    ctx.tell(args.addresses.presenceSync, { kind: 'evicted', to, id, userId, gone, left }),
  evictionLost: (ctx, _state, { to }) => ctx.log.warn({ node: to }, 'an eviction was never answered'),
  evictionEnded,
  stopWaiting: (_ctx, { evictions, out }, { waiter }) => evictions.forget(waiter, out),
  answerKick: (ctx, _state, { caller, unanswered, gone, left }) => {
    if (unanswered === undefined) {
      return ctx.fail(caller, new KickUnconfirmedError('the store did not answer in time'))
    }
    ctx.reply<PresenceShard.KickOutcome>(caller, { gone, left, unanswered })
  },

  // Seats
  takeSeat: (ctx, { args }, { request, onlyLiving }) =>
    ctx.ask(
      args.addresses.presenceSync,
      { kind: 'takeSeat', request, onlyLiving },
      STORE_DEADLINE_MS,
      (outcome) => ({
        kind: 'seatAnswered',
        seat: request.seat,
        outcome,
      }),
    ),
  makeRoom,
  answerLogin: (ctx, _state, { caller, seat, reason }) =>
    ctx.reply<PresenceShard.AdmitVerdict>(
      caller,
      reason === undefined ? { isAdmitted: true, seat } : { isAdmitted: false, reason },
    ),

  // Rebuild
  requestRebuildState,
  rebuilt,
}

function keyOf(due: Due): string {
  return 'id' in due ? `${due.timer} ${due.id}` : due.timer
}

/** In letters of a bounded size. What comes after one that was refused is not tried: the thread is told all again. */
function tellStatuses(ctx: Ctx, state: State, { thread, statuses }: EffectOf<'statuses'>): void {
  const { watches, args, out } = state
  const fanOut = args.addresses.fanOutOn(thread)
  for (let from = 0; from < statuses.length; from += STATUSES_MAX) {
    const isAll = statuses.length <= STATUSES_MAX
    const letter = isAll ? statuses : statuses.slice(from, from + STATUSES_MAX)
    if (!ctx.tryTell(fanOut, { kind: 'statuses', statuses: letter })) return watches.refused(thread, out)
  }
}

function answerFlushers(ctx: Ctx, { sessions, flushers }: State): void {
  if (flushers.length === 0 || sessions.isAnyInGrace) return
  for (const replyTo of flushers.splice(0)) ctx.reply(replyTo, null)
}

function evictHere(_ctx: Ctx, state: State, { eviction, waiter }: EffectOf<'evictHere'>): void {
  const { sessions, loginOrder, kicks, out } = state
  const result = sessions.evict(eviction, out)
  if (waiter.kind === 'kick') return kicks.answered(waiter.id, undefined, result, out)
  loginOrder.evicted(waiter, eviction, result, sessions.logins(eviction.userId), out)
}

function evictionEnded(
  ctx: Ctx,
  state: State,
  { waiter, from, gone, left }: EffectOf<'evictionEnded'>,
): void {
  const { kicks, seats, out } = state
  if (waiter.kind === 'kick') kicks.answered(waiter.id, from, { gone, left }, out)
  else seats.roomMade(waiter.seat, waiter.holder, gone, ctx.nowMs(), out)
}

/** Connections here are probed at once, those elsewhere by an eviction that does nothing else. */
function makeRoom(ctx: Ctx, state: State, { to, userId, token, seat }: EffectOf<'makeRoom'>): void {
  const { sessions, evictions, probes, args, out } = state
  const waiter = { kind: 'login', seat, holder: to } as const
  if (nodeOfHolder(to) === args.settings.nodeId) {
    return probes.start(userId, sessions.socketsOf(userId, token), waiter, out)
  }
  evictions.send(to, { userId, before: UNNUMBERED, probes: token }, waiter, ctx.nowMs(), out)
}

function requestRebuildState(ctx: Ctx, state: State, effect: EffectOf<'requestRebuildState'>): void {
  const { addresses, shard } = state.args
  for (const listener of addresses.listeners) {
    if (effect.threads.includes(listener.thread)) ctx.tell(listener, { kind: 'announce', shard })
  }
  if (!effect.needsHeld) return
  ctx.ask(addresses.presenceSync, { kind: 'held', shard }, REBUILD_ASK_MS, (outcome) => ({
    kind: 'heldBefore',
    outcome,
  }))
}

/** Logins that wait for a number go first; that the others are here is not new. */
function rebuilt(ctx: Ctx, state: State, { heldBefore }: EffectOf<'rebuilt'>): void {
  const { sessions, flights, watches, loginOrder, out } = state
  const nowMs = ctx.nowMs()
  sessions.rebuild(heldBefore, nowMs, out)
  const waiting: UserId[] = []
  const others: UserId[] = []
  for (const userId of sessions.userIds) {
    flights.arrived(userId)
    loginOrder.contest(userId)
    if (sessions.isWaiting(userId)) waiting.push(userId)
    else others.push(userId)
  }
  flights.assert(waiting, nowMs, out)
  flights.assertAgain(others, nowMs, out)
  flights.open(out)
  watches.open(out)
}
