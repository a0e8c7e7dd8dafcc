/**
 * Whether the store throws records away: one that is short of memory does so without a word, and their renewal is hours
 * off. It says how many in its counters; when there are more, everything is asserted again.
 */
import type { Outcome } from '../../src/runtime/index.js'
import { askStore, type Ctx, type State } from './state.js'

export type FromDiscards = { kind: 'countDiscards' } | { kind: 'discardsCounted'; outcome: Outcome<number> }

/** Everything is about to be asserted: what is counted now is what later counts are compared with. */
export function countDiscardsAnew(ctx: Ctx, state: State): void {
  state.discards = undefined
  countDiscards(ctx, state)
  ctx.every('discards', state.discardsCountedMs, { kind: 'countDiscards' })
}

export function countDiscards(ctx: Ctx, state: State): void {
  const call = askStore(state, (store) => store.discardedCount())
  ctx.pipe(call, (outcome) => ({ kind: 'discardsCounted', outcome }))
}

export function onDiscardsCounted(ctx: Ctx, state: State, outcome: Outcome<number>): void {
  if (!outcome.ok) return
  const before = state.discards
  state.discards = outcome.value
  if (before === undefined || before === outcome.value) return
  ctx.log.warn({ discarded: outcome.value - before }, 'the store throws records away: asserting all again')
  for (const shard of state.addresses.shards) ctx.tell(shard, { kind: 'storeBack' })
}
