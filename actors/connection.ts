/**
 * Connection: one logged-in socket of one user.
 *
 * Thread  io                          Owns   its socket, its pending subscriptions
 * Hears   Connection.Command, frames  Tells  PresenceShard.Command, FanOut.Command (same thread)
 * Timers  read, ping (Web only), one for each pending subscription
 * Fails   stops: its socket is closed, its user's grace begins, its neighbours go on
 */

import type { FrameEncoding } from '../src/gateway/codec/encodings.js'
import type { RequestEnvelope, ResponseEnvelope } from '../src/gateway/codec/envelope.js'
import { type Hub, topicOf } from '../src/gateway/hub.js'
import {
  DelUserPushTokenResp,
  SetAppBackgroundStatusReq,
  SubUserOnlineStatus,
} from '../src/gateway/proto/openim.js'
import { failure, kickFrame, success } from '../src/gateway/replies.js'
import { notServed, RequestId } from '../src/gateway/requests.js'
import { encodeTips } from '../src/gateway/status-frame.js'
import { parseTextFrame } from '../src/gateway/text-frames.js'
import { TokenBucket } from '../src/gateway/token-bucket.js'
import type { Socket } from '../src/gateway/transport/transport.js'
import { NOT_SERVED_TEXT, WireCode } from '../src/gateway/wire-errors.js'
import type { PlatformId, UserId } from '../src/presence/types.js'
import { checkUserId } from '../src/presence/user-id.js'
import type * as Connection from '../src/protocol/connection.js'
import type * as FanOut from '../src/protocol/fan-out.js'
import type * as PresenceShard from '../src/protocol/presence-shard.js'
import { assertNever, type Context, defineActor, type Ref, stopOnFailure } from '../src/runtime/index.js'

export interface ConnectionSettings {
  inflatedBytesMax: number
  requestsPerSMax: number
  watchesPerConnectionMax: number
  readTimeoutMs: number
}

export interface ConnectionCounts {
  /** By request identifier; `text` for pings. */
  requests: Record<string, number>
  /** By error code. */
  requestErrors: Record<string, number>
  /** By reason. */
  closes: Record<string, number>
  subscriptions: number
}

export interface Args {
  socket: Socket
  userId: UserId
  platformId: PlatformId
  /** What the client said when it came. */
  background: boolean
  encoding: FrameEncoding
  hub: Hub
  shard: Ref<PresenceShard.Command>
  fanOut: Ref<FanOut.Command>
  settings: ConnectionSettings
  counts: ConnectionCounts
  /** The connection has ended: give its place to another. */
  onEnd: () => void
}

// State

interface State extends Args {
  report: PresenceShard.ConnectionReport
  bucket: TokenBucket
  heardMs: number
  watches: number
  /** Subscriptions that wait for the status board. */
  pending: Map<number, PendingSubscription>
  nextRequestId: number
  /** Why this side closes, and whether that is the user's own goodbye. Undefined = it does not. */
  ending: { reason: string; isGoodbye: boolean } | undefined
}

interface PendingSubscription {
  envelope: RequestEnvelope
  /** As asked, for the answer. */
  userIds: UserId[]
  /** Those still to be subscribed: an unsubscribe that came meanwhile takes its users out. */
  subscribe: Set<UserId>
}

/** Native clients give a subscription 5 s. */
const SUBSCRIBE_DEADLINE_MS = 4_500
/** Ping this long before a silent browser would count as dead. */
const PING_PART = 0.9

/** Browsers cannot send WebSocket pings; they answer them. */
const WEB = 5

const POLICY_VIOLATION = 1008
const TOO_LONG = 1009
/** Not sent: what the transport reports when it cut a peer that did not read. */
const SLOW_READER = 1013
const GOING_AWAY = 1001

// Protocol: what comes from this thread's transport, and what only we send ourselves.

export type FromTransport =
  | { kind: 'frame'; data: Uint8Array; isBinary: boolean }
  | { kind: 'heard' }
  | { kind: 'closed'; code: number; clean: boolean }

type Private = { kind: 'readDue' } | { kind: 'pingDue' } | { kind: 'subscribeDue'; requestId: number }

type Message = Connection.Command | FromTransport | Private
type Ctx = Context<Message>

export const connection = defineActor<Message, State, Args>({
  kind: 'connection',
  start,
  receive,
  onStop,
  supervision: stopOnFailure,
  mailboxCountMax: 1_024,
})

// Routing

