/**
 * The presence store on Redis 7 or later, one server or a Cluster.
 *
 * connection.ts   commands, up and down         scripts.ts (+ *.lua)   what runs inside Redis
 * routing.ts      which master serves whom      dispatch.ts            calls about many users
 * node-channel.ts what nodes tell each other    subscriber.ts          the listening connection
 */
import { Cluster, Redis } from 'ioredis'
import { StoreUnavailableError, StoreUnsuitableError } from '../../errors.js'
import type { Assertion, Holder, PlatformId, Snapshot, UserId } from '../../presence/types.js'
import { holderOf, nodeIdProblem } from '../names.js'
import type { AssertOutcome, PresenceStore, StoreEvents, TokenState } from '../presence-store.js'
import { Connection } from './connection.js'
import { dispatch, type Reply } from './dispatch.js'
import { nodeChannel, nodesKey, openimChannel, tokensKey } from './keys.js'
import { ChangeReceiver, ChangeSender, Outgoing } from './node-channel.js'
import { parseNotice } from './openim-notices.js'
import { REDIS_DEFAULTS, type RedisStoreOptions } from './options.js'
import { Router } from './routing.js'
import * as scripts from './scripts.js'
import { Subscriber } from './subscriber.js'

const TOKEN_STATES: Record<string, TokenState> = {
  '0': 'normal',
  '1': 'invalid',
  '2': 'kicked',
  '3': 'expired',
}

/** What exists from `open` to `close`, and anew for each epoch. */
interface Session {
  holder: Holder
  events: StoreEvents
  sender: ChangeSender
  receiver: ChangeReceiver
}

export class RedisStore implements PresenceStore {
  readonly #options: RedisStoreOptions
  readonly #connection: Connection
  readonly #router: Router
  readonly #subscriber: Subscriber
  #session: Session | undefined

