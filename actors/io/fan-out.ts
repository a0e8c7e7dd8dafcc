/**
 * Fan-out: tells the watchers on one io thread what changed, each change once for each encoding in use.
 *
 * Thread  io                          Owns   the status board of the hub, requests that wait for it
 * Hears   FanOut.Command              Tells  PresenceShard.Command, Connection.Command (same thread)
 * Timers  sweep, slice
 * Fails   restarts with the board it finds; requests that waited get an error at their deadline
 */

import { type Hub, topicOf } from '../../src/doors/websocket/hub.js'
import type { Transport } from '../../src/doors/websocket/transport/transport.js'
import { FRAME_ENCODINGS } from '../../src/openim/codec/encodings.js'
import { encodePush } from '../../src/openim/status-frame.js'
import type { Addresses } from '../../src/protocol/addresses.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import { sameList } from '../../src/rules/presence/watch-index.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { assertNever, type Context, defineActor } from '../../src/runtime/index.js'

export interface FanOutCounts {
  /** Changes published, once for each io thread however many watch. */
  statusPushes: number
}

/** Limits of this thread's watches. */
export interface FanOutLimits {
  /** Users on the board, or waiting to be; those whose watchers have left count until they are swept. */
  watchedUsersMax: number
  /** Users whose first answer is awaited. */
  watchesWaitingMax: number
}

/** For the metrics: set when the actor starts. */
export interface FanOutGauges {
  waiting: () => number
}

export interface Args {
  hub: Hub
  limits: FanOutLimits
  gauges: FanOutGauges
  transport: Pick<Transport, 'publish' | 'subscriberCount'>
  addresses: Addresses
  counts: FanOutCounts
}

// State

interface State extends Args {
  /** Users asked of their shards and not answered yet, with the requests that wait for them. */
  waiting: Map<UserId, Pending[]>
  /** The sweep under way: users of its start that are still to be checked for watchers. */
  round: { users: Iterator<UserId, unknown>; left: number }
}

interface Pending {
  request: FanOut.Request
  missing: number
  askedMs: number
}

/** How long a user stays watched without a watcher: watchers come back, and pages are reloaded. */
const SWEEP_MS = 10_000
/** Users checked in one turn, about 3 ms, and the pause before the next turn. */
const SLICE = 2_000
const SLICE_PAUSE_MS = 5
/** How many watches without a watcher are checked to make one place; the oldest are most likely over. */
const VISITS_PER_PLACE = 4
/** By then a connection has answered its client that presence is not available. */
const GIVEN_UP_MS = 5_000

type Private = { kind: 'sweepDue' } | { kind: 'sliceDue' }
type Ctx = Context<FanOut.Command | Private>

export const fanOut = defineActor<FanOut.Command | Private, State, Args>({ kind: 'fan-out', start, receive })

// Routing

function receive(ctx: Ctx, state: State, message: FanOut.Command | Private): void {
  switch (message.kind) {
    case 'request':
      return onRequest(ctx, state, message)
    case 'statuses':
      return onStatuses(ctx, state, message)
    case 'watchAgain':
      return onWatchAgain(ctx, state, message)
    case 'sweepDue':
      return onSweepDue(ctx, state)
    case 'sliceDue':
      return onSliceDue(ctx, state)
    default:
      assertNever(message)
  }
}

// Handlers

function onRequest(ctx: Ctx, state: State, request: FanOut.Request): void {
  const pending: Pending = { request, missing: 0, askedMs: ctx.nowMs() }
  const ask = request.userIds.filter(
    (userId) => !state.hub.statuses.has(userId) && !state.waiting.has(userId),
  )
  const reason = findNoRoom(ctx, state, ask.length)
  if (reason !== undefined) {
    return ctx.tell(request.connection, { kind: 'notWatched', requestId: request.requestId, reason })
  }
  for (const userId of ask) state.waiting.set(userId, [])
  for (const userId of request.userIds) {
    // Until a client has subscribed, only this marks the user for the sweep.
    state.hub.unattended.add(userId)
    const waiting = state.waiting.get(userId)
    if (waiting === undefined) continue
    waiting.push(pending)
    pending.missing++
  }
  if (pending.missing === 0) tellWatched(ctx, request)
  else watch(ctx, state, ask)
}

/** Before a refusal, watches without a watcher are ended to make room. */
function findNoRoom(ctx: Ctx, state: State, more: number): Connection.NotWatched['reason'] | undefined {
  const { watchedUsersMax, watchesWaitingMax } = state.limits
  if (more === 0) return undefined
  if (state.waiting.size + more > watchesWaitingMax) return 'busy'
  const excess = state.hub.statuses.size + state.waiting.size + more - watchedUsersMax
  if (excess <= 0) return undefined
  const visitsMax = SLICE + VISITS_PER_PLACE * excess
  return sweep(ctx, state, state.hub.unattended.values(), visitsMax, excess) < excess ? 'full' : undefined
}

