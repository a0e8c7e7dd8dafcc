/** The outbox: orders to tell other nodes, removed when they are done, and taken when they were left. Thread: storage. */
import type { Outcome } from '../../../src/runtime/index.js'
import { dropOrders, takeLeftOrders } from '../../../src/services/messages/outbox.js'
import { addChore } from './chores.js'
import { tellAll } from './deliveries.js'
import type { Ctx, State } from './state.js'

/** Orders that are done are removed together. */
const DROP_MS = 1_000
const DROPS_MAX = 500

export function onSpreadDone(ctx: Ctx, state: State, orderIds: string[]): void {
  if (state.doneOrders.length === 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
  state.doneOrders.push(...orderIds)
}

/** An order that is not removed is carried out again; receivers drop what they already have. */
export function onDropDue(ctx: Ctx, state: State): void {
  const orderIds = state.doneOrders.splice(0, DROPS_MAX)
  addChore(
    ctx,
    state,
    () => dropOrders(orderIds),
    (outcome) => {
      if (!outcome.ok) failed(ctx, outcome)
    },
  )
  if (state.doneOrders.length > 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
}

/** Sends the messages of orders that another node, or an earlier life of this actor, has left in the outbox. */
export function onJanitorDue(ctx: Ctx, state: State): void {
  addChore(
    ctx,
    state,
    () => takeLeftOrders(state.wallMs()),
    (outcome) => {
      if (!outcome.ok) return failed(ctx, outcome)
      for (const { orderId, deliveries } of outcome.value) tellAll(ctx, state, orderId, deliveries)
    },
  )
}

function failed(ctx: Ctx, { error }: Outcome<unknown> & { ok: false }): void {
  ctx.log.warn({ reason: error.message }, 'the outbox could not be read or written')
}
