/** The outbox: orders to tell other nodes, removed when they are done, and taken when they were left. Thread: storage. */
import type { Outcome } from '../../../src/runtime/index.js'
import { dropOrders, type LeftOrder, takeLeftOrders } from '../../../src/services/messages/outbox.js'
import { tellAll } from './deliveries.js'
import { type Chore, type Ctx, next, type State, wake } from './state.js'

/** Orders that are done are removed together. */
const DROP_MS = 1_000
const DROPS_MAX = 500

export function onSpreadDone(ctx: Ctx, state: State, orderIds: string[]): void {
  if (state.doneOrders.length === 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
  state.doneOrders.push(...orderIds)
}

/** An order that is not removed is carried out once more, and heard as a repeat. */
export function onDropDue(ctx: Ctx, state: State): void {
  const orderIds = state.doneOrders.splice(0, DROPS_MAX)
  addChore(ctx, state, function* () {
    yield* dropOrders(orderIds)
    return []
  })
  if (state.doneOrders.length > 0) ctx.once('drop', DROP_MS, { kind: 'dropDue' })
}

/** What others have left is told from here. */
export function onJanitorDue(ctx: Ctx, state: State): void {
  addChore(ctx, state, () => takeLeftOrders(state.wallMs()))
}

function addChore(ctx: Ctx, state: State, begin: Chore['begin']): void {
  state.chores.push({ begin })
  wake(ctx, state)
}

/** False = nothing waits. */
export function beginChore(ctx: Ctx, state: State): boolean {
  const chore = state.chores.shift()
  if (chore === undefined) return false
  ctx.pipe(state.database.write(chore.begin), (outcome) => ({ kind: 'choreDone', outcome }))
  return true
}

export function onChoreDone(ctx: Ctx, state: State, outcome: Outcome<LeftOrder[]>): void {
  if (!outcome.ok) ctx.log.warn({ reason: outcome.error.message }, 'the outbox could not be read or written')
  else for (const { orderId, deliveries } of outcome.value) tellAll(ctx, state, orderId, deliveries)
  next(ctx, state)
}