function onStatuses(ctx: Ctx, state: State, { statuses }: FanOut.Statuses): void {
  for (const { userId, platformIds, isPartial } of statuses) {
    const before = state.hub.statuses.get(userId)
    if (isPartial && before !== undefined) continue
    const waiting = state.waiting.get(userId)
    // Neither watched nor asked for: the answer crossed with our unwatch.
    if (before === undefined && waiting === undefined) continue
    state.hub.statuses.set(userId, platformIds)
    if (before !== undefined && !sameList(before, platformIds)) publish(state, userId, platformIds)
    state.waiting.delete(userId)
    for (const pending of waiting ?? []) if (--pending.missing === 0) tellWatched(ctx, pending.request)
  }
}

function publish(state: State, userId: UserId, platformIds: PlatformId[]): void {
  state.counts.statusPushes++
  for (const encoding of FRAME_ENCODINGS) {
    const topic = topicOf(encoding.index, userId)
    if (state.transport.subscriberCount(topic) === 0) continue
    state.transport.publish(topic, encodePush(encoding, userId, platformIds))
  }
}

function onWatchAgain(ctx: Ctx, state: State, { shard }: FanOut.WatchAgain): void {
  const userIds = [...new Set([...state.hub.statuses.keys(), ...state.waiting.keys()])]
  watch(
    ctx,
    state,
    userIds.filter((userId) => state.addresses.shardOf(userId) === shard),
  )
}

function tellWatched(ctx: Ctx, { connection, requestId }: FanOut.Request): void {
  ctx.tell(connection, { kind: 'watched', requestId })
}

function watch(ctx: Ctx, state: State, userIds: UserId[]): void {
  for (const [shard, list] of state.addresses.byShard(userIds, (userId) => userId)) {
    const isTold = ctx.tryTell(shard, { kind: 'watch', thread: ctx.self.thread, userIds: list })
    // The requests that wait for these users fail at their deadline; the next one asks again.
    if (!isTold) for (const userId of list) state.waiting.delete(userId)
  }
}

/** A signal: if the end of a watch were lost, the watch would be renewed for ever. */
function unwatch(ctx: Ctx, state: State, userIds: UserId[]): void {
  for (const [shard, list] of state.addresses.byShard(userIds, (userId) => userId)) {
    ctx.signal(shard, { kind: 'unwatch', thread: ctx.self.thread, userIds: list })
  }
}

// Timers

function onSweepDue(ctx: Ctx, state: State): void {
  const { unattended } = state.hub
  state.round = { users: unattended.values(), left: unattended.size }
  onSliceDue(ctx, state)
}

/** The sweep works in slices: half a million users in one turn would block the thread. */
function onSliceDue(ctx: Ctx, state: State): void {
  const { round } = state
  const slice = Math.min(SLICE, round.left)
  round.left -= slice
  sweep(ctx, state, round.users, slice, slice)
  if (round.left > 0) ctx.once('slice', SLICE_PAUSE_MS, { kind: 'sliceDue' })
}

/** Check up to so many users, and end the watches without a watcher. Returns how many were ended. */
function sweep(
  ctx: Ctx,
  state: State,
  users: Iterator<UserId, unknown>,
  visitsMax: number,
  countMax: number,
): number {
  const { hub, waiting } = state
  const gone: UserId[] = []
  for (let visits = 0; visits < visitsMax && gone.length < countMax; visits++) {
    const next = users.next()
    if (next.done) break
    const userId = next.value
    if (isAwaited(ctx, state, userId)) continue
    hub.unattended.delete(userId)
    const isWatched = FRAME_ENCODINGS.some(
      ({ index }) => state.transport.subscriberCount(topicOf(index, userId)) > 0,
    )
    const isKept = isWatched || !(waiting.delete(userId) || hub.statuses.delete(userId))
    if (!isKept) gone.push(userId)
  }
  if (gone.length > 0) unwatch(ctx, state, gone)
  return gone.length
}

/** A request for the user is still open. */
function isAwaited(ctx: Ctx, { waiting }: State, userId: UserId): boolean {
  const sinceMs = ctx.nowMs() - GIVEN_UP_MS
  return waiting.get(userId)?.some(({ askedMs }) => askedMs > sinceMs) ?? false
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  ctx.every('sweep', SWEEP_MS, { kind: 'sweepDue' })
  const state: State = { ...args, waiting: new Map(), round: { users: [].values(), left: 0 } }
  args.gauges.waiting = () => state.waiting.size
  return state
}
