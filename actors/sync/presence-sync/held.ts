/** The ledger, told to a shard that starts empty. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { UserPlatforms } from '../../../src/rules/types.js'
import type { ReplyTo } from '../../../src/runtime/index.js'
import type { Ctx, State } from './state.js'

export function onHeld(ctx: Ctx, state: State, { shard }: PresenceSync.Held): void {
  ctx.reply(ctx.replyTo as ReplyTo<UserPlatforms[]>, state.ledger[shard]!.users())
}
