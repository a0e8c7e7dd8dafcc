/**
 * Whether the store throws records away: one that is short of memory does so without a word, and their renewal is hours
 * off. It says how many in its counters; when there are more, everything is asserted again. Thread: sync.
 */
import type { Outcome } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import type { Ctx, State } from './state.js'

/** As often as watches are read again, the other thing that no message tells. */
const COUNTS_PER_WATCH = 3

/** Everything is about to be asserted: what is counted now is what later counts are compared with. */
export function countDiscardsAnew(ctx: Ctx, state: State): void {
  state.losses.discards = undefined
  countDiscards(ctx, state)
  ctx.every('discards', (state.settings.watchTtlS * 1_000) / COUNTS_PER_WATCH, { kind: 'countDiscards' })
}

export function countDiscards(ctx: Ctx, state: State): void {
  const call = askStore(state.access, () => state.store.discardedCount())
  ctx.pipe(call, (outcome) => ({ kind: 'discardsCounted', outcome }))
}

export function onDiscardsCounted(ctx: Ctx, state: State, outcome: Outcome<number>): void {
  if (!outcome.ok) return
  const discarded = outcome.value - (state.losses.discards ?? outcome.value)
  state.losses.discards = outcome.value
  // Fewer: a server that was started anew. It was out of reach, and all was asserted again when it was back.
  if (discarded <= 0) return
  state.counts.storeDiscards += discarded
  ctx.log.warn({ discarded }, 'the store evicts keys for want of memory; asserting everything again')
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'storeBack' })
}
