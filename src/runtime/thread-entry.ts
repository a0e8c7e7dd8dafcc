/**
 * The thread's side of hosting: one resident piscina task, whose promise is the thread's life.
 *
 * A role's entry file exports `hostThread(open)` as its default. The task runs until `stop`; it must stay an
 * open task, because a piscina thread between tasks may wait on Atomics and then runs no timers.
 */
import type { MessagePort } from 'node:worker_threads'
import { exposeControl, type Fault, type ThreadControl } from './control.js'
import { type Log, realEnvironment } from './environment.js'
import type { LinkPort } from './link.js'
import type { ThreadSlot } from './ref.js'
import { ActorSystem, type SystemStats } from './system.js'

/** What the main thread hands to a thread that it hosts. */
export interface ThreadTask<Settings> {
  slot: ThreadSlot
  role: string
  /** Position among the threads of its role. */
  index: number
  /** How often this slot was hosted before. */
  incarnation: number
  settings: Settings
  control: MessagePort
  links: { slot: ThreadSlot; port: MessagePort }[]
  /** A second control port, on which the main thread answers; only for roles that asked for one. */
  supervisor?: MessagePort
}

export interface OpenThread<Settings> extends ThreadTask<Settings> {
  system: ActorSystem
  log: Log
}

/** What a role makes of its thread. */
export interface ThreadApp {
  /** Resolves when the thread can do its work. */
  ready(): Promise<void>
  /** See `ThreadControl.drain`. */
  drain(role: string): Promise<void>
  /** Asynchronous goodbyes, before the actors are stopped. */
  stop(): Promise<void>
  /** Free what would take the process down with the thread. Synchronous, on every path, at most once needed. */
  release(): void
  stats(system: SystemStats): Promise<unknown>
  /** See `ThreadControl.parts`. */
  parts(): unknown
}

export interface ThreadRole<Settings, Prepared> {
  log(task: ThreadTask<Settings>): Log
  /** What takes a while and has to be there before the first message: files to read. */
  prepare(task: ThreadTask<Settings>): Promise<Prepared>
  open(thread: OpenThread<Settings>, prepared: Prepared): ThreadApp
}

export function hostThread<Settings, Prepared>(
  role: ThreadRole<Settings, Prepared>,
): (task: ThreadTask<Settings>) => Promise<void> {
  return (task) =>
    new Promise((resolve) => {
      const log = role.log(task)
      const system = new ActorSystem({
        thread: task.slot,
        incarnation: task.incarnation,
        environment: realEnvironment,
        log,
      })
      let app: ThreadApp | undefined
      const fail = (error: Error) => {
        log.error({ error: error.stack ?? error.message }, 'thread failed')
        app?.release()
        // In a worker this ends the thread only, and rejects the task's promise in the main thread.
        process.exit(1)
      }
      process.on('uncaughtException', fail)
      const start = (prepared: Prepared) => {
        for (const { slot, port } of task.links) system.link(slot, port as LinkPort)
        app = role.open({ ...task, system, log }, prepared)
        serve(app)
      }
      // Not by rejecting: the thread would be used again, with the actors of this attempt still alive on it.
      role.prepare(task).then(start).catch(fail)

      const serve = (opened: ThreadApp) => {
        const verbs: ThreadControl = {
          ready: () => opened.ready(),
          relink: (slot, port) => system.link(slot, port as LinkPort),
          unlink: (slot, reason) => system.unlink(slot, reason),
          drain: (role) => opened.drain(role),
          stop: async () => {
            await opened.stop()
            system.close()
            opened.release()
            task.control.close()
            task.supervisor?.close()
            resolve()
          },
          stats: () => opened.stats(system.stats()),
          parts: async () => opened.parts(),
          setLogLevel: (level) => {
            log.level = level
          },
          fault: (kind) => void setImmediate(() => inject(kind)),
        }
        exposeControl(verbs, task.control)
      }
    })
}

const HANG_MS = 5_000

function inject(kind: Fault): void {
  if (kind === 'throw') throw new Error('fault ordered: throw')
  if (kind === 'hang') return void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, HANG_MS)
  const hoard: number[][] = []
  for (;;) hoard.push(new Array<number>(1_000_000).fill(hoard.length))
}
