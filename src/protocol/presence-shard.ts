/** What a presence shard hears. Every message may be repeated; each carries state, not a delta. */
import type { PlatformId, Snapshot, UserId } from '../presence/types.js'
import type { Question, Ref, ThreadSlot } from '../runtime/index.js'
import type * as Connection from './connection.js'

/** One socket of one user, as its io thread reports it. */
export interface ConnectionReport {
  connection: Ref<Connection.Command>
  userId: UserId
  platformId: PlatformId
  /** The app is in the background: shown online, not to be counted on for live delivery. */
  background: boolean
}

/** A user logged in, or its background flag changed. connection (io) → presence shard. */
export interface Connected extends ConnectionReport {
  kind: 'connected'
}

/** A socket is gone. `clean` = it said goodbye (logout, close frame, kick); otherwise the grace applies. */
export interface Disconnected {
  kind: 'disconnected'
  connection: Ref<Connection.Command>
  userId: UserId
  clean: boolean
}

/** Every connection of this shard's users on one io thread; answers `Announce`. listener (io) → presence shard. */
export interface Announced {
  kind: 'announced'
  thread: ThreadSlot
  connections: ConnectionReport[]
}

/** The io thread has watchers of these users. Answered by `Statuses`, now and at every change. fan-out (io) → shard. */
export interface Watch {
  kind: 'watch'
  thread: ThreadSlot
  userIds: UserId[]
}

/** The io thread has no watcher of these users any more. fan-out (io) → presence shard. */
export interface Unwatch {
  kind: 'unwatch'
  thread: ThreadSlot
  userIds: UserId[]
}

/** Users changed on other nodes. Older versions than known are ignored. sync → presence shard. */
export interface Changes {
  kind: 'changes'
  snapshots: Snapshot[]
}

/** A notice of OpenIM's form (OPENIM_COMPAT): a hint that the union is `platformIds`. sync → presence shard. */
export interface Noticed {
  kind: 'noticed'
  userId: UserId
  platformIds: PlatformId[]
}

/** Changes may have been lost: read again what is watched. sync → presence shard. */
export interface ChangesMissed {
  kind: 'changesMissed'
}

/** The store is reachable, perhaps empty: assert and watch everything again. sync → presence shard. */
export interface StoreBack {
  kind: 'storeBack'
}

/** End every grace, assert what is waiting, and answer when the store has it; for shutting down. */
export interface Flush extends Question<null> {
  kind: 'flush'
}

export type Command =
  | Connected
  | Disconnected
  | Announced
  | Watch
  | Unwatch
  | Changes
  | Noticed
  | ChangesMissed
  | StoreBack
  | Flush
