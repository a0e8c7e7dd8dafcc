/**
 * Catching up: an io thread that could not be told of a change, because too much waits for it, is told everything
 * again. A change that was told to nobody would otherwise stay unknown there until the next one of that user.
 */
import type { ThreadSlot } from '../../../src/runtime/index.js'
import type { Ctx, State } from './state.js'

/** A thread that is behind is tried so often. */
const CATCH_UP_MS = 1_000
/** Users in one letter. */
const STATUSES_MAX = 1_000

export function fallBehind(ctx: Ctx, state: State, thread: ThreadSlot): void {
  if (state.behind.size === 0) ctx.once('catchUp', CATCH_UP_MS, { kind: 'catchUpDue' })
  state.behind.add(thread)
}

export function onCatchUpDue(ctx: Ctx, state: State): void {
  const behind = [...state.behind]
  state.behind.clear()
  for (const thread of behind) if (!tellAll(ctx, state, thread)) fallBehind(ctx, state, thread)
}

/** False = the thread has still no room. */
function tellAll(ctx: Ctx, state: State, thread: ThreadSlot): boolean {
  const statuses = [...state.watches.toldOn(thread)]
  for (let from = 0; from < statuses.length; from += STATUSES_MAX) {
    const letter = { kind: 'statuses' as const, statuses: statuses.slice(from, from + STATUSES_MAX) }
    if (!ctx.tryTell(state.addresses.fanOutOn(thread), letter)) return false
  }
  return true
}
