/** Seats, asked of the store. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import { askStore } from '../store-access.js'
import type { Ctx, State } from './state.js'

export function onTakeSeat(ctx: Ctx, { access }: State, question: PresenceSync.TakeSeat): void {
  const { request, onlyLiving } = question
  const call = askStore(access, ({ seats }) => seats.takeSeat(request, onlyLiving))
  ctx.replyWith(ctx.asker(question), call)
}
