/**
 * Message-writer: the one actor that changes the database.
 *
 * Thread  storage                     Owns   the connection to the database that writes
 * Hears   MessageWriter.Command       Tells  Deliveries.Command, MessageSync.Command
 * Timers  retell, drop, janitor
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
import { dropOrders, keepOrder, type LeftOrder, takeLeftOrders } from '../../src/services/messages/outbox.js'
import { type Sent, sendAll } from '../../src/services/messages/send.js'
import type { Database, Operation } from '../../src/store/ports/database.js'
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
/** Orders that are done are removed together. */
const DROP_MS = 1_000
const DROPS_MAX = 500
/** How often it is looked for orders that others have left. */
const JANITOR_MS = 5_000

interface Waiting {
  question: MessageWriter.Send
  replyTo: ReplyTo<SendOutcome>
}

interface WaitingCall {
  call: Call
  replyTo: ReplyTo<CallAnswer>
}

interface Chore {
  begin: () => Operation<LeftOrder[]>
}

interface State extends Args {
  waiting: Waiting[]
  calls: WaitingCall[]
  /** Halves of a batch that failed: one of its messages may fail alone. They go before all others. */
  halves: Waiting[][]
  /** What the writer does on its own account, a slice each. */
  chores: Chore[]
  /** Orders of the outbox that are done, and still to be removed. */
  doneOrders: string[]
  /** A transaction is under way, or its turn has been asked for. */
  isBusy: boolean
  /** Which of the queues comes first in the next turn: they take turns. */
  nextQueue: number
  /** Letters that a link refused, by their receiver's thread, in order. */
  untold: Map<Ref<Deliveries.Command>, Delivery[][]>
}

type Private =
  | { kind: 'turn' }
  | { kind: 'committed'; batch: Waiting[]; orderId: string; sinceMs: number; outcome: Outcome<Sent> }
  | { kind: 'carriedOut'; waiting: WaitingCall; orderId: string; outcome: Outcome<CarriedOut> }
  | { kind: 'choreDone'; outcome: Outcome<LeftOrder[]> }
  | { kind: 'retellDue' }
  | { kind: 'dropDue' }
  | { kind: 'janitorDue' }

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
    case 'spreadDone':
      return onSpreadDone(ctx, state, message.orderIds)
    case 'turn':
      return onTurn(ctx, state)
    case 'committed':
      return onCommitted(ctx, state, message)
    case 'carriedOut':
      return onCarriedOut(ctx, state, message)
    case 'choreDone':
      return onChoreDone(ctx, state, message.outcome)
    case 'retellDue':
      return onRetellDue(ctx, state)
    case 'dropDue':
      return onDropDue(ctx, state)
    case 'janitorDue':
      return addChore(ctx, state, () => takeLeftOrders(state.wallMs()))
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
  for (let tried = 0; tried < QUEUES.length; tried++) {
    const queue = QUEUES[state.nextQueue]!
    state.nextQueue = (state.nextQueue + 1) % QUEUES.length
    if (queue(ctx, state)) return
  }
  state.isBusy = false
}

/** Each begins a transaction, if anything waits in it. */
const QUEUES: readonly ((ctx: Ctx, state: State) => boolean)[] = [beginBatch, beginCall, beginChore]

function beginBatch(ctx: Ctx, state: State): boolean {
  const batch = state.halves.shift() ?? takeBatch(state)
  if (batch.length === 0) return false
  commit(ctx, state, batch)
  return true
}

function beginCall(ctx: Ctx, state: State): boolean {
  const call = state.calls.shift()
  if (call === undefined) return false
  carryOutCall(ctx, state, call)
  return true
}

function beginChore(ctx: Ctx, state: State): boolean {
  const chore = state.chores.shift()
  if (chore === undefined) return false
  ctx.pipe(state.database.write(chore.begin), (outcome) => ({ kind: 'choreDone', outcome }))
  return true
}

