/** What happens on this node: its own sockets come, break and leave. */
import { OLD } from '../../src/presence/roster.js'
import type { UserId } from '../../src/presence/types.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { refKey } from '../../src/runtime/index.js'
import { seatsChanged } from './admissions.js'
import { areNumbered, type Ctx, flushSoon, type State } from './state.js'
import { tellWatchers } from './watching.js'

/** A login without a number waits for it, where its order matters. */
export function onConnected(ctx: Ctx, state: State, report: PresenceShard.ConnectionReport): void {
  const { userId, platformId, background, connection, token, seat } = report
  const number = report.number ?? (areNumbered(state) ? undefined : OLD)
  const login = { key: refKey(connection), platformId, background, thread: connection.thread, token, seat }
  const changed = state.roster.connect(userId, login, number)
  state.departed.delete(userId)
  state.renewals.add(userId)
  if (changed) platformsChanged(ctx, state, [userId])
  else if (state.roster.isWaiting(userId)) {
    state.asserts.add(userId, ctx.nowMs())
    flushSoon(ctx, state)
  }
}

export function onDisconnected(ctx: Ctx, state: State, gone: PresenceShard.Disconnected): void {
  const changed = state.roster.disconnect(gone.userId, refKey(gone.connection), gone.clean, ctx.nowMs())
  if (changed) return platformsChanged(ctx, state, [gone.userId])
  armGrace(ctx, state)
  seatsChanged(ctx, state, gone.userId)
}

export function onGraceDue(ctx: Ctx, state: State): void {
  platformsChanged(ctx, state, state.roster.endGrace(ctx.nowMs()))
  armGrace(ctx, state)
}

export function onRenewDue(ctx: Ctx, state: State): void {
  for (const userId of state.renewals.due()) state.asserts.addBackground(userId, ctx.nowMs())
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
