/** Presence in Redis: what nodes hold of each user, and who watches. */
import { Redis } from 'ioredis'
import type { Assertion, AssertOutcome, Holder, Snapshot, UserId, Whereabouts } from '../../rules/types.js'
import type { PresenceRecords } from '../ports/presence-records.js'
import { record } from './assertions.js'
import type { RedisNodeBus } from './node-bus.js'
import * as scripts from './scripts/scripts.js'
import { dispatch, type Reply } from './server/dispatch.js'
import type { Session, StoreContext } from './store-context.js'

const NOTHING_RECORDED: scripts.RecordReply = [[], []]
const NOBODY: scripts.WhereaboutsReply = [[]]

export class RedisPresenceRecords implements PresenceRecords {
  readonly #context: StoreContext
  readonly #bus: RedisNodeBus

  constructor(context: StoreContext, bus: RedisNodeBus) {
    this.#context = context
    this.#bus = bus
  }

  async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    const session = this.#context.opened()
    return this.#assert(batch, session.holder, session)
  }

  /** Withdraw what a dead node holds of these users, as the dead node itself would have done it. */
  async withdraw(userIds: UserId[], dead: Holder, session: Session): Promise<void> {
    const seats = { taken: [], asked: [] }
    const nothing = userIds.map((userId) => ({ userId, platformIds: [], versionSeen: 0, seats }))
    await this.#assert(nothing, dead, session)
  }

  async #assert(batch: Assertion[], holder: Holder, { sender }: Session): Promise<AssertOutcome[]> {
    const { client, router, keys, options, session } = this.#context
    const { presenceTtlS, openimCompat } = options
    // The changes are those of the dead node: receivers must not take this node for their sender.
    const tellsNodes = client instanceof Redis && holder === session()?.holder
    // The script tells at once: notes that were sent before it are not to come after.
    if (tellsNodes) this.#bus.publish(sender)
    return record(batch, {
      client,
      router,
      keys,
      holder,
      presenceTtlS,
      openimCompat,
      tellsNodes,
      publish: (outgoing) => this.#bus.publish(sender, outgoing),
    })
  }

  async watch(userIds: UserId[]): Promise<Snapshot[]> {
    const { keys, options, damage, opened } = this.#context
    const { holder } = opened()
    const replies = await this.#aboutUsers<scripts.RecordReply>(userIds, (group) =>
      scripts.watchUsers(group, { ...options, keys, holder }),
    )
    return this.#served(userIds, replies, NOTHING_RECORDED, (userId, reply) => {
      const [, , problem] = reply
      if (problem !== undefined) damage.note(problem, () => keys.ofUser(userId))
      return scripts.decodeSnapshot(userId, reply)
    })
  }

  async unwatch(userIds: UserId[]): Promise<void> {
    const { keys, options, opened } = this.#context
    opened()
    await this.#aboutUsers<number>(userIds, (group) => scripts.unwatchUsers(group, keys, options.nodeId))
  }

  async read(userIds: UserId[]): Promise<Whereabouts[]> {
    const { keys, options, opened } = this.#context
    opened()
    const replies = await this.#aboutUsers<scripts.WhereaboutsReply>(userIds, (group) =>
      scripts.readUsers(group, keys, options.openimCompat),
    )
    return this.#served(userIds, replies, NOBODY, scripts.decodeWhereabouts)
  }

  #aboutUsers<R>(userIds: UserId[], call: (group: UserId[]) => scripts.ScriptCall): Promise<Reply<R>[]> {
    const { client, router, keys } = this.#context
    return dispatch<UserId, R>(
      router,
      userIds,
      (userId) => userId,
      (userId) => keys.online(userId),
      async (group) => scripts.decodeReplies<R>(await scripts.runScript(client, call(group))),
    )
  }

  /** The replies of the users that could be served. `nothing`: taken for the reply where a record is of a wrong type. */
  #served<R, T>(
    userIds: UserId[],
    replies: Reply<R>[],
    nothing: R,
    decode: (userId: UserId, reply: R) => T,
  ): T[] {
    const { keys, options, damage } = this.#context
    const decoded: T[] = []
    for (const [i, reply] of replies.entries()) {
      if (reply.ok) decoded.push(decode(userIds[i]!, reply.reply))
      else if (damage.note(reply.error, () => keys.ofUser(userIds[i]!)))
        decoded.push(decode(userIds[i]!, nothing))
      else options.log('warn', 'cannot read a user', { userId: userIds[i], error: reply.error })
    }
    return decoded
  }
}
