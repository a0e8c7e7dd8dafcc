/**
 * Connection: one logged-in socket of one user.
 *
 * Thread  io                          Owns   its socket, its pending subscriptions
 * Hears   Connection.Command, frames  Tells  PresenceShard.Command, TokenSync.Command, MessageWriter.Command,
 *                                            MessageReader.Command, FanOut.Command (same thread)
 * Timers  read, ping (Web only), probe, record, groups, subscribe (one for each that is pending)
 * Fails   stops: its socket is closed, its user's grace begins, its neighbours go on
 */

import { RequestBudget, weightOfBytes } from '../../src/doors/websocket/request-budget.js'
import { CloseCode, closeReason, isGoodbye } from '../../src/openim/close-codes.js'
import type { RequestEnvelope } from '../../src/openim/codec/envelope.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { DelUserPushTokenResp, SetAppBackgroundStatusReq } from '../../src/openim/proto/openim.js'
import { failure, kickFrame, success } from '../../src/openim/replies.js'
import { knownRequests, RequestId } from '../../src/openim/requests.js'
import { parseTextFrame } from '../../src/openim/text-frames.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { PROBE_LOOKS_MS } from '../../src/rules/presence/probe.js'
import type { LoginNumber } from '../../src/rules/types.js'
import { assertNever, defineActor, hasCode, stopOnFailure } from '../../src/runtime/index.js'
import {
  askGroups,
  onGroupsRead,
  onPush,
  onRead,
  onReadAnswered,
  onRecorded,
  onRecordOverdue,
  onSendMessage,
  onSent,
} from './connection/messages.js'
import {
  type Args,
  type Ctx,
  charge,
  count,
  decode,
  type Message,
  type OverShare,
  refuse,
  type State,
  send,
} from './connection/state.js'
import { onNotWatched, onSubscribe, onSubscribeDue, onWatched } from './connection/subscriptions.js'

export {
  type ConnectionCounts,
  type ConnectionSettings,
  type FromTransport,
  type Heard,
  newConnectionCounts,
} from './connection/state.js'

/** Ping this long before a silent browser would count as dead. */
const PING_PART = 0.9

const FLAG_DEADLINE_MS = 2_000

/** One for all connections. */
const READ_DUE: Message = { kind: 'readDue' }
const PING_DUE: Message = { kind: 'pingDue' }
const PROBE_DUE: Message = { kind: 'probeDue' }

const GONE: Message = { kind: 'closed', code: CloseCode.NoCloseFrame, clean: false }

/** Bytes read of a request over the rate, so that it can be answered: as they come, and unpacked. */
const REFUSED_BYTES_MAX = 4_096
const REFUSED_INFLATED_BYTES_MAX = 16_384
/** Bodies of pings are identifiers. */
const TEXT_BYTES_MAX = 4_096

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
    case 'push':
      return onPush(state, message)
    case 'sent':
      return onSent(state, message)
    case 'recordOverdue':
      return onRecordOverdue(ctx, state)
    case 'groupsDue':
      return askGroups(ctx, state)
    case 'groupsRead':
      return onGroupsRead(ctx, state, message.outcome)
    case 'readAnswered':
      return onReadAnswered(state, message)
    case 'watched':
      return onWatched(ctx, state, message.requestId)
    case 'notWatched':
      return onNotWatched(ctx, state, message)
    case 'subscribeDue':
      return onSubscribeDue(state, message.requestId)
    case 'readDue':
      return onReadDue(ctx, state)
    case 'pingDue':
      return state.socket.ping()
    case 'kick':
      return onKick(ctx, state, message.by)
    case 'tokenFlagged':
      return onTokenFlagged(state)
    case 'probe':
      return onProbe(ctx, state)
    case 'probeDue':
      return onProbeDue(ctx, state)
    case 'vouch':
      return onVouch(ctx, state, message.login)
    case 'numbered':
      return onNumbered(ctx, state, message.login)
    case 'dismiss':
      return end(state, CloseCode.GoingAway, 'the node goes away', { reason: 'shutdown', isGoodbye: false })
    case 'closed':
      return onClosed(ctx, state, message)
    default:
      assertNever(message)
  }
}

