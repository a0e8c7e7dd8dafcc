/** Request 2005: which users this connection watches. Lists are counted before they are decoded. Thread: io. */

import { topicOf } from '../../../src/doors/websocket/hub.js'
import { LeakyBucket } from '../../../src/doors/websocket/leaky-bucket.js'
import { weightOfElements } from '../../../src/doors/websocket/request-budget.js'
import type { RequestEnvelope } from '../../../src/openim/codec/envelope.js'
import { countFields } from '../../../src/openim/codec/protobuf-fields.js'
import { WireCode } from '../../../src/openim/codes.js'
import { SubUserOnlineStatus } from '../../../src/openim/proto/openim.js'
import { failure, success } from '../../../src/openim/replies.js'
import { encodeTips } from '../../../src/openim/status-frame.js'
import type * as Connection from '../../../src/protocol/connection.js'
import type { UserId } from '../../../src/rules/types.js'
import { checkUserId } from '../../../src/rules/user-id.js'
import { type Ctx, charge, decode, FIELDS_MAX, refuse, type State, send } from './state.js'

/** Native clients give a subscription 5 s. */
const SUBSCRIBE_DEADLINE_MS = 4_500
/** Subscriptions of one connection that wait for their answer: the next one is compared with each. */
const PENDING_MAX = 100
const MINUTE_S = 60

export function onSubscribe(ctx: Ctx, state: State, envelope: RequestEnvelope): void {
  const { watchesPerConnectionMax } = state.settings
  const fieldsMax = 2 * watchesPerConnectionMax + FIELDS_MAX
  const counts = countFields(envelope.data, fieldsMax)
  if (counts === undefined) return sendUnreadable(state, envelope)
  const [others, subscribed, unsubscribed] = counts
  charge(ctx, state, weightOfElements(others + subscribed + unsubscribed))
  if (Math.max(subscribed, unsubscribed) > watchesPerConnectionMax) return sendTooMany(state, envelope)
  const asked = decode(SubUserOnlineStatus, envelope, fieldsMax)
  if (asked === undefined) return sendUnreadable(state, envelope)
  // No user can have the other IDs. They are answered as offline, and never watched.
  const userIds = [...new Set(asked.subscribeUserID)]
  const subscribe = new Set(
    userIds.filter((userId) => checkUserId(userId) === undefined && mayKnow(state, userId)),
  )
  const fresh = countFresh(state, subscribe)
  if (!mayWatch(ctx, state, envelope, fresh)) return
  unsubscribe(state, new Set(asked.unsubscribeUserID))
  if (userIds.length === 0) return send(state, success(envelope, new Uint8Array()))
  const requestId = state.nextRequestId++
  state.pending ??= new Map()
  // Not the envelope, whose data may be long.
  const { reqIdentifier, operationID, msgIncr } = envelope
  state.pending.set(requestId, { labels: { reqIdentifier, operationID, msgIncr }, userIds, subscribe, fresh })
  ctx.once(`subscribe ${requestId}`, SUBSCRIBE_DEADLINE_MS, { kind: 'subscribeDue', requestId })
  ctx.tell(state.fanOut, { kind: 'request', connection: ctx.self, requestId, userIds: [...subscribe] })
}

/** False = the client was told why not, and nothing is changed. */
function mayWatch(ctx: Ctx, state: State, envelope: RequestEnvelope, fresh: number): boolean {
  if ((state.pending?.size ?? 0) >= PENDING_MAX) {
    refuse(
      state,
      'waitingWatches',
      failure(envelope, WireCode.TooManyRequests, 'wait for the answers before'),
    )
    return false
  }
  if (fresh === 0) return true
  if (watchesNow(state) + fresh > state.settings.watchesPerConnectionMax) {
    sendTooMany(state, envelope)
    return false
  }
  if (isWithinRate(ctx, state, fresh)) return true
  refuse(
    state,
    'newWatches',
    failure(envelope, WireCode.TooManyRequests, 'too many new watches; ask again later'),
  )
  return false
}

function isWithinRate(ctx: Ctx, state: State, fresh: number): boolean {
  const { newWatchesPerMin } = state.settings
  state.newWatches ??= new LeakyBucket(newWatchesPerMin / MINUTE_S, ctx.nowMs())
  if (state.newWatches.levelAt(ctx.nowMs()) + fresh > newWatchesPerMin) return false
  if (state.rates.watchesOfUser(state.userId, fresh) > 0) return false
  state.newWatches.fill(fresh)
  return true
}

