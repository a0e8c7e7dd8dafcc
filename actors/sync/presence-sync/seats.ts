/** Seats, asked of the store. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { SeatOutcome } from '../../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import type { Ctx, State } from './state.js'

export function onTakeSeat(
  ctx: Ctx,
  { access }: State,
  { request, onlyLiving }: PresenceSync.TakeSeat,
): void {
  const replyTo = ctx.replyTo as ReplyTo<SeatOutcome>
  const call = askStore(access, ({ seats }) => seats.takeSeat(request, onlyLiving))
  ctx.pipe(call, (outcome) => ({ kind: 'seatAnswered', replyTo, outcome }))
}

export function onSeatAnswered(ctx: Ctx, replyTo: ReplyTo<SeatOutcome>, outcome: Outcome<SeatOutcome>): void {
  if (outcome.ok) ctx.reply(replyTo, outcome.value)
  else ctx.fail(replyTo, outcome.error)
}
