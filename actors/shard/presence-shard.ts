/**
 * Presence shard: the single writer of what this node knows of a slice of users.
 *
 * Thread  shard                       Owns   the sub-machines of src/rules/shard/
 * Hears   PresenceShard.Command       Tells  PresenceSync.Command, FanOut.Command, Listener.Command, Connection.Command
 * Timers  merge, retry, renew, rewatch, grace, leaving, confirm, catchUp, rebuild, evictAgain, kick, probing, seat
 * Fails   restarts empty: io threads announce their connections and watches, sync says what was asserted before
 *
 * The way of a change: socket or other node → sessions or watches → watchers here (at once) and, for what changed here,
 * flights → sync → store. A message goes to the sub-machines that it concerns (here); they decide, and what they
 * decided is carried out (`presence-shard/carry-out.ts`).
 */

import { StoreUnavailableError } from '../../src/errors/errors.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { AdminKicks } from '../../src/rules/shard/admin-kicks.js'
import type { Due } from '../../src/rules/shard/effects.js'
import { Evictions } from '../../src/rules/shard/evictions.js'
import { Flights } from '../../src/rules/shard/flights.js'
import { LoginOrder } from '../../src/rules/shard/login-order.js'
import { Probes } from '../../src/rules/shard/probes.js'
import { Rebuild } from '../../src/rules/shard/rebuild.js'
import { Seats } from '../../src/rules/shard/seats.js'
import { Sessions } from '../../src/rules/shard/sessions.js'
import { Watches } from '../../src/rules/shard/watches.js'
import { assertNever, defineActor, refKey, type Signal, type ThreadSlot } from '../../src/runtime/index.js'
import { carryOut } from './presence-shard/carry-out.js'
import { onAsserted, onHeldBefore, onInterestsSet, onSeatAnswered } from './presence-shard/from-store.js'
import type { Args, Ctx, Message, Of, State } from './presence-shard/state.js'

export type { Seating } from '../../src/rules/shard/seats.js'
export { type Args, newShardCounts, type ShardCounts } from './presence-shard/state.js'

export const presenceShard = defineActor<Message, State, Args>({
  kind: 'presence-shard',
  start,
  receive,
  onSignal,
})

// Routing

function receive(ctx: Ctx, state: State, message: Message): void {
  HANDLERS[message.kind](ctx, state, message as never)
  carryOut(ctx, state)
}

const HANDLERS: { [K in Message['kind']]: (ctx: Ctx, state: State, message: Of<K>) => void } = {
  // Sessions
  connected: onConnected,
  disconnected: onDisconnected,
  storeFails: (ctx, { sessions }) => sessions.storeFailed(ctx.nowMs()),
  flush: onFlush,

  // Flights
  flushDue: (ctx, { flights, out }) => flights.flush(ctx.nowMs(), out),
  storeBack: onStoreBack,
  asserted: onAsserted,
  interestSet: onInterestsSet,

  // Watches
  watch: (_ctx, { watches, flights, out }, { thread, userIds }) =>
    watches.watch(thread, userIds, flights.isPaused, out),
  unwatch: (_ctx, { watches, out }, { thread, userIds }) => watches.unwatch(thread, userIds, out),
  changes: onChanges,
  changesMissed: (ctx, { watches, flights, out }) => flights.readAgain(watches.userIds, ctx.nowMs(), out),
  openimNotice: onOpenimNotice,
  remind: onRemind,
  holding: (_ctx, { watches, out }, { from, users }) => watches.holding(from, users, out),
  nodesLost: (_ctx, { watches, out }, { holders }) => watches.nodesLost(holders, out),

  // Logins
  evict: onEvict,
  evicted: (_ctx, { evictions, out }, { id, gone, left }) => evictions.answered(id, { gone, left }, out),
  withdrawn: onWithdrawn,
  kick: onKick,
  answered: (_ctx, { probes, out }, { userId, connection }) =>
    probes.answered(userId, refKey(connection), false, out),

  // Seats
  admit: onAdmit,
  unseated: (_ctx, { seats, out }, { seat }) => seats.released(seat, out),
  seatAnswered: onSeatAnswered,

  // Rebuild
  announced: onAnnounced,
  heldBefore: onHeldBefore,

  due: (ctx, state, { due }) => onDue(ctx, state, due),
}

