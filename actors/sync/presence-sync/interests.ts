/** Which users shards watch: to the store, and the snapshots back. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Snapshot } from '../../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../../src/runtime/index.js'
import type { PresenceRecords } from '../../../src/store/ports/presence-records.js'
import { askStore } from '../store-access.js'
import { withoutDead } from './living.js'
import type { Ctx, State } from './state.js'

export function onSetInterest(ctx: Ctx, state: State, question: PresenceSync.SetInterest): void {
  const { access, background } = state
  const replyTo = ctx.asker(question)
  const call = () => askStore(access, ({ presence }) => setInterest(presence, question))
  ctx.pipe(question.isBackground ? background.run(call) : call(), (outcome) => ({
    kind: 'interestSet',
    replyTo,
    outcome,
  }))
}

async function setInterest(
  presence: PresenceRecords,
  { watch, unwatch }: PresenceSync.SetInterest,
): Promise<Snapshot[]> {
  const [snapshots] = await Promise.all([
    watch.length > 0 ? presence.watch(watch) : [],
    unwatch.length > 0 ? presence.unwatch(unwatch) : undefined,
  ])
  return snapshots
}

export function onInterestSet(
  ctx: Ctx,
  state: State,
  replyTo: ReplyTo<Snapshot[]>,
  outcome: Outcome<Snapshot[]>,
): void {
  // Filtered now, and not when the store answered: a death of which the shards know already must not be undone.
  if (outcome.ok) ctx.reply(replyTo, withoutDead(ctx, state, outcome.value))
  else ctx.fail(replyTo, outcome.error)
}
