/** Which roles live on which threads of a node, and which of these are linked. */
import type { Topology } from '../protocol/addresses.js'
import { layOut } from '../runtime/thread-host.js'
import { ROLE_NAMES, ROLES, type Role, type ThreadCounts } from './roles.js'

/** Threads of one kind are named after the first of their roles. */
export interface ThreadKind {
  name: Role
  /** In the order in which they start. */
  roles: readonly Role[]
  count: number
}

/** In the order of their slots. */
export function threadKinds(counts: ThreadCounts): ThreadKind[] {
  const homes = new Map(ROLE_NAMES.map((role) => [role, homeNameOf(role, counts)]))
  return ROLE_NAMES.filter((name) => homes.get(name) === name).map((name) => ({
    name,
    roles: ROLE_NAMES.filter((role) => homes.get(role) === name),
    count: ROLES[name].threads(counts),
  }))
}

function homeNameOf(role: Role, counts: ThreadCounts): Role | undefined {
  return ROLES[role].threads(counts) > 0 ? role : ROLES[role].elseOn
}

/** The kind of thread where a role lives; undefined = nowhere. */
export function homeOf(role: Role, counts: ThreadCounts): ThreadKind | undefined {
  return threadKinds(counts).find(({ roles }) => roles.includes(role))
}

/** Kinds of threads with which threads of this kind have links; its own among them where one needs another. */
export function linkedWith({ roles }: ThreadKind, counts: ThreadCounts): Role[] {
  const partners = roles.flatMap((role) => ROLES[role].talksTo)
  return partners.map((partner) => homeOf(partner, counts)?.name).filter((name) => name !== undefined)
}

export function topologyOf(counts: ThreadCounts & { presenceShards: number }): Topology {
  const threads = layOut(threadKinds(counts))
  const slotsOf = (role: Role) =>
    threads.filter((thread) => thread.role === homeOf(role, counts)?.name).map(({ slot }) => slot)
  return {
    io: slotsOf('io'),
    shard: slotsOf('shard'),
    sync: slotsOf('sync')[0]!,
    writer: slotsOf('writer')[0],
    reader: slotsOf('reader')[0],
    presenceShards: counts.presenceShards,
  }
}