  /** Throws STORE_UNSUITABLE for options that no server can serve. Connects in `open`. */
  constructor(options: RedisStoreOptions) {
    const problem = nodeIdProblem(options.nodeId)
    if (problem !== undefined) throw new StoreUnsuitableError(problem)
    this.#options = options
    this.#connection = new Connection(options, (up, reason) => this.#session?.events.reachable(up, reason))
    this.#router = new Router(this.#connection.client)
    this.#subscriber = new Subscriber({
      locate: async () => {
        await this.#router.refresh()
        return this.#connection.subscriberClient(this.#router.ownerOf(nodeChannel(options.nodeId)))
      },
      nodeChannel: nodeChannel(options.nodeId),
      sharded: this.#client instanceof Cluster,
      plainChannels: options.openimCompat ? [openimChannel()] : [],
      onMessage: (channel, payload) => this.#heard(channel, payload),
      onResubscribed: (reason) => this.#resubscribed(reason),
      reconnectMaxMs: options.reconnectMaxMs ?? REDIS_DEFAULTS.reconnectMaxMs,
      log: options.log,
    })
  }

  get #client(): Redis | Cluster {
    return this.#connection.client
  }

  async open(events: StoreEvents): Promise<Holder> {
    if (this.#session) {
      this.#session = await this.#register(events)
      return this.#session.holder
    }
    try {
      await this.#connection.connect()
      const session = await this.#register(events)
      await this.#subscriber.start().catch(rejectUnavailable)
      this.#session = session
      return session.holder
    } catch (error) {
      this.#subscriber.stop()
      this.#connection.close()
      throw error
    }
  }

  async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    const { holder, sender } = this.#opened()
    const { presenceTtlS, openimCompat } = this.#options
    const snapshots = new Map<scripts.ChangedReply, Snapshot>()
    const replies = await dispatch<Assertion, number | scripts.ChangedReply>(
      this.#router,
      batch,
      (assertion) => assertion.userId,
      async (group) => {
        const call = scripts.assertPresence(group, { holder, presenceTtlS, openimCompat })
        const packed = await scripts.runScript(this.#client, call)
        const answers = scripts.decodeReplies<number | scripts.ChangedReply>(packed)
        // Told as soon as this master has answered: another that is away must not hold up this one's news.
        const outgoing = new Outgoing()
        for (const [i, answer] of answers.entries()) {
          if (typeof answer !== 'object') continue
          const snapshot = scripts.decodeSnapshot(group[i]!.userId, answer)
          snapshots.set(answer, snapshot)
          outgoing.add(snapshot, answer[2])
        }
        this.#publish(sender, outgoing)
        return answers
      },
    )
    return batch.map(({ userId }, i): AssertOutcome => {
      const reply = replies[i]!
      if (!reply.ok) return { ok: false, userId, error: reply.error }
      if (typeof reply.reply === 'number') return { ok: true, userId, version: reply.reply }
      const changed = snapshots.get(reply.reply)!
      return { ok: true, userId, version: changed.version, changed }
    })
  }

  async watch(userIds: UserId[]): Promise<Snapshot[]> {
    const { holder } = this.#opened()
    const replies = await this.#aboutUsers<scripts.RecordReply>(userIds, (group) =>
      scripts.watchUsers(group, holder, this.#options.presenceTtlS),
    )
    return this.#snapshots(userIds, replies)
  }

  async unwatch(userIds: UserId[]): Promise<void> {
    this.#opened()
    await this.#aboutUsers<number>(userIds, (group) => scripts.unwatchUsers(group, this.#options.nodeId))
  }

  async read(userIds: UserId[]): Promise<Snapshot[]> {
    this.#opened()
    return this.#snapshots(userIds, await this.#aboutUsers<scripts.RecordReply>(userIds, scripts.readUsers))
  }

  async renewLease(): Promise<boolean> {
    const { holder } = this.#opened()
    this.#subscriber.check()
    const call = scripts.renewLease(holder, this.#options.nodeLeaseMs)
    return (await scripts.runScript(this.#client, call).catch(rejectUnavailable)) === 1
  }

  async living(): Promise<Holder[]> {
    this.#opened()
    const holders = await scripts.runScript(this.#client, scripts.listNodes()).catch(rejectUnavailable)
    return (holders as Buffer[]).map(String)
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    const key = this.#tokensKey(userId, platformId)
    const state = await this.#client.hget(key, token).catch(rejectUnavailable)
    return state === null ? 'unknown' : (TOKEN_STATES[state] ?? 'invalid')
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    const key = this.#tokensKey(userId, platformId)
    // The hash holds other tokens too: their life may be prolonged, never cut.
    const commands = this.#client
      .multi()
      .hset(key, token, '0')
      .expire(key, ttlS, 'NX')
      .expire(key, ttlS, 'GT')
    const results = await commands.exec().catch(rejectUnavailable)
    const failed = results?.find(([error]) => error !== null)
    if (failed) rejectUnavailable(failed[0])
  }

  async ping(): Promise<void> {
    const call = scripts.listNodes()
    // In a Cluster a bare PING would go to any server: ask one that has to serve.
    if (this.#client instanceof Cluster) await scripts.runScript(this.#client, call).catch(rejectUnavailable)
    else await this.#client.ping().catch(rejectUnavailable)
  }

  async close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    this.#subscriber.stop()
    if (session) {
      await this.#client.zrem(nodesKey(), session.holder).catch((error: Error) => {
        this.#options.log('warn', 'cannot leave the registry, the lease will end', { error: error.message })
      })
    }
    this.#connection.close()
  }

  async #register(events: StoreEvents): Promise<Session> {
    const { nodeId, nodeLeaseMs } = this.#options
    const call = scripts.registerNode(nodeId, nodeLeaseMs)
    const epoch = await scripts.runScript(this.#client, call).catch(rejectUnavailable)
    const holder = holderOf(nodeId, String(epoch))
    return { holder, events, sender: new ChangeSender(holder), receiver: new ChangeReceiver(holder) }
  }

  #opened(): Session {
    if (!this.#session) throw new StoreUnavailableError('The store is not open.')
    return this.#session
  }

  #aboutUsers<R>(userIds: UserId[], call: (group: UserId[]) => scripts.ScriptCall): Promise<Reply<R>[]> {
    return dispatch<UserId, R>(
      this.#router,
      userIds,
      (userId) => userId,
      async (group) => scripts.decodeReplies<R>(await scripts.runScript(this.#client, call(group))),
    )
  }

  #snapshots(userIds: UserId[], replies: Reply<scripts.RecordReply>[]): Snapshot[] {
    const snapshots: Snapshot[] = []
    for (const [i, reply] of replies.entries()) {
      if (reply.ok) snapshots.push(scripts.decodeSnapshot(userIds[i]!, reply.reply))
      else this.#options.log('warn', 'cannot read a user', { userId: userIds[i], error: reply.error })
    }
    return snapshots
  }

  #tokensKey(userId: UserId, platformId: PlatformId): string {
    const name = this.#options.platforms.nameOf(platformId)
    if (name === undefined) throw new Error(`Platform ${platformId} is unknown.`)
    return tokensKey(userId, name)
  }

  /** Not awaited: a message that is lost leaves a gap in the numbers, which the receiver repairs. */
  #publish(sender: ChangeSender, outgoing: Outgoing): void {
    for (const { nodeId, payload } of sender.messages(outgoing)) {
      const channel = nodeChannel(nodeId)
      const client = this.#client
      const published =
        client instanceof Redis ? client.publish(channel, payload) : client.spublish(channel, payload)
      published.catch((error: Error) => {
        this.#options.log('warn', 'cannot tell a node of changes', { nodeId, error: error.message })
      })
    }
  }

  #heard(channel: string, payload: Buffer): void {
    const session = this.#session
    if (!session) return
    if (channel === openimChannel()) {
      const notice = parseNotice(payload.toString())
      if (notice) session.events.noticed(notice.userId, notice.platformIds)
      else this.#options.log('warn', 'a notice of OpenIM is malformed', { channel, bytes: payload.length })
      return
    }
    try {
      const { snapshots, missed } = session.receiver.receive(payload)
      session.events.changed(snapshots)
      if (missed !== undefined) session.events.missed(missed)
    } catch (error) {
      const bytes = payload.length
      this.#options.log('warn', 'a change message is malformed', { channel, bytes, error: String(error) })
      session.events.missed('a change message is malformed')
    }
  }

  #resubscribed(reason: string): void {
    this.#session?.receiver.forgive()
    this.#session?.events.missed(reason)
  }
}

function rejectUnavailable(error: unknown): never {
  throw new StoreUnavailableError(error instanceof Error ? error.message : String(error))
}