function next(ctx: Ctx, state: State): void {
  state.isBusy = false
  if (hasMessages(state) || state.calls.length > 0 || state.chores.length > 0) wake(ctx, state)
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

function commit(ctx: Ctx, state: State, batch: Waiting[]): void {
  const sendings = batch.map(({ question: { message, operationId } }) => ({ message, operationId }))
  const nowMs = state.wallMs()
  const sinceMs = ctx.nowMs()
  const orderId = state.newId()
  const begin = function* () {
    const sent = yield* sendAll(sendings, nowMs)
    yield* keepOrderOf(state, orderId, sent.deliveries, nowMs)
    return sent
  }
  ctx.pipe(state.database.write(begin), (outcome) => ({
    kind: 'committed',
    batch,
    orderId,
    sinceMs,
    outcome,
  }))
}

/** Where no other nodes are, nobody is to be told. */
function* keepOrderOf(
  { messageSync }: State,
  orderId: string,
  deliveries: Delivery[],
  nowMs: number,
): Operation<void> {
  if (messageSync !== undefined) yield* keepOrder(orderId, deliveries, nowMs)
}

function onCommitted(
  ctx: Ctx,
  state: State,
  { batch, orderId, sinceMs, outcome }: Private & { kind: 'committed' },
): void {
  if (outcome.ok) {
    const { outcomes, deliveries } = outcome.value
    state.counts.committed((ctx.nowMs() - sinceMs) / 1_000, batch.length)
    // The answer first: a client that hears its own message before it takes it for another's.
    for (const [index, { replyTo }] of batch.entries()) {
      countOutcome(state.counts, outcomes[index]!)
      ctx.reply(replyTo, outcomes[index]!)
    }
    tellAll(ctx, state, orderId, deliveries)
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
  const orderId = state.newId()
  const write = (begin: () => Operation<CarriedOut>) =>
    state.database.write(function* () {
      const done = yield* begin()
      yield* keepOrderOf(state, orderId, done.deliveries, state.wallMs())
      return done
    })
  ctx.pipe(callOperation(write, waiting.call, state), (outcome) => ({
    kind: 'carriedOut',
    waiting,
    orderId,
    outcome,
  }))
}

function onCarriedOut(
  ctx: Ctx,
  state: State,
  { waiting: { call, replyTo }, orderId, outcome }: Private & { kind: 'carriedOut' },
): void {
  ctx.reply(replyTo, answerOf(outcome, call, ctx.log))
  if (outcome.ok) tellAll(ctx, state, orderId, outcome.value.deliveries)
  next(ctx, state)
}

// Deliveries

function tellAll(ctx: Ctx, state: State, orderId: string, batch: Delivery[]): void {
  if (batch.length === 0) return
  // One that a full link refuses stays in the outbox.
  if (state.messageSync !== undefined)
    ctx.tell(state.messageSync, { kind: 'spread', orderId, deliveries: batch })
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

// The outbox

function onSpreadDone(ctx: Ctx, state: State, orderIds: string[]): void {
  if (state.doneOrders.length === 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
  state.doneOrders.push(...orderIds)
}

/** An order that is not removed is carried out once more, and heard as a repeat. */
function onDropDue(ctx: Ctx, state: State): void {
  const orderIds = state.doneOrders.splice(0, DROPS_MAX)
  addChore(ctx, state, function* () {
    yield* dropOrders(orderIds)
    return []
  })
  if (state.doneOrders.length > 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
}

function addChore(ctx: Ctx, state: State, begin: Chore['begin']): void {
  state.chores.push({ begin })
  wake(ctx, state)
}

function onChoreDone(ctx: Ctx, state: State, outcome: Outcome<LeftOrder[]>): void {
  if (!outcome.ok) ctx.log.warn({ reason: outcome.error.message }, 'the outbox could not be read or written')
  else for (const { orderId, deliveries } of outcome.value) tellAll(ctx, state, orderId, deliveries)
  next(ctx, state)
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  // Where no other nodes are, whoever was connected when a message was stored has gone with the process.
  if (args.messageSync !== undefined) ctx.every('janitor', JANITOR_MS, { kind: 'janitorDue' })
  return {
    ...args,
    waiting: [],
    calls: [],
    halves: [],
    isBusy: false,
    chores: [],
    doneOrders: [],
    nextQueue: 0,
    untold: new Map(),
  }
}
