/** Chores: what the writer does on its own account, in turns with messages and calls. Thread: storage. */
import type { Outcome } from '../../../src/runtime/index.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { type Chore, type Ctx, next, type State, wake } from './state.js'

export function addChore<T>(
  ctx: Ctx,
  state: State,
  begin: () => Operation<T>,
  done: (outcome: Outcome<T>) => void,
): void {
  state.chores.push({ begin, done: done as Chore['done'] })
  wake(ctx, state)
}

/** False = nothing waits. */
export function beginChore(ctx: Ctx, state: State): boolean {
  const chore = state.chores.shift()
  if (chore === undefined) return false
  ctx.pipe(state.database.write(chore.begin), (outcome) => ({ kind: 'choreDone', chore, outcome }))
  return true
}

export function onChoreDone(ctx: Ctx, state: State, chore: Chore, outcome: Outcome<unknown>): void {
  chore.done(outcome)
  next(ctx, state)
}
