/** Operations that change the database, a transaction each. Thread: storage. */
import { WireCode } from '../../../src/openim/codes.js'
import type { Call } from '../../../src/protocol/operations.js'
import { answerOf, operationOf, refusedCall } from '../carry-out.js'
import { commit } from './commits.js'
import { tellAll } from './deliveries.js'
import { goOnWith } from './follow-ups.js'
import { BUSY_TEXT, type Ctx, next, type State, WAITING_MAX, type WaitingCall, wake } from './state.js'

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

function carryOutCall(ctx: Ctx, state: State, { call, replyTo }: WaitingCall): void {
  const orderId = state.newId()
  commit(ctx, state, {
    orderId,
    begin: () => operationOf(call, state),
    recover: refusedCall,
    done: (outcome) => {
      ctx.reply(replyTo, answerOf(outcome, call, ctx.log))
      if (outcome.ok) {
        tellAll(ctx, state, orderId, outcome.value.deliveries)
        goOnWith(ctx, state, outcome.value.followUps)
      }
      next(ctx, state)
    },
  })
}
