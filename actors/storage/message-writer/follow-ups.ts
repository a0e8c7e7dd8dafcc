/** What follows from a change, done in slices after it. Thread: storage. */
import type { Outcome } from '../../../src/runtime/index.js'
import { doFollowUp } from '../../../src/services/people/follow-up-slices.js'
import { takeLeftFollowUps } from '../../../src/services/people/follow-ups.js'
import { addChore } from './chores.js'
import { tellAll } from './deliveries.js'
import { type Ctx, ownContext, type State } from './state.js'

export function goOnWith(ctx: Ctx, state: State, jobIds: readonly string[]): void {
  for (const jobId of jobIds) {
    if (state.followUps.has(jobId)) continue
    state.followUps.add(jobId)
    doSlice(ctx, state, jobId)
  }
}

/** Goes on with what another node, or an earlier life of this actor, has left. */
export function onFollowUpsDue(ctx: Ctx, state: State): void {
  addChore(
    ctx,
    state,
    () => takeLeftFollowUps(state.wallMs()),
    (outcome) => {
      if (outcome.ok) goOnWith(ctx, state, outcome.value)
      else failed(ctx, outcome)
    },
  )
}

function doSlice(ctx: Ctx, state: State, jobId: string): void {
  const orderId = state.newId()
  addChore(
    ctx,
    state,
    function* () {
      const context = ownContext(state, state.wallMs())
      return { isLeft: yield* doFollowUp(context, jobId), deliveries: context.deliveries }
    },
    (outcome) => {
      if (outcome.ok) tellAll(ctx, state, orderId, outcome.value.deliveries)
      else failed(ctx, outcome)
      // One that failed is taken again when it is old.
      if (outcome.ok && outcome.value.isLeft) doSlice(ctx, state, jobId)
      else state.followUps.delete(jobId)
    },
  )
}

function failed(ctx: Ctx, { error }: Outcome<unknown> & { ok: false }): void {
  ctx.log.warn({ reason: error.message }, 'what follows from a change is late')
}