function onDue(ctx: Ctx, state: State, due: Due): void {
  const { sessions, flights, watches, evictions, kicks, probes, seats, rebuild, args, out } = state
  const nowMs = ctx.nowMs()
  switch (due.timer) {
    case 'merge':
      return flights.flush(nowMs, out)
    case 'retry':
      return flights.retry(nowMs, out)
    case 'renew':
      return flights.renew(nowMs, out)
    case 'rewatch':
      args.counts.antiEntropyFinds += watches.takeMissed(nowMs)
      return flights.rewatch(nowMs, out)
    case 'grace':
      return sessions.graceDue(nowMs, out)
    case 'leaving':
      return sessions.leavingDue(nowMs, out)
    case 'confirm':
      return flights.readAgain(watches.takeDoubted(), nowMs, out)
    case 'catchUp':
      return watches.catchUp(out)
    case 'rebuild':
      return rebuild.ask(out)
    case 'evictAgain':
      return evictions.againDue(nowMs, out)
    case 'kick':
      return kicks.due(due.id, out)
    case 'probing':
      return probes.due(due.id, out)
    case 'seat':
      return seats.due(due.id, out)
    default:
      return assertNever(due)
  }
}

function onSignal(ctx: Ctx, state: State, signal: Signal): void {
  const isSync = signal.thread === state.args.addresses.presenceSync.thread
  if (signal.kind === 'linked' && isSync) onStoreBack(ctx, state)
  if (signal.kind === 'unlinked' && !isSync) onIoThreadLost(ctx, state, signal.thread)
  carryOut(ctx, state)
}

// Lifecycle

const FLIGHTS_MAX = 2
/** Ids start anywhere, so that what belongs to a former life of this shard is not taken for this one's. */
const FIRST_IDS = 2 ** 40

function start(ctx: Ctx, args: Args): State {
  const { settings, addresses, policy, seating, shard } = args
  const { nodeId, handshakeTimeoutMs, offlineGraceMs } = settings
  const lastId = Math.floor(ctx.random() * FIRST_IDS)
  const areSeatsUsed = seating !== undefined
  const sessions = new Sessions({ nodeId, graceMs: offlineGraceMs, policy, areSeatsUsed })
  const flights = new Flights({ ...settings, flightsMax: FLIGHTS_MAX })
  const watches = new Watches(nodeId, (userId) => sessions.shownPlatforms(userId))
  const rebuild = new Rebuild(addresses.listeners.map(({ thread }) => thread))
  const state: State = {
    args,
    sessions,
    flights,
    watches,
    loginOrder: new LoginOrder({ nodeId, policy, handshakeTimeoutMs }),
    evictions: new Evictions(lastId),
    kicks: new AdminKicks(lastId),
    probes: new Probes(lastId),
    seats: new Seats(seating, handshakeTimeoutMs, lastId),
    rebuild,
    out: [],
    flushers: [],
  }
  args.gauges[shard] = () => ({
    held: sessions.size,
    watched: watches.size,
    waiting: flights.size,
    isRebuilding: !rebuild.isDone,
  })
  ctx.every('renew', flights.renewTickMs, { kind: 'due', due: { timer: 'renew' } })
  ctx.every('rewatch', flights.rewatchTickMs, { kind: 'due', due: { timer: 'rewatch' } })
  for (const fanOut of addresses.fanOuts) ctx.signal(fanOut, { kind: 'watchAgain', shard })
  rebuild.ask(state.out)
  carryOut(ctx, state)
  return state
}

function onIoThreadLost(ctx: Ctx, state: State, thread: ThreadSlot): void {
  const { sessions, watches, rebuild, out } = state
  watches.loseThread(thread, out)
  sessions.loseThread(thread, ctx.nowMs(), out)
  // A new thread in its place has no connections to announce.
  rebuild.announced(thread, out)
}

// What concerns several sub-machines

/**
 * The seat first: it is the connection's from now on, and no assertion may name it twice. Tokens that were kicked
 * last: what they end has to be a session by then.
 */
function onConnected(_ctx: Ctx, state: State, report: Of<'connected'>): void {
  const { seats, loginOrder, out } = state
  if (report.seat !== undefined) seats.connected(report.seat, out)
  connect(state, report)
  loginOrder.connected(report.token, out)
}

