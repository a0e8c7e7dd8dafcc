/** Changes that shards may not have heard of: they read again what they watch, at most once a second. */
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type { Ref } from '../../src/runtime/index.js'
import type { Ctx, State } from './state.js'

const MISSED_MS = 1_000

/** A change could not be told to these shards, because too much waits for them. */
export function missSoon(ctx: Ctx, state: State, shards: Iterable<Ref<PresenceShard.Command>>): void {
  if (state.missed.size === 0) ctx.once('missed', MISSED_MS, { kind: 'missedDue' })
  for (const shard of shards) state.missed.add(shard)
}

export function onMissedDue(ctx: Ctx, state: State): void {
  state.counts.gaps++
  ctx.log.warn(
    { shards: state.missed.size },
    'shards were too busy for changes; they read again what is watched',
  )
  for (const shard of state.missed) ctx.signal(shard, { kind: 'changesMissed' })
  state.missed.clear()
}
