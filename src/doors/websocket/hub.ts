/**
 * What the actors of one io thread share: the open connections, and what the watchers among them are told.
 *
 * The one place where actors of a thread meet other than by messages. It exists so that a connection can leave, or
 * answer a subscription, in one step with its neighbours' view of it: told by message, a status published in
 * between would reach the client before the older one. Only this thread's actors touch it, never across an await.
 */

import type { FrameEncodingIndex } from '../../openim/codec/encodings.js'
import type { ConnectionReport } from '../../protocol/presence-shard.js'
import { Audiences } from '../../rules/messages/audiences.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import type { ActorId } from '../../runtime/index.js'

export class Hub {
  readonly #connections = new Map<ActorId, ConnectionReport>()
  /** Most users have one connection: a list for each would cost more than the rest of the entry. */
  readonly #byUser = new Map<UserId, ConnectionReport | ConnectionReport[]>()
  /** The status board: users that somebody here watches, or did a moment ago, with the last that was told. */
  readonly statuses = new Map<UserId, PlatformId[]>()
  /** Users on the board that may have lost their last watcher. */
  readonly unattended = new Set<UserId>()

  /** Groups of the users who are connected here. */
  readonly audiences = new Audiences((userId) => this.#byUser.has(userId))

  /** Open connections by their actor. */
  get connections(): ReadonlyMap<ActorId, ConnectionReport> {
    return this.#connections
  }

  /** The open connections of a user. */
  connectionsOf(userId: UserId): readonly ConnectionReport[] {
    const own = this.#byUser.get(userId)
    if (own === undefined) return []
    return Array.isArray(own) ? own : [own]
  }

  open(report: ConnectionReport): void {
    this.#connections.set(report.connection.actor, report)
    const others = this.connectionsOf(report.userId)
    this.#byUser.set(report.userId, others.length === 0 ? report : [...others, report])
  }

  /** False = it was not open. */
  close(actor: ActorId): boolean {
    const report = this.#connections.get(actor)
    if (report === undefined) return false
    this.#connections.delete(actor)
    const left = this.connectionsOf(report.userId).filter((other) => other !== report)
    if (left.length === 0) {
      this.#byUser.delete(report.userId)
      this.audiences.exit(report.userId)
    } else this.#byUser.set(report.userId, left.length === 1 ? left[0]! : left)
    return true
  }
}

/** One topic for each user and encoding, so that a change is encoded once for all who watch in that encoding. */
export function topicOf(encoding: FrameEncodingIndex, userId: UserId): string {
  return `${encoding}${userId}`
}

export function userOfTopic(topic: string): UserId {
  return topic.slice(1)
}
