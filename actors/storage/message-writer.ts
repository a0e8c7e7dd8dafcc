/**
 * Message-writer: the one actor that changes the database.
 *
 * Thread  storage                     Owns   the connection to the database that writes
 * Hears   MessageWriter.Command       Tells  Deliveries.Command, MessageSync.Command
 * Timers  retell
 * Fails   restarts; what was not answered is asked again, and found if it was stored
 *
 * One transaction at a time. What arrives while one is under way shares the next: a commit costs the same for one message
 * as for a hundred. A message is answered when it is on disk, and then pushed.
 */
import { WireCode } from '../../src/openim/codes.js'
import type * as Deliveries from '../../src/protocol/deliveries.js'
import type * as MessageSync from '../../src/protocol/message-sync.js'
import type * as MessageWriter from '../../src/protocol/message-writer.js'
import type { Call, CallAnswer } from '../../src/protocol/operations.js'
import type { Delivery, SendOutcome } from '../../src/rules/messages/types.js'
import {
  assertNever,
  type Context,
  defineActor,
  hasCode,
  type Outcome,
  type Ref,
  type ReplyTo,
  type Signal,
} from '../../src/runtime/index.js'
import { type Sent, sendAll } from '../../src/services/messages/send.js'
import type { Database } from '../../src/store/ports/database.js'
import { answerOf, type CarriedOut, callOperation, type OperationArgs } from './carry-out.js'

export interface WriterCounts {
  /** Messages that were stored or only pushed; the same one again does not count. */
  messagesSent: number
  /** By error code. */
  messagesRefused: Record<string, number>
  /** Messages that had come before. */
  messagesRepeated: number
  /** Called with how long a commit took, and how many messages it held. */
  committed(seconds: number, messages: number): void
}

export interface Args extends OperationArgs {
  database: Database
  deliveries: readonly Ref<Deliveries.Command>[]
  /** Undefined where no other nodes are. */
  messageSync: Ref<MessageSync.Command> | undefined
  counts: WriterCounts
}

/** One turn of the thread, about 5 ms on SQLite. */
const BATCH_MAX = 100
/** Bytes of the messages of one transaction. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024
/** Messages, and calls, that wait for their turn: about two seconds of them. */
const WAITING_MAX = 20_000
const BUSY_TEXT = 'too much waits for the database; try again later'
/** A thread that could not take a letter gets it again. */
const RETELL_MS = 100

interface Waiting {
  question: MessageWriter.Send
  replyTo: ReplyTo<SendOutcome>
}

interface WaitingCall {
  call: Call
  replyTo: ReplyTo<CallAnswer>
}

interface State extends Args {
  waiting: Waiting[]
  calls: WaitingCall[]
  /** Halves of a batch that failed: one of its messages may fail alone. They go before all others. */
  halves: Waiting[][]
  /** A transaction is under way, or its turn has been asked for. */
  isBusy: boolean
  /** Whose turn it is when both wait. */
  isCallNext: boolean
  /** Letters that a link refused, by their receiver's thread, in order. */
  untold: Map<Ref<Deliveries.Command>, Delivery[][]>
}

type Private =
  | { kind: 'turn' }
  | { kind: 'committed'; batch: Waiting[]; sinceMs: number; outcome: Outcome<Sent> }
  | { kind: 'carriedOut'; waiting: WaitingCall; outcome: Outcome<CarriedOut> }
  | { kind: 'retellDue' }

type Ctx = Context<MessageWriter.Command | Private>

export const messageWriter = defineActor<MessageWriter.Command | Private, State, Args>({
  kind: 'message-writer',
  start,
  receive,
  onSignal,
})

// Routing

function receive(ctx: Ctx, state: State, message: MessageWriter.Command | Private): void {
  switch (message.kind) {
    case 'send':
      return onSend(ctx, state, message)
    case 'call':
      return onCall(ctx, state, message)
    case 'turn':
      return onTurn(ctx, state)
    case 'committed':
      return onCommitted(ctx, state, message)
    case 'carriedOut':
      return onCarriedOut(ctx, state, message)
    case 'retellDue':
      return onRetellDue(ctx, state)
    default:
      assertNever(message)
  }
}

/** The sockets of a thread that is gone are closed, and those of the next one have read what was stored before. */
function onSignal(_: Ctx, state: State, signal: Signal): void {
  for (const to of state.untold.keys()) if (to.thread === signal.thread) state.untold.delete(to)
}

// What waits

function onSend(ctx: Ctx, state: State, question: MessageWriter.Send): void {
  const replyTo = ctx.asker(question)
  if (state.waiting.length >= WAITING_MAX) {
    const refusal: SendOutcome = { kind: 'refused', errCode: WireCode.TooManyRequests, detail: BUSY_TEXT }
    countOutcome(state.counts, refusal)
    return ctx.reply(replyTo, refusal)
  }
  state.waiting.push({ question, replyTo })
  wake(ctx, state)
}

function onCall(ctx: Ctx, state: State, call: Call): void {
  const replyTo = ctx.asker(call)
  if (state.calls.length >= WAITING_MAX) {
    return ctx.reply(replyTo, { ok: false, errCode: WireCode.TooManyRequests, detail: BUSY_TEXT })
  }
  state.calls.push({ call, replyTo })
  wake(ctx, state)
}

// Turns

/** The turn is a message of its own, so that all that wait in the mailbox now share it. */
function wake(ctx: Ctx, state: State): void {
  if (state.isBusy) return
  state.isBusy = true
  ctx.tell(ctx.self, { kind: 'turn' })
}

