/** The ledger, told to a shard that starts empty. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Ctx, State } from './state.js'

export function onHeld(ctx: Ctx, state: State, question: PresenceSync.Held): void {
  ctx.reply(ctx.asker(question), state.ledger[question.shard]!.users())
}
