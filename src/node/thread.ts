/** The entry of every thread: it starts the roles that live there. */

import { flushLastLines } from '../observe/standard-output.js'
import { hostThread, type OpenThread, type ThreadApp, type ThreadTask } from '../runtime/thread-entry.js'
import { threadKinds } from './layout.js'
import type { StartRole } from './role.js'
import { ROLES, type Role } from './roles.js'
import { type ThreadSettings, threadLog, threadName } from './settings.js'
import { meterThread } from './thread-meter.js'

interface Prepared {
  role: Role
  start: StartRole
}

export default hostThread({ log: threadLog, prepare, open })

function prepare(task: ThreadTask<ThreadSettings>): Promise<Prepared[]> {
  const { roles } = threadKinds(task.settings.config).find(({ name }) => name === task.role)!
  return Promise.all(
    roles.map(async (role) => {
      const module = await ROLES[role].load()
      return { role, start: await module.prepare(task) }
    }),
  )
}

function open(thread: OpenThread<ThreadSettings>, prepared: Prepared[]): ThreadApp {
  const meter = meterThread(threadName(thread))
  const instances = prepared.map(({ role, start }) => ({ role, ...start({ ...thread, meter }) }))
  const leaving = [...instances].reverse()
  return {
    ready: async () => {
      await Promise.all(instances.map(({ ready }) => ready?.()))
    },
    drain: async (role) => instances.find((one) => one.role === role)?.drain?.(),
    stop: async () => {
      for (const { stop } of leaving) await stop?.()
    },
    release: () => {
      for (const { release } of leaving) release?.()
      // A thread whose task has ended is terminated, and runs no exit handlers.
      flushLastLines()
    },
    stats: async (runtime) => ({ metrics: await meter.snapshot(runtime) }),
    parts: () => instances.flatMap(({ parts }) => parts()),
  }
}
