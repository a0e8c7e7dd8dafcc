/** Messages on their way out: to the io threads here, and to other nodes. Thread: storage. */
import type { Delivery } from '../../../src/rules/messages/types.js'
import type { ThreadSlot } from '../../../src/runtime/index.js'
import type { Ctx, State } from './state.js'

/** A thread that could not take a letter gets it again. */
const RETELL_MS = 100

export function tellAll(ctx: Ctx, state: State, orderId: string, batch: Delivery[]): void {
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

export function onRetellDue(ctx: Ctx, state: State): void {
  for (const [deliveries, batches] of state.untold) {
    const isTold = (batch: Delivery[]) => ctx.tryTell(deliveries, { kind: 'deliver', deliveries: batch })
    while (batches.length > 0 && isTold(batches[0]!)) batches.shift()
    if (batches.length === 0) state.untold.delete(deliveries)
  }
  if (state.untold.size > 0) ctx.once('retell', RETELL_MS, { kind: 'retellDue' })
}

/** The sockets of a thread that is gone are closed, and those of the next one have read what was stored before. */
export function forgetThread(state: State, thread: ThreadSlot): void {
  for (const to of state.untold.keys()) if (to.thread === thread) state.untold.delete(to)
}
