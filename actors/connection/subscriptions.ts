/** Request 2005: whom this connection watches. */
import type { RequestEnvelope } from '../../src/gateway/codec/envelope.js'
import { topicOf } from '../../src/gateway/hub.js'
import { SubUserOnlineStatus } from '../../src/gateway/proto/openim.js'
import { failure, success } from '../../src/gateway/replies.js'
import { encodeTips } from '../../src/gateway/status-frame.js'
import { WireCode } from '../../src/gateway/wire-errors.js'
import type { UserId } from '../../src/presence/types.js'
import { checkUserId } from '../../src/presence/user-id.js'
import { type Ctx, decode, type State, send } from './state.js'

/** Native clients give a subscription 5 s. */
const SUBSCRIBE_DEADLINE_MS = 4_500

export function onSubscribe(ctx: Ctx, state: State, envelope: RequestEnvelope): void {
  const asked = decode(SubUserOnlineStatus, envelope)
  if (asked === undefined) return send(state, failure(envelope, WireCode.ArgsError, 'data is not readable'))
  const { subscribeUserID: userIds, unsubscribeUserID } = asked
  const flaw = userIds.map(checkUserId).find((found) => found !== undefined)
  if (flaw !== undefined) return send(state, failure(envelope, WireCode.ArgsError, `a user ID ${flaw}`))
  const subscribe = new Set(userIds.filter((userId) => mayWatch(state, userId)))
  const { watchesPerConnectionMax } = state.settings
  if (watchesAfter(state, subscribe) > watchesPerConnectionMax) {
    const detail = `at most ${watchesPerConnectionMax} users; nothing was changed`
    return send(state, failure(envelope, WireCode.TooManyWatches, detail))
  }
  for (const userId of unsubscribeUserID) unsubscribe(state, userId)
  if (userIds.length === 0) return send(state, success(envelope, new Uint8Array()))
  const requestId = state.nextRequestId++
  state.pending ??= new Map()
  state.pending.set(requestId, { envelope, userIds, subscribe })
  ctx.once(`subscribe ${requestId}`, SUBSCRIBE_DEADLINE_MS, { kind: 'subscribeDue', requestId })
  ctx.tell(state.fanOut, { kind: 'request', connection: ctx.self, requestId, userIds: [...subscribe] })
}

/** Everybody is on the board: subscribe and answer in one step, so that no change falls between the two. */
export function onWatched(ctx: Ctx, state: State, requestId: number): void {
  const pending = state.pending?.get(requestId)
  if (pending === undefined || state.ending !== undefined) return
  ctx.cancel(`subscribe ${requestId}`)
  state.pending?.delete(requestId)
  for (const userId of pending.subscribe) {
    if (state.socket.subscribe(topicOf(state.encoding.index, userId))) countWatches(state, 1)
  }
  const statuses = pending.userIds.map((userId) => ({
    userId,
    // An error would cost the whole list: SDKs ask for all of it again.
    platformIds: mayWatch(state, userId) ? (state.hub.statuses.get(userId) ?? []) : [],
  }))
  send(state, success(pending.envelope, encodeTips(statuses)))
}

export function onSubscribeDue(state: State, requestId: number): void {
  const pending = state.pending?.get(requestId)
  if (pending === undefined) return
  state.pending?.delete(requestId)
  send(state, failure(pending.envelope, WireCode.ServerInternalError, 'presence is not available, ask again'))
}

function mayWatch({ settings, userId: asker }: State, userId: UserId): boolean {
  return settings.mayWatch(asker, userId)
}

function unsubscribe(state: State, userId: UserId): void {
  for (const { subscribe } of state.pending?.values() ?? []) subscribe.delete(userId)
  if (state.socket.unsubscribe(topicOf(state.encoding.index, userId))) countWatches(state, -1)
}

function watchesAfter(state: State, subscribe: Set<UserId>): number {
  let watches = state.watches
  for (const { subscribe: waiting } of state.pending?.values() ?? []) watches += waiting.size
  for (const userId of subscribe) {
    if (!state.socket.isSubscribed(topicOf(state.encoding.index, userId))) watches++
  }
  return watches
}

function countWatches(state: State, change: 1 | -1): void {
  state.watches += change
  state.counts.subscriptions += change
}