function connect({ sessions, flights, out }: State, report: PresenceShard.ConnectionReport): void {
  const { userId, platformId, background, connection, token, seat, number } = report
  const login = { key: refKey(connection), platformId, background, thread: connection.thread, token, seat }
  sessions.connect(userId, login, number, out)
  flights.arrived(userId)
}

function onDisconnected(ctx: Ctx, state: State, gone: Of<'disconnected'>): void {
  const { sessions, probes, out } = state
  const key = refKey(gone.connection)
  sessions.disconnect(gone.userId, key, gone.clean, ctx.nowMs(), out)
  probes.answered(gone.userId, key, true, out)
}

function onAnnounced(_ctx: Ctx, state: State, announced: Of<'announced'>): void {
  for (const report of announced.connections) connect(state, report)
  state.rebuild.announced(announced.thread, state.out)
}

function onFlush(ctx: Ctx, { sessions, flights, flushers, out }: State, question: Of<'flush'>): void {
  flushers.push(ctx.asker(question))
  if (!question.keepsGrace) sessions.endAllGraces(out)
  flights.flushSoon(out)
}

function onStoreBack(ctx: Ctx, { sessions, flights, watches, out }: State): void {
  const nowMs = ctx.nowMs()
  flights.storeBack(sessions.userIds, nowMs, out)
  flights.readAgain(watches.userIds, nowMs, out)
}

function onChanges(ctx: Ctx, { watches, args, out }: State, { snapshots, by }: Of<'changes'>): void {
  args.counts.changesHeard += snapshots.length
  watches.changed(snapshots, by, ctx.nowMs(), out)
}

function onOpenimNotice(ctx: Ctx, state: State, { userId, platformIds }: Of<'openimNotice'>): void {
  const { sessions, flights, watches, out } = state
  const here = sessions.shownPlatforms(userId)
  // OpenIM overlooked a device that is here when it wrote this list: say it again.
  if (here.some((platformId) => !platformIds.includes(platformId))) flights.assert([userId], ctx.nowMs(), out)
  if (watches.isNews(userId, platformIds)) flights.read([userId], ctx.nowMs(), out)
}

/** A shard that does not know its own connections has nothing to say. It will be asked again, or assert them anyway. */
function onRemind(ctx: Ctx, state: State, { from, userIds }: Of<'remind'>): void {
  const { sessions, flights, rebuild, args, out } = state
  if (!rebuild.isDone) return
  const users = userIds.map((userId) => ({ userId, platformIds: sessions.shownPlatforms(userId) }))
  const shown = users.filter(({ platformIds }) => platformIds.length > 0)
  flights.assert(
    shown.map(({ userId }) => userId),
    ctx.nowMs(),
    out,
  )
  ctx.tell(args.addresses.presenceSync, { kind: 'holding', to: from, users })
}

/** A shard that does not know its own connections is asked again. */
function onEvict(_ctx: Ctx, state: State, { id, from, eviction }: Of<'evict'>): void {
  const { sessions, probes, rebuild, out } = state
  if (!rebuild.isDone) return
  const waiter = { kind: 'node', holder: from, id } as const
  if (eviction.probes === undefined) out.push({ kind: 'evictHere', eviction, waiter })
  else probes.start(eviction.userId, sessions.socketsOf(eviction.userId, eviction.probes), waiter, out)
}

function onWithdrawn(ctx: Ctx, { loginOrder, out }: State, kicked: Of<'withdrawn'>): void {
  loginOrder.tokensKicked(kicked, ctx.nowMs())
  out.push({ kind: 'kickTokensHere', kicked })
}

/** With the user's next assertion the store gives the kick its number, and says who holds the user. */
function onKick(ctx: Ctx, state: State, question: Of<'kick'>): void {
  const { eviction, timeoutMs } = question
  const { kicks, loginOrder, flights, out } = state
  kicks.start(ctx.asker(question), eviction, timeoutMs, out)
  loginOrder.contest(eviction.userId)
  flights.assert([eviction.userId], ctx.nowMs(), out)
}

function onAdmit(ctx: Ctx, { seats, rebuild, out }: State, login: Of<'admit'>): void {
  if (rebuild.isDone) return seats.admit(login, ctx.asker(login), ctx.nowMs(), out)
  ctx.fail(ctx.asker(login), new StoreUnavailableError('This shard does not know its own connections yet.'))
}