function receive(ctx: Ctx, state: State, message: Message): void {
  switch (message.kind) {
    case 'frame':
      return onFrame(ctx, state, message.data, message.isBinary)
    case 'heard':
      state.heardMs = ctx.nowMs()
      return
    case 'watched':
      return onWatched(ctx, state, message.requestId)
    case 'subscribeDue':
      return onSubscribeDue(state, message.requestId)
    case 'readDue':
      return onReadDue(ctx, state)
    case 'pingDue':
      return state.socket.ping()
    case 'kick':
      return onKick(state)
    case 'dismiss':
      return end(state, GOING_AWAY, 'the node goes away', { reason: 'shutdown', isGoodbye: true })
    case 'closed':
      return onClosed(ctx, state, message)
    default:
      assertNever(message)
  }
}

function onRequest(ctx: Ctx, state: State, request: RequestEnvelope): void {
  count(state.counts.requests, request.reqIdentifier)
  switch (request.reqIdentifier) {
    case RequestId.SubscribeStatus:
      return onSubscribe(ctx, state, request)
    case RequestId.SetBackground:
      return onSetBackground(ctx, state, request)
    case RequestId.Logout:
      return onLogout(state, request)
    default:
      if (notServed.has(request.reqIdentifier)) {
        return send(state, failure(request, WireCode.ServerInternalError, NOT_SERVED_TEXT))
      }
      return drop(state, 'unknownRequest')
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const { userId, platformId, background, settings } = args
  const report = { connection: ctx.self, userId, platformId, background }
  args.hub.connections.set(ctx.self.actor, report)
  ctx.tell(args.shard, { kind: 'connected', ...report })
  ctx.once('read', settings.readTimeoutMs, { kind: 'readDue' })
  if (platformId === WEB) ctx.every('ping', settings.readTimeoutMs * PING_PART, { kind: 'pingDue' })
  return {
    ...args,
    report,
    bucket: new TokenBucket(settings.requestsPerSMax, ctx.nowMs()),
    heardMs: ctx.nowMs(),
    watches: 0,
    pending: new Map(),
    nextRequestId: 1,
    ending: undefined,
  }
}

function onClosed(ctx: Ctx, state: State, { code, clean }: { code: number; clean: boolean }): void {
  const reason = code === SLOW_READER ? 'slowReader' : clean ? 'goodbye' : 'broken'
  const ending = state.ending ?? { reason, isGoodbye: clean }
  count(state.counts.closes, ending.reason)
  leave(ctx, state, ending.isGoodbye)
  ctx.stop()
}

/** Without `closed` before: the actor failed, or its thread ends. */
function onStop(ctx: Ctx, state: State): void {
  if (!state.hub.connections.has(ctx.self.actor)) return
  count(state.counts.closes, 'failed')
  leave(ctx, state, false)
  state.socket.drop()
}

function leave(ctx: Ctx, state: State, clean: boolean): void {
  state.hub.connections.delete(ctx.self.actor)
  state.counts.subscriptions -= state.watches
  ctx.tell(state.shard, { kind: 'disconnected', connection: ctx.self, userId: state.userId, clean })
  state.onEnd()
}

// Handlers: frames

function onFrame(ctx: Ctx, state: State, data: Uint8Array, isBinary: boolean): void {
  // What comes after our own goodbye was sent before it arrived.
  if (state.ending !== undefined) return
  state.heardMs = ctx.nowMs()
  const overdrawn = state.bucket.take(state.heardMs) > 0
  if (state.bucket.isFlooded) {
    return end(state, POLICY_VIOLATION, 'too many requests', { reason: 'flood', isGoodbye: false })
  }
  if (!isBinary) return onText(state, data)
  let request: RequestEnvelope
  try {
    request = state.encoding.decodeRequest(data, state.settings.inflatedBytesMax)
  } catch (error) {
    return onBadFrame(state, error)
  }
  if (request.sendID !== state.userId) return drop(state, 'wrongUser')
  if (overdrawn) return send(state, failure(request, WireCode.TooManyRequests, 'slow down and ask again'))
  onRequest(ctx, state, request)
}

function onBadFrame(state: State, error: unknown): void {
  if ((error as { code?: string }).code === 'MESSAGE_TOO_LONG') {
    return end(state, TOO_LONG, 'message too long', { reason: 'tooLong', isGoodbye: false })
  }
  if ((error as { code?: string }).code !== 'BAD_ENVELOPE') throw error
  drop(state, 'badFrame')
}

function onText(state: State, data: Uint8Array): void {
  count(state.counts.requests, 'text')
  const frame = parseTextFrame(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString())
  if (frame.kind === 'ping') state.socket.send(frame.pong, false)
  else if (frame.kind === 'bad') drop(state, 'badFrame')
}

// Handlers: requests

function onSubscribe(ctx: Ctx, state: State, envelope: RequestEnvelope): void {
  const asked = decode(SubUserOnlineStatus, envelope)
  if (asked === undefined) return send(state, failure(envelope, WireCode.ArgsError, 'data is not readable'))
  const { subscribeUserID: userIds, unsubscribeUserID } = asked
  const flaw = userIds.map(checkUserId).find((found) => found !== undefined)
  if (flaw !== undefined) return send(state, failure(envelope, WireCode.ArgsError, `a user ID ${flaw}`))
  const subscribe = new Set(userIds)
  const { watchesPerConnectionMax } = state.settings
  if (watchesAfter(state, subscribe) > watchesPerConnectionMax) {
    const detail = `at most ${watchesPerConnectionMax} users; nothing was changed`
    return send(state, failure(envelope, WireCode.TooManyWatches, detail))
  }
  for (const userId of unsubscribeUserID) unsubscribe(state, userId)
  if (userIds.length === 0) return send(state, success(envelope, new Uint8Array()))
  const requestId = state.nextRequestId++
  state.pending.set(requestId, { envelope, userIds, subscribe })
  ctx.once(`subscribe ${requestId}`, SUBSCRIBE_DEADLINE_MS, { kind: 'subscribeDue', requestId })
  ctx.tell(state.fanOut, { kind: 'request', connection: ctx.self, requestId, userIds: [...subscribe] })
}

/** Everybody is on the board: subscribe and answer in one step, so that no change falls between the two. */
function onWatched(ctx: Ctx, state: State, requestId: number): void {
  const pending = state.pending.get(requestId)
  if (pending === undefined || state.ending !== undefined) return
  ctx.cancel(`subscribe ${requestId}`)
  state.pending.delete(requestId)
  for (const userId of pending.subscribe) {
    if (state.socket.subscribe(topicOf(state.encoding.index, userId))) countWatches(state, 1)
  }
  const statuses = pending.userIds.map((userId) => ({
    userId,
    platformIds: state.hub.statuses.get(userId) ?? [],
  }))
  send(state, success(pending.envelope, encodeTips(statuses)))
}

function onSubscribeDue(state: State, requestId: number): void {
  const pending = state.pending.get(requestId)
  if (pending === undefined) return
  state.pending.delete(requestId)
  send(state, failure(pending.envelope, WireCode.ServerInternalError, 'presence is not available, ask again'))
}

function unsubscribe(state: State, userId: UserId): void {
  for (const { subscribe } of state.pending.values()) subscribe.delete(userId)
  if (state.socket.unsubscribe(topicOf(state.encoding.index, userId))) countWatches(state, -1)
}

function watchesAfter(state: State, subscribe: Set<UserId>): number {
  let watches = state.watches
  for (const { subscribe: waiting } of state.pending.values()) watches += waiting.size
  for (const userId of subscribe) {
    if (!state.socket.isSubscribed(topicOf(state.encoding.index, userId))) watches++
  }
  return watches
}

function onSetBackground(ctx: Ctx, state: State, envelope: RequestEnvelope): void {
  const asked = decode(SetAppBackgroundStatusReq, envelope)
  if (asked === undefined) return send(state, failure(envelope, WireCode.ArgsError, 'data is not readable'))
  state.report.background = asked.isBackground
  ctx.tell(state.shard, { kind: 'connected', ...state.report })
  send(state, success(envelope, null))
}

function onLogout(state: State, envelope: RequestEnvelope): void {
  send(state, success(envelope, DelUserPushTokenResp.encode({}).finish()))
  drop(state, 'logout', true)
}

// Handlers: from elsewhere, and by the clock

function onKick(state: State): void {
  send(state, kickFrame)
  drop(state, 'kick', true)
}

function onReadDue(ctx: Ctx, state: State): void {
  const silentMs = ctx.nowMs() - state.heardMs
  const leftMs = state.settings.readTimeoutMs - silentMs
  if (leftMs > 0) ctx.once('read', leftMs, { kind: 'readDue' })
  else drop(state, 'silent')
}

// Steps

function send(state: State, response: ResponseEnvelope): void {
  if (response.errCode !== 0) count(state.counts.requestErrors, response.errCode)
  state.socket.send(state.encoding.encodeResponse(response), true)
}

/** Close as OpenIM does, without a close frame, after what was sent has left. */
function drop(state: State, reason: string, isGoodbye = false): void {
  state.ending ??= { reason, isGoodbye }
  state.socket.drop()
}

/** Close with a close frame. */
function end(state: State, code: number, text: string, ending: NonNullable<State['ending']>): void {
  state.ending ??= ending
  state.socket.end(code, text)
}

function decode<T>(message: { decode(bytes: Uint8Array): T }, { data }: RequestEnvelope): T | undefined {
  try {
    return message.decode(data)
  } catch {
    return undefined
  }
}

function countWatches(state: State, change: 1 | -1): void {
  state.watches += change
  state.counts.subscriptions += change
}

function count(counts: Record<string, number>, key: string | number): void {
  counts[key] = (counts[key] ?? 0) + 1
}
