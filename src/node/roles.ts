/**
 * The table of roles. A new role is a row here and a file in `roles/`.
 *
 * The order of the rows is that of the threads' slots, and of the roles that share a thread.
 */
import type { DrainPlan } from './drain-plan.js'
import type { RoleModule } from './role.js'

/** What the number of threads depends on. */
export interface ThreadCounts {
  ioThreads: number
  shardThreads: number
  servesMessages: boolean
}

interface Row {
  /** Threads of its own. With none, it lives on the threads of `elseOn`; without these, nowhere. */
  threads(counts: ThreadCounts): number
  elseOn?: string
  /** Roles that it talks to. Said on one side, it holds for both. */
  talksTo: readonly string[]
  /**
   * Bound of the young generation, MiB. One that is larger grows to its bound in the first storm, and stays there: with V8's
   * own 48 MiB in each thread an idle connection of 18,000 takes 8.7 KB, with these 4.7. Shards and sync make more
   * garbage; with 12 they would be a tenth slower.
   */
  youngHeapMb: number
  /** In which order roles end when the node stops. */
  endsAs: number
  /** Which part of the time for a stop it has to finish what is under way; absent = it has nothing to finish. */
  drainTime?: keyof DrainPlan & `${string}Ms`
  /** It holds native resources that would take the process down if its thread were terminated from outside. */
  mustEndItself?: boolean
  /** It may ask the main thread about the node's health. */
  asksSupervisor?: boolean
  /** Only the code of the roles that live on a thread is loaded there. */
  load(): Promise<RoleModule>
}

const TABLE = {
  io: {
    threads: ({ ioThreads }) => ioThreads,
    talksTo: ['shard', 'sync', 'writer', 'reader'],
    youngHeapMb: 10,
    endsAs: 2,
    drainTime: 'ioMs',
    mustEndItself: true,
    load: () => import('./roles/io.js'),
  },
  shard: {
    threads: ({ shardThreads }) => shardThreads,
    // Never with sync: each is the other's memory of what this node has on record.
    elseOn: 'io',
    talksTo: ['sync'],
    youngHeapMb: 20,
    endsAs: 3,
    drainTime: 'shardMs',
    load: () => import('./roles/shard.js'),
  },
  sync: {
    threads: () => 1,
    talksTo: [],
    youngHeapMb: 20,
    endsAs: 4,
    load: () => import('./roles/sync.js'),
  },
  writer: {
    threads: ({ servesMessages }) => (servesMessages ? 1 : 0),
    talksTo: ['sync', 'reader'],
    youngHeapMb: 10,
    endsAs: 6,
    load: () => import('./roles/writer.js'),
  },
  // Apart: a long read would hold up every message.
  reader: {
    threads: ({ servesMessages }) => (servesMessages ? 1 : 0),
    talksTo: [],
    youngHeapMb: 10,
    endsAs: 5,
    load: () => import('./roles/reader.js'),
  },
  api: {
    threads: () => 1,
    talksTo: ['sync', 'shard', 'writer', 'reader'],
    youngHeapMb: 8,
    endsAs: 1,
    asksSupervisor: true,
    load: () => import('./roles/api.js'),
  },
} satisfies Record<string, Row>

export type Role = keyof typeof TABLE

/** The row of each role; its names of other roles are names of rows (`test/node/roles.test.ts`). */
export const ROLES: Readonly<Record<Role, Row & { elseOn?: Role; talksTo: readonly Role[] }>> = TABLE as never

export const ROLE_NAMES = Object.keys(TABLE) as Role[]

/** In the order in which they end. */
export const ENDING_ORDER = [...ROLE_NAMES].sort((a, b) => ROLES[a].endsAs - ROLES[b].endsAs)
