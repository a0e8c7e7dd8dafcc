/** What a role brings to the thread that it lives on, alone or with others. */
import type { ReadyPart } from '../health/readiness.js'
import type { OpenThread, ThreadTask } from '../runtime/thread-entry.js'
import type { ThreadSettings } from './settings.js'
import type { ThreadMeter } from './thread-meter.js'

/** A thread, as those see it who live there. */
export interface Home extends OpenThread<ThreadSettings> {
  meter: ThreadMeter
}

export interface Resident {
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

/** Starts its actors. */
export type MoveIn = (home: Home) => Resident

/** What takes a while and has to be there before the first message: files to read. */
export type PrepareResident = (task: ThreadTask<ThreadSettings>) => Promise<MoveIn>