function onRequest(ctx: Ctx, state: State, request: RequestEnvelope): void {
  const isKnown = knownRequests.has(request.reqIdentifier)
  // One label for all that are unknown: a client could otherwise fill the metrics with numbers.
  count(state.counts.requests, isKnown ? request.reqIdentifier : 'unknown')
  if (!isKnown) return drop(state, 'unknownRequest')
  switch (request.reqIdentifier) {
    case RequestId.SubscribeStatus:
      return onSubscribe(ctx, state, request)
    case RequestId.SetBackground:
      return onSetBackground(ctx, state, request)
    case RequestId.Logout:
      return onLogout(state, request)
    case RequestId.SendMessage:
      return onSendMessage(ctx, state, request)
    default:
      return onRead(ctx, state, request)
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const { userId, platformId, background, digest, seat, settings } = args
  const report: PresenceShard.ConnectionReport = {
    connection: ctx.self,
    userId,
    platformId,
    background,
    token: digest,
  }
  if (seat !== undefined) report.seat = seat
  args.heard.heardMs = ctx.nowMs()
  args.hub.open(report)
  ctx.signal(args.shard, { kind: 'connected', ...report })
  ctx.once('read', settings.readTimeoutMs, READ_DUE)
  // Browsers cannot send WebSocket pings; they answer them.
  if (platformId === Platform.Web) ctx.every('ping', settings.readTimeoutMs * PING_PART, PING_DUE)
  // Field by field: spread, each connection would get a hidden class of its own, which is 600 bytes.
  const state: State = {
    socket: args.socket,
    heard: args.heard,
    userId,
    platformId,
    token: args.token,
    tokenEndsMs: args.tokenEndsMs,
    encoding: args.encoding,
    hub: args.hub,
    shard: args.shard,
    fanOut: args.fanOut,
    tokenSync: args.tokenSync,
    storage: args.storage,
    isAdmin: args.isAdmin,
    wallMs: args.wallMs,
    reading: undefined,
    hasGroups: false,
    recordedMs: undefined,
    settings,
    rates: args.rates,
    counts: args.counts,
    places: args.places,
    report,
    budget: new RequestBudget(settings, ctx.nowMs()),
    watches: 0,
    newWatches: undefined,
    pending: undefined,
    nextRequestId: 1,
    isKicked: false,
    probe: undefined,
    ending: undefined,
  }
  askGroups(ctx, state)
  return state
}

function onClosed(ctx: Ctx, state: State, { code, clean }: { code: number; clean: boolean }): void {
  const ending = state.ending ?? { reason: closeReason(code, clean), isGoodbye: clean && isGoodbye(code) }
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

/** Once; it may come before the socket has closed. */
function leave(ctx: Ctx, state: State, clean: boolean): void {
  if (!state.hub.close(ctx.self.actor)) return
  state.counts.subscriptions -= state.watches
  ctx.signal(state.shard, { kind: 'disconnected', connection: ctx.self, userId: state.userId, clean })
  state.places.remove(state.socket.address)
}

// Handlers: frames

function onFrame(ctx: Ctx, state: State, data: Uint8Array, isBinary: boolean): void {
  // Frames after our own close frame were sent before the client had it.
  if (state.ending !== undefined) return
  const nowMs = ctx.nowMs()
  state.heard.heardMs = nowMs
  const isWithinRate = state.budget.take(nowMs)
  if (state.budget.isFlooded) return flood(state, 'requests')
  if (!isBinary) return onText(state, data)
  if (!isWithinRate || state.rates.requestOfUser(state.userId) > 0) return onOverRate(state, data)
  const { encoding, settings } = state
  let request: RequestEnvelope
  try {
    const unpacked = encoding.unpack(data, settings.inflatedBytesMax)
    charge(ctx, state, weightOfBytes(Math.max(data.length, unpacked.length)))
    request = encoding.readRequest(unpacked)
  } catch (error) {
    return onBadFrame(state, error)
  }
  if (request.sendID !== state.userId) return drop(state, 'wrongUser')
  onRequest(ctx, state, request)
}

/** Read only the labels that the answer needs, and only of short requests: the rate limit is there to save this work. */
function onOverRate(state: State, data: Uint8Array): void {
  if (data.length > REFUSED_BYTES_MAX) return flood(state, 'unread')
  let request: RequestEnvelope
  try {
    request = state.encoding.decodeRequest(data, REFUSED_INFLATED_BYTES_MAX)
  } catch (error) {
    return hasCode(error, 'MESSAGE_TOO_LONG') ? flood(state, 'unread') : onBadFrame(state, error)
  }
  if (request.sendID !== state.userId) return drop(state, 'wrongUser')
  refuse(state, 'requests', failure(request, WireCode.TooManyRequests, 'request limit reached; retry later'))
}

function onBadFrame(state: State, error: unknown): void {
  if (hasCode(error, 'MESSAGE_TOO_LONG')) return tooLong(state)
  if (!hasCode(error, 'BAD_ENVELOPE')) throw error
  drop(state, 'badFrame')
}

function onText(state: State, data: Uint8Array): void {
  count(state.counts.requests, 'text')
  if (data.length > TEXT_BYTES_MAX) return tooLong(state)
  const frame = parseTextFrame(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString())
  if (frame.kind === 'ping') state.socket.send(frame.pong, false)
  else if (frame.kind === 'bad') drop(state, 'badFrame')
}

// Handlers: requests

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

/** Flag the token first: otherwise a quick client could log in with it again. */
function onKick(ctx: Ctx, state: State, by: LoginNumber): void {
  if (state.isKicked || state.ending !== undefined) return
  state.isKicked = true
  const { userId, platformId, token, tokenEndsMs, tokenSync } = state
  const ttlS = Math.max(1, Math.ceil((tokenEndsMs - ctx.nowMs()) / 1_000))
  ctx.ask(
    tokenSync,
    { kind: 'kickTokens', userId, platformId, tokens: [token], by, ttlS },
    FLAG_DEADLINE_MS,
    // Go on whatever the outcome: token-sync keeps the kick, and writes it as soon as it can.
    () => ({ kind: 'tokenFlagged' }),
  )
}

function onTokenFlagged(state: State): void {
  if (state.ending !== undefined) return
  send(state, kickFrame)
  drop(state, 'kick', true)
}

/** The store has recorded the login: from now on other nodes know of it. */
function onNumbered(ctx: Ctx, state: State, login: LoginNumber): void {
  state.report.number = login
  onRecorded(ctx, state)
}

function onVouch(ctx: Ctx, state: State, login: LoginNumber): void {
  const { userId, platformId, token, tokenSync } = state
  ctx.signal(tokenSync, { kind: 'vouchForToken', userId, platformId, token, login })
}

function onReadDue(ctx: Ctx, state: State): void {
  const silentMs = ctx.nowMs() - state.heard.heardMs
  const leftMs = state.settings.readTimeoutMs - silentMs
  if (leftMs > 0) return ctx.once('read', leftMs, READ_DUE)
  drop(state, 'silent')
  // Without this signal nothing would report the end of the socket, and this actor would live for ever.
  if (state.socket.isGone) ctx.signal(ctx.self, GONE)
}

/**
 * A probe that is still unanswered serves this question too; one that was answered is too old. A connection that is
 * ending anyway need not answer: its end does.
 */
function onProbe(ctx: Ctx, state: State): void {
  const isUnanswered = state.probe !== undefined && state.heard.heardMs <= state.probe.sinceMs
  if (isUnanswered || state.isKicked || state.ending !== undefined) return
  state.probe = { sinceMs: ctx.nowMs(), looks: 0 }
  state.socket.ping()
  ctx.once('probe', PROBE_LOOKS_MS[0]!, PROBE_DUE)
}

function onProbeDue(ctx: Ctx, state: State): void {
  const { probe } = state
  if (probe === undefined || state.isKicked || state.ending !== undefined) return
  if (state.heard.heardMs > probe.sinceMs) {
    state.probe = undefined
    return ctx.signal(state.shard, { kind: 'answered', connection: ctx.self, userId: state.userId })
  }
  const nextMs = PROBE_LOOKS_MS[++probe.looks]
  if (nextMs !== undefined) return ctx.once('probe', nextMs, PROBE_DUE)
  // At once: what was sent to a peer that does not answer may take long to be given up.
  leave(ctx, state, true)
  drop(state, 'replaced', true)
}

// Steps

/** Close as OpenIM does, without a close frame, after what was sent has left. */
function drop(state: State, reason: string, isGoodbye = false): void {
  state.ending ??= { reason, isGoodbye }
  state.socket.drop()
}

function tooLong(state: State): void {
  end(state, CloseCode.MessageTooLong, 'message too long', { reason: 'tooLong', isGoodbye: false })
}

function flood(state: State, reason: OverShare): void {
  count(state.counts.overShare, reason)
  end(state, CloseCode.PolicyViolation, 'too many requests', { reason: 'flood', isGoodbye: false })
}

/** Close with a close frame. */
function end(state: State, code: number, text: string, ending: NonNullable<State['ending']>): void {
  state.ending ??= ending
  state.socket.end(code, text)
}
