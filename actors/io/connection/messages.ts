/** The requests of a connection that storage answers, and the pushes that it gets. Thread: io. */

import { READS } from '../../../src/doors/websocket/message-requests.js'
import { weightOfElements } from '../../../src/doors/websocket/request-budget.js'
import type { RequestEnvelope, ResponseEnvelope } from '../../../src/openim/codec/envelope.js'
import { countFields } from '../../../src/openim/codec/protobuf-fields.js'
import { retryAfter, WireCode } from '../../../src/openim/codes.js'
import { readMessage } from '../../../src/openim/message-bytes.js'
import { Platform } from '../../../src/openim/platforms.js'
import { UserSendMsgResp } from '../../../src/openim/proto/messages.js'
import { failure, success } from '../../../src/openim/replies.js'
import { NOT_SERVED_TEXT } from '../../../src/openim/requests.js'
import type * as Connection from '../../../src/protocol/connection.js'
import type { OwnGroup } from '../../../src/rules/messages/audiences.js'
import { hasRead } from '../../../src/rules/messages/late.js'
import type { OutgoingMessage } from '../../../src/rules/messages/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import { CallRefusedError } from '../../../src/services/call-refused.js'
import { runChecks } from '../../../src/services/messages/checks/check.js'
import { outgoingFrom } from '../../../src/services/messages/outgoing.js'
import { type Ctx, charge, decode, type Private, type Reading, refuse, type State, send } from './state.js'

/** Clients wait ten seconds for an answer, and send nothing else meanwhile. */
const ANSWER_MS = 8_000
/** How long a login's first reads wait to be recorded. */
const RECORD_MS = 2_000
/** A database that is away is asked again. */
const GROUPS_RETRY_MS = 1_000
/** Fields of a message: its options, and the users that it names. */
const MESSAGE_FIELDS_MAX = 2_048
/** Fields at the top of a read: a field for each conversation or range. */
const READ_FIELDS_MAX = 10_000

// Sending

export function onSendMessage(ctx: Ctx, state: State, request: RequestEnvelope): void {
  const { storage } = state
  if (storage === undefined) return notServed(state, request)
  // Before it is decoded: the limit is there to save that work too.
  const waitMs = state.isAdmin ? 0 : state.rates.sendOfUser(state.userId)
  if (waitMs > 0) return refuse(state, 'sends', overRate(request, waitMs))
  let message: OutgoingMessage
  try {
    message = outgoingOfRequest(state, request)
  } catch (error) {
    if (!(error instanceof CallRefusedError)) throw error
    return send(state, failure(request, error.errCode, error.errDlt))
  }
  const labels = labelsOf(request)
  const clientMsgId = message.clientMsgId
  ctx.ask(
    storage.writer,
    { kind: 'send', message, operationId: request.operationID },
    ANSWER_MS,
    (outcome) => ({ kind: 'sent', labels, clientMsgId, outcome }),
  )
}

function overRate(request: RequestEnvelope, waitMs: number): ResponseEnvelope {
  const detail = `message limit of this user reached, ${retryAfter(waitMs)}`
  return failure(request, WireCode.TooManyRequests, detail)
}

function outgoingOfRequest(state: State, request: RequestEnvelope): OutgoingMessage {
  const message = decode({ decode: readMessage }, request, MESSAGE_FIELDS_MAX)
  if (message === undefined) throw new CallRefusedError(WireCode.ArgsError, 'data is not readable')
  const { userId, isAdmin, settings, counts } = state
  const caller = { userId, isAdmin, operationId: request.operationID }
  return outgoingFrom(message, request.data, caller, (given) => runChecks(given, settings.checks, counts))
}

export function onSent(state: State, { labels, clientMsgId, outcome }: Private & { kind: 'sent' }): void {
  if (state.ending !== undefined) return
  if (!outcome.ok) return send(state, failure(labels, WireCode.ServerInternalError, failureText(outcome)))
  const { value } = outcome
  if (value.kind === 'refused') return send(state, failure(labels, value.errCode as WireCode, value.detail))
  const { serverMsgId, sentMs } = value
  const reply = { serverMsgID: serverMsgId, clientMsgID: clientMsgId, sendTime: sentMs }
  send(state, success(labels, UserSendMsgResp.encode(reply).finish()))
}

// Reading

/**
 * Until the store has recorded the login, other nodes do not know of it, and what they store meanwhile would be neither
 * read nor pushed: reads wait for that.
 */
export function onRead(ctx: Ctx, state: State, request: RequestEnvelope): void {
  if (state.storage === undefined || !READS.has(request.reqIdentifier)) return notServed(state, request)
  const fields = countFields(request.data, READ_FIELDS_MAX)
  const count = fields === undefined ? Number.POSITIVE_INFINITY : fields[0] + fields[1] + fields[2]
  if (count > READ_FIELDS_MAX)
    return send(state, failure(request, WireCode.ArgsError, 'data is not readable'))
  charge(ctx, state, weightOfElements(count))
  if (mayRead(state) || state.reading?.earlyMs !== undefined) return read(ctx, state, request)
  if (state.reading === undefined) ctx.once('record', RECORD_MS, { kind: 'recordOverdue' })
  readingOf(state).waiting.push(request)
}

