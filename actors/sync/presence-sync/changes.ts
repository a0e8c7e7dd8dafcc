/** Changes on other nodes, passed on to the shards that watch. Thread: sync. */
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Ref } from '../../../src/runtime/index.js'
import { withoutDead } from './living.js'
import type { Ctx, State } from './state.js'

const MISSED_MS = 1_000

export function onChanges(ctx: Ctx, state: State, { snapshots, by }: PresenceSync.Changes): void {
  const living = withoutDead(ctx, state, snapshots)
  for (const [shard, list] of state.addresses.byShard(living, ({ userId }) => userId)) {
    if (!ctx.tryTell(shard, { kind: 'changes', snapshots: list, by })) missSoon(ctx, state, shard)
  }
}

export function onOpenimNotice(ctx: Ctx, { addresses }: State, notice: PresenceSync.OpenimNotice): void {
  const { userId, platformIds } = notice
  ctx.tell(addresses.shardFor(userId), { kind: 'openimNotice', userId, platformIds })
}

/** The shard could not be told, because too much waits for it: it reads again what it watches, at most once a second. */
function missSoon(ctx: Ctx, { missed }: State, shard: Ref<PresenceShard.Command>): void {
  if (missed.size === 0) ctx.once('missed', MISSED_MS, { kind: 'missedDue' })
  missed.add(shard)
}

export function onMissedDue(ctx: Ctx, { missed, counts }: State): void {
  counts.changesMissed++
  ctx.log.warn({ shards: missed.size }, 'shards had no room for changes; they read their watched users again')
  for (const shard of missed) ctx.signal(shard, { kind: 'changesMissed' })
  missed.clear()
}
