/** What a role is, and what it brings to the thread that it lives on, alone or with others. */
import type { ReadyPart } from '../health/readiness.js'
import type { OpenThread, ThreadTask } from '../runtime/thread-entry.js'
import type { ThreadSettings } from './settings.js'
import type { ThreadMeter } from './thread-meter.js'

/** A thread, as the roles on it see it. */
export interface ThreadContext extends OpenThread<ThreadSettings> {
  meter: ThreadMeter
}

/** A role on one thread. */
export interface RoleInstance {
  /** Resolves when it can do its work. */
  ready?(): Promise<void>
  /** Takes no new work; resolves when what is under way is done. */
  drain?(): Promise<void>
  /** Asynchronous goodbyes, before the actors of the thread are stopped. */
  stop?(): Promise<void>
  /** Free what would take the process down with the thread. Synchronous, on every path. */
  release?(): void
  parts(): ReadyPart[]
}

/** Starts the role's actors. */
export type StartRole = (thread: ThreadContext) => RoleInstance

/** What takes a while and has to be there before the first message: files to read. */
export type PrepareRole = (task: ThreadTask<ThreadSettings>) => Promise<StartRole>

/** What the file of a role exports. */
export interface RoleModule {
  prepare: PrepareRole
}
