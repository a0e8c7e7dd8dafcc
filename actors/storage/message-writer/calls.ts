/** Operations that change the database, a transaction each. Thread: storage. */
import { WireCode } from '../../../src/openim/codes.js'
import type { Call } from '../../../src/protocol/operations.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { answerOf, type CarriedOut, callOperation } from '../carry-out.js'
import { tellAll } from './deliveries.js'
import {
  BUSY_TEXT,
  type Ctx,
  keepOrderOf,
  next,
  type Private,
  type State,
  WAITING_MAX,
  type WaitingCall,
  wake,
} from './state.js'

export function onCall(ctx: Ctx, state: State, call: Call): void {
  const replyTo = ctx.asker(call)
  if (state.calls.length >= WAITING_MAX) {
    return ctx.reply(replyTo, { ok: false, errCode: WireCode.TooManyRequests, detail: BUSY_TEXT })
  }
  state.calls.push({ call, replyTo })
  wake(ctx, state)
}

/** False = nothing waits. */
export function beginCall(ctx: Ctx, state: State): boolean {
  const call = state.calls.shift()
  if (call === undefined) return false
  carryOutCall(ctx, state, call)
  return true
}

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

export function onCarriedOut(
  ctx: Ctx,
  state: State,
  { waiting: { call, replyTo }, orderId, outcome }: Private & { kind: 'carriedOut' },
): void {
  ctx.reply(replyTo, answerOf(outcome, call, ctx.log))
  if (outcome.ok) tellAll(ctx, state, orderId, outcome.value.deliveries)
  next(ctx, state)
}
