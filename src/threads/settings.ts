/** What every thread of a node is told when it is hosted, and who is linked with whom. */
import type { Config } from '../config.js'
import { createLog, type Log } from '../observe/log.js'
import type { MetricsSnapshot } from '../observe/metrics.js'
import type { Topology } from '../protocol/addresses.js'
import type { ThreadTask } from '../runtime/thread-entry.js'
import { layOut } from '../runtime/thread-host.js'

export interface ThreadSettings {
  config: Config
  topology: Topology
  /** See `SharedConnectionCounts`. */
  connectionCounts: SharedArrayBuffer
}

export type Role = 'io' | 'shard' | 'sync' | 'api'

/** Links between roles. A role names those it talks to; one side is enough. */
export const LINKS: Record<Role, Role[]> = {
  io: ['shard', 'sync'],
  shard: ['sync'],
  sync: [],
  api: ['sync'],
}

/** One part of readiness, as `/readyz` shows it. */
export interface ReadyPart {
  name: string
  ready: boolean
  missing?: string
}

/** What a thread tells of itself on the control plane. */
export interface ThreadStats {
  parts: ReadyPart[]
  metrics: MetricsSnapshot
}

/** What the main thread answers to the api thread. */
export interface SupervisorVerbs {
  stats(): Promise<ThreadStats[]>
}

export function rolesOf(config: Config): { name: Role; count: number }[] {
  return [
    { name: 'io', count: config.ioThreads },
    { name: 'shard', count: config.shardThreads },
    { name: 'sync', count: 1 },
    { name: 'api', count: 1 },
  ]
}

export function topologyOf(config: Config): Topology {
  const threads = layOut(rolesOf(config))
  const slots = (role: Role) => threads.filter((thread) => thread.role === role).map(({ slot }) => slot)
  return {
    io: slots('io'),
    shard: slots('shard'),
    sync: slots('sync')[0]!,
    presenceShards: config.presenceShards,
  }
}

export function threadName(task: Pick<ThreadTask<unknown>, 'role' | 'index'>): string {
  return `${task.role}-${task.index}`
}

export function threadLog(task: ThreadTask<ThreadSettings>): Log {
  return createLog({ level: task.settings.config.logLevel, thread: threadName(task) })
}
