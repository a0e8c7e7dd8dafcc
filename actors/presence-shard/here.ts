/** What happens on this node: its own sockets come, break and leave. */
import type { UserId } from '../../src/presence/types.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { refKey } from '../../src/runtime/index.js'
import { type Ctx, flushSoon, type State } from './state.js'
import { tellWatchers } from './watching.js'

export function onConnected(ctx: Ctx, state: State, report: PresenceShard.ConnectionReport): void {
  const { userId, platformId, background, connection } = report
  const key = refKey(connection)
  const changed = state.roster.connect(userId, key, platformId, background, connection.thread)
  state.renewals.add(userId)
  if (changed) platformsChanged(ctx, state, [userId])
}

export function onDisconnected(ctx: Ctx, state: State, gone: PresenceShard.Disconnected): void {
  const changed = state.roster.disconnect(gone.userId, refKey(gone.connection), gone.clean, ctx.nowMs())
  if (changed) platformsChanged(ctx, state, [gone.userId])
  else armGrace(ctx, state)
}

export function onGraceDue(ctx: Ctx, state: State): void {
  platformsChanged(ctx, state, state.roster.endGrace(ctx.nowMs()))
  armGrace(ctx, state)
}

export function onRenewDue(ctx: Ctx, state: State): void {
  for (const userId of state.renewals.due()) state.asserts.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

export function platformsChanged(ctx: Ctx, state: State, userIds: UserId[]): void {
  for (const userId of userIds) state.asserts.add(userId, ctx.nowMs())
  tellWatchers(ctx, state, userIds)
  flushSoon(ctx, state)
}

export function armGrace(ctx: Ctx, state: State): void {
  const dueMs = state.roster.graceDueMs()
  if (dueMs !== undefined) ctx.once('grace', dueMs - ctx.nowMs(), { kind: 'graceDue' })
}