export function onRecorded(ctx: Ctx, state: State): void {
  if (state.recordedMs !== undefined) return
  state.recordedMs = state.wallMs()
  onMayRead(ctx, state)
}

/** Both are known: that the login is recorded, and which groups the user is in. */
function mayRead({ recordedMs, hasGroups }: State): boolean {
  return recordedMs !== undefined && hasGroups
}

function onMayRead(ctx: Ctx, state: State): void {
  if (!mayRead(state)) return
  // It has read before others knew of it, and may lack what they stored between: it has to come again.
  if (state.reading?.earlyMs !== undefined) return ctx.signal(ctx.self, { kind: 'dismiss' })
  readEarly(ctx, state)
}

/** Before the client reads: what is sent to a group later than that is pushed. */
export function askGroups(ctx: Ctx, state: State): void {
  const { storage, userId, hub } = state
  if (state.ending !== undefined) return
  state.hasGroups = storage === undefined || hub.audiences.knows(userId)
  if (state.hasGroups) return onMayRead(ctx, state)
  ctx.ask(storage!.reader, { kind: 'readGroups', userId }, ANSWER_MS, (outcome) => ({
    kind: 'groupsRead',
    outcome,
  }))
}

export function onGroupsRead(ctx: Ctx, state: State, outcome: Outcome<OwnGroup[]>): void {
  if (state.ending !== undefined || !state.hub.connections.has(ctx.self.actor)) return
  if (!outcome.ok) return ctx.once('groups', GROUPS_RETRY_MS, { kind: 'groupsDue' })
  state.hub.audiences.enter(state.userId, outcome.value)
  state.hasGroups = true
  onMayRead(ctx, state)
}

/** The store does not answer: clients wait for ten seconds at most. */
export function onRecordOverdue(ctx: Ctx, state: State): void {
  if (mayRead(state) || state.ending !== undefined) return
  readingOf(state).earlyMs = state.wallMs()
  readEarly(ctx, state)
}

function readEarly(ctx: Ctx, state: State): void {
  for (const request of state.reading?.waiting.splice(0) ?? []) read(ctx, state, request)
}

function read(ctx: Ctx, state: State, request: RequestEnvelope): void {
  const operation = READS.get(request.reqIdentifier)!
  const labels = labelsOf(request)
  const { userId, isAdmin, storage } = state
  const { operationID: operationId, data: input } = request
  ctx.ask(
    storage!.reader,
    { kind: 'call', operation, userId, isAdmin, operationId, input },
    ANSWER_MS,
    (outcome) => ({ kind: 'readAnswered', labels, outcome }),
  )
}

function readingOf(state: State): Reading {
  state.reading ??= { waiting: [], earlyMs: undefined, told: new Map() }
  return state.reading
}

export function onReadAnswered(state: State, { labels, outcome }: Private & { kind: 'readAnswered' }): void {
  if (state.ending !== undefined) return
  if (!outcome.ok) return send(state, failure(labels, WireCode.ServerInternalError, failureText(outcome)))
  const { value } = outcome
  if (!value.ok) return send(state, failure(labels, value.errCode as WireCode, value.detail))
  for (const [conversationId, seq] of value.told ?? []) {
    const { told } = readingOf(state)
    told.set(conversationId, Math.max(seq, told.get(conversationId) ?? 0))
  }
  send(state, success(labels, value.output as Uint8Array))
}

// Pushes

/** As OpenIM does, none to an iPhone whose app is in the background: it would not wake. */
export function onPush(state: State, { frame, late }: Connection.Push): void {
  if (state.ending !== undefined) return
  if (late !== undefined && hasRead(late, readableSince(state), state.reading?.told)) return
  if (state.platformId === Platform.IOS && state.report.background) return
  state.socket.send(frame.in(state.encoding.index), true)
}

/** Who has not read yet will find what comes late. */
function readableSince({ recordedMs, reading }: State): number {
  return recordedMs ?? reading?.earlyMs ?? Number.POSITIVE_INFINITY
}

// Steps

function notServed(state: State, request: RequestEnvelope): void {
  send(state, failure(request, WireCode.ServerInternalError, NOT_SERVED_TEXT))
}

function labelsOf({ reqIdentifier, operationID, msgIncr }: RequestEnvelope) {
  return { reqIdentifier, operationID, msgIncr }
}

function failureText({ error }: Outcome<unknown> & { ok: false }): string {
  return error.retry === 'later'
    ? 'storage does not answer; try again later'
    : 'the message could not be handled'
}
