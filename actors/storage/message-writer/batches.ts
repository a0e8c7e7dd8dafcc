/** Messages: those that wait share a transaction. Thread: storage. */
import { WireCode } from '../../../src/openim/codes.js'
import type * as MessageWriter from '../../../src/protocol/message-writer.js'
import type { SendOutcome } from '../../../src/rules/messages/types.js'
import { hasCode } from '../../../src/runtime/index.js'
import { type Sent, sendAll } from '../../../src/services/messages/send.js'
import { commit } from './commits.js'
import { tellAll } from './deliveries.js'
import { goOnWith } from './follow-ups.js'
import {
  BUSY_TEXT,
  type Ctx,
  next,
  type State,
  TRY_UNTIL_MS,
  WAITING_MAX,
  type Waiting,
  type WriterCounts,
  wake,
} from './state.js'

/** One turn of the thread, about 5 ms on SQLite. */
const BATCH_MAX = 100
/** Bytes of the messages of one transaction. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024

/** Of these no message is the cause. */
const AWAY = ['DATABASE_UNAVAILABLE', 'COMMIT_UNKNOWN']

export function onSend(ctx: Ctx, state: State, question: MessageWriter.Send): void {
  const replyTo = ctx.asker(question)
  if (state.waiting.length >= WAITING_MAX) {
    const refusal: SendOutcome = { kind: 'refused', errCode: WireCode.TooManyRequests, detail: BUSY_TEXT }
    countOutcome(state.counts, refusal)
    return ctx.reply(replyTo, refusal)
  }
  state.waiting.push({ question, replyTo, sinceMs: ctx.nowMs() })
  wake(ctx, state)
}

/** False = nothing waits. */
export function beginBatch(ctx: Ctx, state: State): boolean {
  const batch = state.halves.shift() ?? takeBatch(state)
  if (batch.length === 0) return false
  commitBatch(ctx, state, batch)
  return true
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

function commitBatch(ctx: Ctx, state: State, batch: Waiting[]): void {
  const sendings = batch.map(({ question: { message, operationId } }) => ({ message, operationId }))
  const nowMs = state.wallMs()
  const sinceMs = ctx.nowMs()
  const orderId = state.newId()
  commit(ctx, state, {
    orderId,
    begin: () => sendAll(sendings, nowMs),
    done: (outcome) => {
      if (outcome.ok) onStored(ctx, state, batch, orderId, sinceMs, outcome.value)
      else onFailed(ctx, state, batch, outcome.error)
      next(ctx, state)
    },
  })
}

function onStored(
  ctx: Ctx,
  state: State,
  batch: Waiting[],
  orderId: string,
  sinceMs: number,
  { outcomes, deliveries, followUps }: Sent,
): void {
  state.counts.committed((ctx.nowMs() - sinceMs) / 1_000, batch.length)
  // The answer first: a client that hears its own message before it takes it for another's.
  for (const [index, { replyTo }] of batch.entries()) {
    countOutcome(state.counts, outcomes[index]!)
    ctx.reply(replyTo, outcomes[index]!)
  }
  tellAll(ctx, state, orderId, deliveries)
  goOnWith(ctx, state, followUps)
}

function onFailed(ctx: Ctx, state: State, batch: Waiting[], error: Error): void {
  const isAway = AWAY.some((code) => hasCode(error, code))
  const isLate = ctx.nowMs() - batch[0]!.sinceMs > TRY_UNTIL_MS
  if (!isAway && !isLate && batch.length > 1) {
    const middle = Math.ceil(batch.length / 2)
    state.halves.unshift(batch.slice(0, middle), batch.slice(middle))
    return
  }
  ctx.log.error({ messages: batch.length, reason: error.message }, 'messages were not stored')
  const refusal = refusalFor(error, isAway)
  for (const { replyTo } of batch) {
    countOutcome(state.counts, refusal)
    ctx.reply(replyTo, refusal)
  }
}

function refusalFor(error: Error, isAway: boolean): SendOutcome {
  const kind = 'refused'
  const errCode = WireCode.DatabaseError
  if (isAway) return { kind, errCode, detail: 'the database is out of reach; send it again' }
  if (hasCode(error, 'DATABASE_CONFLICT'))
    return { kind, errCode, detail: 'others write to this conversation at the moment; send it again' }
  return { kind, errCode: WireCode.ServerInternalError, detail: 'the message could not be stored' }
}

function countOutcome(counts: WriterCounts, outcome: SendOutcome): void {
  if (outcome.kind === 'refused') {
    counts.messagesRefused[outcome.errCode] = (counts.messagesRefused[outcome.errCode] ?? 0) + 1
  } else if (outcome.isNew) counts.messagesSent++
  else counts.messagesRepeated++
}
