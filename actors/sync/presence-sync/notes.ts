/** Notes between nodes about users: from the shards here, and to them. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Holder } from '../../../src/rules/types.js'
import { assertNever } from '../../../src/runtime/index.js'
import type { Ctx, State } from './state.js'

// Out

export function onEvict(ctx: Ctx, state: State, { to, id, eviction }: PresenceSync.Evict): void {
  const { userId } = eviction
  if (state.access.members.isGone(to)) {
    ctx.tell(state.addresses.shardFor(userId), { kind: 'evicted', id, userId, gone: 0, left: [] })
  } else send(state, to, (from) => ({ kind: 'evict', id, from, eviction }))
}

export function onEvicted({ access }: State, { to, id, userId, gone, left }: PresenceSync.Evicted): void {
  access.store?.bus.send(to, { kind: 'evicted', id, userId, gone, left })
}

export function onRemind(state: State, { to, userIds }: PresenceSync.Remind): void {
  send(state, to, (from) => ({ kind: 'remind', from, userIds }))
}

export function onHolding(state: State, { to, users }: PresenceSync.Holding): void {
  send(state, to, (from) => ({ kind: 'holding', from, users }))
}

/** Say something to another node in this one's name. */
function send({ access }: State, to: Holder, noteOf: (from: Holder) => PresenceSync.UserNote): void {
  const { store, holder } = access
  if (holder !== undefined) store?.bus.send(to, noteOf(holder))
}

// In

export function onNodeMessage(ctx: Ctx, { addresses }: State, note: PresenceSync.UserNote): void {
  switch (note.kind) {
    case 'evict':
      return ctx.tell(addresses.shardFor(note.eviction.userId), note)
    case 'evicted':
      return ctx.tell(addresses.shardFor(note.userId), note)
    case 'remind':
      for (const [shard, userIds] of addresses.byShard(note.userIds, (userId) => userId)) {
        ctx.tell(shard, { kind: 'remind', from: note.from, userIds })
      }
      return
    case 'holding':
      for (const [shard, users] of addresses.byShard(note.users, ({ userId }) => userId)) {
        ctx.tell(shard, { kind: 'holding', from: note.from, users })
      }
      return
    default:
      assertNever(note)
  }
}
