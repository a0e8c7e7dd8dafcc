/** What the fan-out of an io thread hears. */
import type { UserId, UserPlatforms } from '../rules/types.js'
import type { Ref } from '../runtime/index.js'
import type * as Connection from './connection.js'

/** The whole of what watchers are told of one user; empty = offline. */
export interface Status extends UserPlatforms {
  /** Only what this node's own sockets say, because the store is away: for those who know nothing better. */
  isPartial?: true
}

/** Users' states: the answer to `Watch`, and every change. In order per user. presence shard → fan-out (io). */
export interface Statuses {
  kind: 'statuses'
  statuses: Status[]
}

/** A shard started and knows no watcher: watch its users again. Signal. presence shard → fan-out (io). */
export interface WatchAgain {
  kind: 'watchAgain'
  shard: number
}

/**
 * A connection wants these users, each once, on the status board; answered by `Watched` or `NotWatched`.
 * connection → fan-out, same thread.
 */
export interface Request {
  kind: 'request'
  connection: Ref<Connection.Command>
  requestId: number
  userIds: UserId[]
}

export type Command = Statuses | WatchAgain | Request
