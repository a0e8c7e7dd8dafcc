/**
 * What the actors of one io thread share: the open connections, and what the watchers among them are told.
 *
 * The one place where actors of a thread meet other than by messages. It exists so that a connection can leave, or
 * answer a subscription, in one step with its neighbours' view of it: told by message, a status published in
 * between would reach the client before the older one. Only this thread's actors touch it, never across an await.
 */

import type { FrameEncodingIndex } from '../../openim/codec/encodings.js'
import type { ConnectionReport } from '../../protocol/presence-shard.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import type { ActorId } from '../../runtime/index.js'

export class Hub {
  /** Open connections by their actor. */
  readonly connections = new Map<ActorId, ConnectionReport>()
  /** The status board: users that somebody here watches, or did a moment ago, with the last that was told. */
  readonly statuses = new Map<UserId, PlatformId[]>()
  /** Users on the board that may have lost their last watcher. */
  readonly unattended = new Set<UserId>()
}

/** One topic for each user and encoding, so that a change is encoded once for all who watch in that encoding. */
export function topicOf(encoding: FrameEncodingIndex, userId: UserId): string {
  return `${encoding}${userId}`
}

export function userOfTopic(topic: string): UserId {
  return topic.slice(1)
}
