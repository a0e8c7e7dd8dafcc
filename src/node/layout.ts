/** Which roles live on which threads of a node, and which of these are linked. */
import type { Topology } from '../protocol/addresses.js'
import { layOut } from '../runtime/thread-host.js'

export type Role = 'io' | 'shard' | 'sync' | 'api'

/** Who talks to whom. Said on one side, it holds for both. */
const PARTNERS: Record<Role, readonly Role[]> = {
  io: ['shard', 'sync'],
  shard: ['sync'],
  sync: [],
  api: ['sync', 'shard'],
}

/** Threads of one kind are named after the first of their roles. */
export interface ThreadKind {
  name: Role
  /** In the order in which they move in. */
  roles: readonly Role[]
  count: number
}

/**
 * Without threads of their own the shards live with the sockets. Never with sync: each is the other's memory of what
 * this node has on record.
 */
export interface ThreadCounts {
  ioThreads: number
  shardThreads: number
}

/** In the order of their slots. */
export function threadKinds({ ioThreads, shardThreads }: ThreadCounts): ThreadKind[] {
  const kinds: ThreadKind[] = [
    { name: 'io', roles: shardThreads === 0 ? ['io', 'shard'] : ['io'], count: ioThreads },
    { name: 'shard', roles: ['shard'], count: shardThreads },
    { name: 'sync', roles: ['sync'], count: 1 },
    { name: 'api', roles: ['api'], count: 1 },
  ]
  return kinds.filter(({ count }) => count > 0)
}

/** The kind of thread where a role lives. */
export function homeOf(role: Role, counts: ThreadCounts): ThreadKind {
  return threadKinds(counts).find(({ roles }) => roles.includes(role))!
}

/** Kinds of threads with which threads of this kind have links; its own among them where one needs another. */
export function linkedWith({ roles }: ThreadKind, counts: ThreadCounts): Role[] {
  return roles.flatMap((role) => PARTNERS[role]).map((partner) => homeOf(partner, counts).name)
}

export function topologyOf(counts: ThreadCounts & { presenceShards: number }): Topology {
  const threads = layOut(threadKinds(counts))
  const slotsOf = (role: Role) =>
    threads.filter((thread) => thread.role === homeOf(role, counts).name).map(({ slot }) => slot)
  return {
    io: slotsOf('io'),
    shard: slotsOf('shard'),
    sync: slotsOf('sync')[0]!,
    presenceShards: counts.presenceShards,
  }
}