function onTurn(ctx: Ctx, state: State): void {
  const call = state.isCallNext || !hasMessages(state) ? state.calls.shift() : undefined
  state.isCallNext = call === undefined
  if (call !== undefined) return carryOutCall(ctx, state, call)
  const batch = state.halves.shift() ?? takeBatch(state)
  if (batch.length > 0) return commit(ctx, state, batch)
  state.isBusy = false
}

function next(ctx: Ctx, state: State): void {
  state.isBusy = false
  if (hasMessages(state) || state.calls.length > 0) wake(ctx, state)
}

function hasMessages({ halves, waiting }: State): boolean {
  return halves.length > 0 || waiting.length > 0
}

function takeBatch({ waiting }: State): Waiting[] {
  let bytes = 0
  let count = 0
  while (count < Math.min(waiting.length, BATCH_MAX)) {
    bytes += waiting[count]!.question.message.body.length
    if (count > 0 && bytes > BATCH_BYTES_MAX) break
    count++
  }
  return waiting.splice(0, count)
}

// Messages

function commit(ctx: Ctx, { database, wallMs }: State, batch: Waiting[]): void {
  const sendings = batch.map(({ question: { message, operationId } }) => ({ message, operationId }))
  const nowMs = wallMs()
  const sinceMs = ctx.nowMs()
  ctx.pipe(
    database.write(() => sendAll(sendings, nowMs)),
    (outcome) => ({ kind: 'committed', batch, sinceMs, outcome }),
  )
}

function onCommitted(
  ctx: Ctx,
  state: State,
  { batch, sinceMs, outcome }: Private & { kind: 'committed' },
): void {
  if (outcome.ok) {
    const { outcomes, deliveries } = outcome.value
    state.counts.committed((ctx.nowMs() - sinceMs) / 1_000, batch.length)
    // The answer first: a client that hears its own message before it takes it for another's.
    for (const [index, { replyTo }] of batch.entries()) {
      countOutcome(state.counts, outcomes[index]!)
      ctx.reply(replyTo, outcomes[index]!)
    }
    tellThreads(ctx, state, deliveries)
  } else onFailed(ctx, state, batch, outcome.error)
  next(ctx, state)
}

function onFailed(ctx: Ctx, state: State, batch: Waiting[], error: Error): void {
  const isAway = hasCode(error, 'DATABASE_UNAVAILABLE')
  if (!isAway && batch.length > 1) {
    const middle = Math.ceil(batch.length / 2)
    state.halves.unshift(batch.slice(0, middle), batch.slice(middle))
    return
  }
  ctx.log.error({ messages: batch.length, reason: error.message }, 'messages were not stored')
  const refusal: SendOutcome = isAway
    ? {
        kind: 'refused',
        errCode: WireCode.DatabaseError,
        detail: 'the database is out of reach; send it again',
      }
    : { kind: 'refused', errCode: WireCode.ServerInternalError, detail: 'the message could not be stored' }
  for (const { replyTo } of batch) {
    countOutcome(state.counts, refusal)
    ctx.reply(replyTo, refusal)
  }
}

function countOutcome(counts: WriterCounts, outcome: SendOutcome): void {
  if (outcome.kind === 'refused') {
    counts.messagesRefused[outcome.errCode] = (counts.messagesRefused[outcome.errCode] ?? 0) + 1
  } else if (outcome.isNew) counts.messagesSent++
  else counts.messagesRepeated++
}

// Calls

function carryOutCall(ctx: Ctx, state: State, waiting: WaitingCall): void {
  ctx.pipe(
    callOperation((begin) => state.database.write(begin), waiting.call, state),
    (outcome) => ({ kind: 'carriedOut', waiting, outcome }),
  )
}

function onCarriedOut(
  ctx: Ctx,
  state: State,
  { waiting: { call, replyTo }, outcome }: Private & { kind: 'carriedOut' },
): void {
  ctx.reply(replyTo, answerOf(outcome, call, ctx.log))
  if (outcome.ok) tellThreads(ctx, state, outcome.value.deliveries)
  next(ctx, state)
}

// Deliveries

function tellThreads(ctx: Ctx, state: State, batch: Delivery[]): void {
  if (batch.length === 0) return
  // One that a full link refuses is found by its number, at the next message.
  if (state.messageSync !== undefined) ctx.tell(state.messageSync, { kind: 'spread', deliveries: batch })
  for (const deliveries of state.deliveries) {
    const behind = state.untold.get(deliveries)
    if (behind !== undefined) behind.push(batch)
    else if (!ctx.tryTell(deliveries, { kind: 'deliver', deliveries: batch })) {
      state.untold.set(deliveries, [batch])
      ctx.once('retell', RETELL_MS, { kind: 'retellDue' })
    }
  }
}

function onRetellDue(ctx: Ctx, state: State): void {
  for (const [deliveries, batches] of state.untold) {
    const isTold = (batch: Delivery[]) => ctx.tryTell(deliveries, { kind: 'deliver', deliveries: batch })
    while (batches.length > 0 && isTold(batches[0]!)) batches.shift()
    if (batches.length === 0) state.untold.delete(deliveries)
  }
  if (state.untold.size > 0) ctx.once('retell', RETELL_MS, { kind: 'retellDue' })
}

// Lifecycle

function start(_: Ctx, args: Args): State {
  return {
    ...args,
    waiting: [],
    calls: [],
    halves: [],
    isBusy: false,
    isCallNext: false,
    untold: new Map(),
  }
}