/** All users are on the board: subscribe and answer in one step, so that no change falls between the two. */
export function onWatched(ctx: Ctx, state: State, requestId: number): void {
  const pending = state.pending?.get(requestId)
  if (pending === undefined || state.ending !== undefined) return
  const { statuses } = state.hub
  const userIds = [...pending.subscribe]
  // These had no watcher yet, and were swept while the answer for others was awaited.
  if (!userIds.every((userId) => statuses.has(userId))) {
    return ctx.tell(state.fanOut, { kind: 'request', connection: ctx.self, requestId, userIds })
  }
  endWaiting(ctx, state, requestId)
  for (const userId of userIds) {
    if (state.socket.subscribe(topicOf(state.encoding.index, userId))) countWatches(state, 1)
  }
  const answer = pending.userIds.map((userId) => ({
    userId,
    // An error would cost the whole list: SDKs ask for all of it again.
    platformIds: mayKnow(state, userId) ? (statuses.get(userId) ?? []) : [],
  }))
  send(state, success(pending.labels, encodeTips(answer)))
}

export function onNotWatched(ctx: Ctx, state: State, { requestId, reason }: Connection.NotWatched): void {
  const pending = state.pending?.get(requestId)
  if (pending === undefined || state.ending !== undefined) return
  endWaiting(ctx, state, requestId)
  const { labels } = pending
  if (reason === 'busy') {
    refuse(
      state,
      'waitingWatches',
      failure(labels, WireCode.TooManyRequests, 'too many subscriptions wait for the store; retry later'),
    )
  } else {
    const detail = 'this node watches as many users as it may'
    refuse(state, 'watchedUsers', failure(labels, WireCode.TooManyWatches, detail))
  }
}

function endWaiting(ctx: Ctx, state: State, requestId: number): void {
  ctx.cancel(`subscribe ${requestId}`)
  state.pending?.delete(requestId)
}

function sendUnreadable(state: State, envelope: RequestEnvelope): void {
  send(state, failure(envelope, WireCode.ArgsError, 'data is not readable'))
}

function sendTooMany(state: State, envelope: RequestEnvelope): void {
  const detail = `at most ${state.settings.watchesPerConnectionMax} users; nothing was changed`
  refuse(state, 'list', failure(envelope, WireCode.TooManyWatches, detail))
}

export function onSubscribeDue(state: State, requestId: number): void {
  const pending = state.pending?.get(requestId)
  if (pending === undefined) return
  state.pending?.delete(requestId)
  send(state, failure(pending.labels, WireCode.ServerInternalError, 'presence is not available, ask again'))
}

/** WATCH_POLICY */
function mayKnow({ settings, userId: asker }: State, userId: UserId): boolean {
  return settings.mayWatch(asker, userId)
}

function unsubscribe(state: State, userIds: Set<UserId>): void {
  for (const { subscribe } of state.pending?.values() ?? []) takeOut(subscribe, userIds)
  for (const userId of userIds) {
    if (state.socket.unsubscribe(topicOf(state.encoding.index, userId))) countWatches(state, -1)
  }
}

/** Walks through the smaller of the two: many short subscriptions may wait, or a few long ones. */
function takeOut(from: Set<UserId>, userIds: Set<UserId>): void {
  if (userIds.size <= from.size) for (const userId of userIds) from.delete(userId)
  else for (const userId of from) if (userIds.has(userId)) from.delete(userId)
}

/** Watches, and those that may become some. */
function watchesNow(state: State): number {
  let watches = state.watches
  for (const { fresh } of state.pending?.values() ?? []) watches += fresh
  return watches
}

/** Those neither watched nor asked for yet. */
function countFresh(state: State, subscribe: Set<UserId>): number {
  const waiting = [...(state.pending?.values() ?? [])]
  let fresh = 0
  for (const userId of subscribe) {
    const isAsked = waiting.some((pending) => pending.subscribe.has(userId))
    if (!isAsked && !state.socket.isSubscribed(topicOf(state.encoding.index, userId))) fresh++
  }
  return fresh
}

function countWatches(state: State, change: 1 | -1): void {
  state.watches += change
  state.counts.subscriptions += change
}
