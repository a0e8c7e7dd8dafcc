/** Messages of other nodes that may have been lost: on their way here, or between the actors of this thread. Thread: sync. */
import type { Ctx, State } from './state.js'

const REFUSED_MS = 1_000

export function onChangesMissed(ctx: Ctx, state: State, reason: string): void {
  // Before the shards are told: logins that they assert again wait until token-sync has reviewed the loss.
  state.access.losses++
  ctx.signal(state.addresses.tokenSync, { kind: 'changesMissed' })
  state.counts.changesMissed++
  ctx.log.warn({ reason }, 'changes may have been lost; reading the watched users again')
  tellShards(ctx, state)
}

/** The store serves again, and may have lost kicks and records. Call this before `tellShards`. */
export function tellOthersStoreBack(ctx: Ctx, { access, addresses }: State): void {
  access.losses++
  ctx.signal(addresses.tokenSync, { kind: 'storeBack' })
  if (addresses.storage !== undefined) ctx.signal(addresses.messageSync, { kind: 'storeBack' })
}

/** presence-sync has no room for a change: the shards read again what they watch, at most once a second. */
export function refuseChanges(ctx: Ctx, { losses }: State): void {
  if (losses.isRefused) return
  losses.isRefused = true
  ctx.once('refused', REFUSED_MS, { kind: 'refusedDue' })
}

export function onRefusedDue(ctx: Ctx, state: State): void {
  state.losses.isRefused = false
  state.counts.changesMissed++
  ctx.log.warn({}, 'presence-sync had no room for changes; shards read their watched users again')
  tellShards(ctx, state)
}

export function tellShards(ctx: Ctx, { addresses }: State): void {
  for (const shard of addresses.shards) ctx.signal(shard, { kind: 'changesMissed' })
}
