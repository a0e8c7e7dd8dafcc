/** The entry of every thread: it opens the roles that live there. */

import { flushLastLines } from '../observe/standard-output.js'
import { hostThread, type OpenThread, type ThreadApp, type ThreadTask } from '../runtime/thread-entry.js'
import { type Role, threadKinds } from './layout.js'
import type { MoveIn, PrepareResident } from './resident.js'
import { type ThreadSettings, threadLog, threadName } from './settings.js'
import { meterThread } from './thread-meter.js'

/** Only the code of those who live here is loaded. */
const DOORS: Record<Role, () => Promise<{ prepare: PrepareResident }>> = {
  io: () => import('./roles/io.js'),
  shard: () => import('./roles/shard.js'),
  sync: () => import('./roles/sync.js'),
  api: () => import('./roles/api.js'),
}

interface Prepared {
  role: Role
  moveIn: MoveIn
}

export default hostThread({ log: threadLog, prepare, open })

function prepare(task: ThreadTask<ThreadSettings>): Promise<Prepared[]> {
  const { roles } = threadKinds(task.settings.config).find(({ name }) => name === task.role)!
  return Promise.all(
    roles.map(async (role) => {
      const door = await DOORS[role]()
      return { role, moveIn: await door.prepare(task) }
    }),
  )
}

function open(thread: OpenThread<ThreadSettings>, prepared: Prepared[]): ThreadApp {
  const meter = meterThread(threadName(thread))
  const residents = prepared.map(({ role, moveIn }) => ({ role, ...moveIn({ ...thread, meter }) }))
  const leaving = [...residents].reverse()
  return {
    ready: async () => {
      await Promise.all(residents.map(({ ready }) => ready?.()))
    },
    drain: async (role) => residents.find((one) => one.role === role)?.drain?.(),
    stop: async () => {
      for (const { stop } of leaving) await stop?.()
    },
    release: () => {
      for (const { release } of leaving) release?.()
      // A thread whose task has ended is terminated, and runs no exit handlers.
      flushLastLines()
    },
    stats: async (runtime) => ({ metrics: await meter.snapshot(runtime) }),
    parts: () => residents.flatMap(({ parts }) => parts()),
  }
}
