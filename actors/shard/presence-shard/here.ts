/** What happens on this node: its own sockets come, break and leave. */

import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { UserId } from '../../../src/rules/types.js'
import { refKey } from '../../../src/runtime/index.js'
import { seatsChanged } from './admissions.js'
import { type Ctx, flushSoon, type State } from './state.js'
import { tellWatchers } from './watching.js'

/** Longer than a fail-over takes. */
const LEAVING_MAX_MS = 15_000
/** Longer than what has failed waits until it is tried again. */
const SETTLE_MS = 2_500
const SETTLE_MAX_MS = 5_000

/** A login without a number waits for it. */
export function onConnected(ctx: Ctx, state: State, report: PresenceShard.ConnectionReport): void {
  const { userId, platformId, background, connection, token, seat } = report
  const login = { key: refKey(connection), platformId, background, thread: connection.thread, token, seat }
  const changed = state.roster.connect(userId, login, report.number)
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

/**
 * Whoever broke off may be on another node by now, which cannot say so while the store is away. So watchers are told
 * when the store has answered; or after a while without it, for he may be gone as well.
 */
export function onGraceDue(ctx: Ctx, state: State): void {
  const nowMs = ctx.nowMs()
  // Nor could that node say so just after: it tries again, and should not come second.
  const settledMs = Math.min(
    state.storeFailedMs + SETTLE_MS,
    (state.roster.graceDueMs() ?? 0) + SETTLE_MAX_MS,
  )
  if (settledMs - nowMs >= 1) return ctx.once('grace', settledMs - nowMs, { kind: 'graceDue' })
  for (const userId of state.roster.endGrace(nowMs)) {
    state.asserts.add(userId, nowMs)
    if (state.leaving.size === 0) ctx.once('leaving', LEAVING_MAX_MS, { kind: 'leavingDue' })
    state.leaving.set(userId, nowMs)
  }
  flushSoon(ctx, state)
  armGrace(ctx, state)
}

/** The store knows of these users what this node knows. */
export function onStoreTold(ctx: Ctx, state: State, userIds: UserId[]): void {
  const told = userIds.filter((userId) => state.leaving.delete(userId))
  tellWatchers(ctx, state, told)
}

export function onLeavingDue(ctx: Ctx, state: State): void {
  const nowMs = ctx.nowMs()
  const overdue: UserId[] = []
  for (const [userId, sinceMs] of state.leaving) {
    const leftMs = sinceMs + LEAVING_MAX_MS - nowMs
    // Not for the sake of a fraction that the sum has lost.
    if (leftMs >= 1) {
      ctx.once('leaving', leftMs, { kind: 'leavingDue' })
      break
    }
    overdue.push(userId)
    state.leaving.delete(userId)
  }
  tellWatchers(ctx, state, overdue)
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
