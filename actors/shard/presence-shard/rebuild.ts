/** Rebuild: how a shard that starts empty learns what its io threads and the store hold of its users. */

import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { UserPlatforms } from '../../../src/rules/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import { armGrace, onConnected } from './here.js'
import { onRebuilt } from './logins.js'
import { type Ctx, flushSoon, type State } from './state.js'
import { tellWatchers } from './watching.js'

const REBUILD_ASK_MS = 250

/** Ask until everybody has answered: a question to a thread that is being hosted anew is lost. */
export function askForTheLost(ctx: Ctx, state: State): void {
  if (!state.isRebuilding) return
  for (const listener of state.addresses.listeners) {
    if (state.unannounced.has(listener.thread)) ctx.tell(listener, { kind: 'announce', shard: state.shard })
  }
  if (state.heldBefore === undefined) {
    ctx.ask(
      state.addresses.presenceSync,
      { kind: 'held', shard: state.shard },
      REBUILD_ASK_MS,
      (outcome) => ({
        kind: 'heldBefore',
        outcome,
      }),
    )
  }
  ctx.once('rebuild', REBUILD_ASK_MS, { kind: 'rebuildDue' })
}

export function onAnnounced(ctx: Ctx, state: State, announced: PresenceShard.Announced): void {
  state.unannounced.delete(announced.thread)
  for (const report of announced.connections) onConnected(ctx, state, report)
  finishRebuilding(ctx, state)
}

export function onHeldBefore(ctx: Ctx, state: State, outcome: Outcome<UserPlatforms[]>): void {
  if (!outcome.ok || state.heldBefore !== undefined) return
  state.heldBefore = outcome.value
  finishRebuilding(ctx, state)
}

export function finishRebuilding(ctx: Ctx, state: State): void {
  if (!state.isRebuilding || state.unannounced.size > 0 || state.heldBefore === undefined) return
  state.isRebuilding = false
  ctx.cancel('rebuild')
  const nowMs = ctx.nowMs()
  for (const { userId, platformIds } of state.heldBefore) {
    for (const platformId of platformIds) state.roster.hold(userId, platformId, nowMs)
  }
  state.heldBefore = []
  for (const userId of state.roster.userIds) {
    state.renewals.add(userId)
    if (state.roster.isWaiting(userId)) state.asserts.add(userId, nowMs)
    else state.asserts.addBackground(userId, nowMs)
    onRebuilt(ctx, state, userId)
  }
  tellWatchers(ctx, state, [...state.watches.userIds])
  armGrace(ctx, state)
  flushSoon(ctx, state)
}
