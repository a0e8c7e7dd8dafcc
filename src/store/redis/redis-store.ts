/**
 * The presence store on Redis 7 or later, one server or a Cluster.
 *
 * connection.ts    commands, up and down         scripts.ts (+ *.lua)   what runs inside Redis
 * clients.ts       a client for each form        access.ts, rights.ts   how to get in, and what for
 * routing.ts       which master serves whom      dispatch.ts            calls about many users
 * assertions.ts    what nodes hold               node-channel.ts        messages from node to node
 * keys.ts          names of keys and channels    subscriber.ts          the listening connection
 * token-records.ts tokens, and what stands beside them
 * registry.ts      who lives, who is dead         sweep.ts               what the dead have left
 */
import { Cluster, Redis } from 'ioredis'
import { StoreUnavailableError, StoreUnsuitableError } from '../../errors/errors.js'
import type { Note } from '../../protocol/node/notes.js'
import type { TokenDigest } from '../../rules/logins/token-digest.js'
import type {
  Assertion,
  Holder,
  LoginNumber,
  PlatformId,
  SeatOutcome,
  SeatRefusal,
  SeatRequest,
  Snapshot,
  UserId,
  Whereabouts,
} from '../../rules/types.js'
import type {
  AssertOutcome,
  Incarnation,
  Lease,
  LeaseRenewal,
  PresenceStore,
  StoreEvents,
  TokenRecord,
  TokenState,
} from '../ports/presence-store.js'
import { hear } from '../shared/hear.js'
import { nodeIdProblem, splitHolder } from '../shared/names.js'
import { record } from './assertions.js'
import { ChannelProbe } from './channel-probe.js'
import { DamageLog } from './damage.js'
import { type Keys, OPENIM_CHANNEL } from './keys.js'
import { NodeReceiver, NodeSender, type Outgoing } from './node-channel.js'
import { parseNotice } from './openim-notices.js'
import { NodeRegistry } from './registry.js'
import * as scripts from './scripts/scripts.js'
import { Connection, rejectUnavailable } from './server/connection.js'
import { dispatch, type Reply } from './server/dispatch.js'
import { REDIS_DEFAULTS, type RedisStoreOptions } from './server/options.js'
import { Router } from './server/routing.js'
import { Subscriber } from './subscriber.js'
import { sweep } from './sweep.js'
import { TokenRecords } from './token-records.js'
import { UnreadLog } from './unread-log.js'

const NOTHING_RECORDED: scripts.RecordReply = [[], []]
const NOBODY: scripts.WhereaboutsReply = [[]]

/** What exists from `open` to `close`, and anew for each epoch. */
interface Session extends Incarnation {
  events: StoreEvents
  sender: NodeSender
  receiver: NodeReceiver
}

export class RedisStore implements PresenceStore {
  readonly #options: RedisStoreOptions
  readonly #keys: Keys
  readonly #connection: Connection
  readonly #router: Router
  readonly #registry: NodeRegistry
  readonly #damage: DamageLog
  readonly #unread: UnreadLog
  readonly #tokens: TokenRecords
  readonly #subscriber: Subscriber
  readonly #probe: ChannelProbe
  #session: Session | undefined
  openingStep = ''

  /** Throws STORE_UNSUITABLE for options that no server can serve. Connects in `open`. */
  constructor(options: RedisStoreOptions) {
    const problem = nodeIdProblem(options.nodeId)
    if (problem !== undefined) throw new StoreUnsuitableError(problem)
    this.#options = options
    this.#connection = new Connection(options, (up, reason) => {
      if (up) this.#subscriber.verify()
      this.#session?.events.reachable(up, reason)
    })
    this.#keys = this.#connection.keys
    this.#router = new Router(this.#connection.client)
    this.#registry = new NodeRegistry(this.#client, this.#keys, options)
    this.#damage = new DamageLog(options.log)
    this.#unread = new UnreadLog(options.log)
    this.#tokens = new TokenRecords(
      this.#client,
      this.#router,
      this.#keys,
      options.platforms,
      this.#damage,
      () => this.#opened().holder,
    )
    this.#subscriber = new Subscriber({
      locate: async () => {
        await this.#router.refresh()
        return this.#connection.subscriberClient(this.#router.ownerOf(this.#keys.nodeChannel(options.nodeId)))
      },
      isElsewhere: (client) => this.#connection.isElsewhere(client),
      onElsewhere: (reason) => this.#connection.reconnect(reason),
      nodeChannel: this.#keys.nodeChannel(options.nodeId),
      sharded: this.#client instanceof Cluster,
      plainChannels: options.openimCompat ? [OPENIM_CHANNEL] : [],
      onMessage: (channel, payload) => this.#heard(channel, payload),
      onResubscribed: (reason) => this.#resubscribed(reason),
      reconnectMaxMs: options.reconnectMaxMs ?? REDIS_DEFAULTS.reconnectMaxMs,
      log: options.log,
    })
    this.#probe = new ChannelProbe({
      publish: (payload) => this.#tell(options.nodeId, payload).catch(rejectUnavailable),
      fault: () => this.#subscriber.failure,
      onDeaf: (reason) => this.#subscriber.reconnect(reason),
    })
  }

  get #client(): Redis | Cluster {
    return this.#connection.client
  }

  async open(events: StoreEvents): Promise<Incarnation> {
    if (this.#session) {
      this.#session = await this.#register(events)
      return this.#session
    }
    try {
      this.openingStep = 'a connection to Redis, and its answer'
      await this.#connection.connect()
      this.openingStep = 'Redis to register this node'
      const session = await this.#register(events)
      this.openingStep = 'a subscription to the channel of this node'
      await this.#subscriber.start().catch(rejectUnavailable)
      this.#session = session
      return session
    } catch (error) {
      this.#subscriber.stop()
      this.#connection.close()
      throw error
    }
  }

  async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    const { holder, sender } = this.#opened()
    return this.#assert(batch, holder, sender)
  }

  async #assert(batch: Assertion[], holder: Holder, sender: NodeSender): Promise<AssertOutcome[]> {
    const { presenceTtlS, openimCompat } = this.#options
    // What is withdrawn of a dead node is no word of this one's, and no news of that one's.
    const tellsNodes = this.#client instanceof Redis && holder === this.#session?.holder
    // The script tells at once: notes that were sent before it are not to come after.
    if (tellsNodes) this.#publish(sender)
    return record(batch, {
      client: this.#client,
      router: this.#router,
      keys: this.#keys,
      holder,
      presenceTtlS,
      openimCompat,
      tellsNodes,
      publish: (outgoing) => this.#publish(sender, outgoing),
    })
  }

  async watch(userIds: UserId[]): Promise<Snapshot[]> {
    const { holder } = this.#opened()
    const replies = await this.#aboutUsers<scripts.RecordReply>(userIds, (group) =>
      scripts.watchUsers(group, { ...this.#options, keys: this.#keys, holder }),
    )
    return this.#served(userIds, replies, NOTHING_RECORDED, (userId, reply) => {
      const [, , problem] = reply
      if (problem !== undefined) this.#damage.note(problem, () => this.#keys.ofUser(userId))
      return scripts.decodeSnapshot(userId, reply)
    })
  }

  async unwatch(userIds: UserId[]): Promise<void> {
    this.#opened()
    await this.#aboutUsers<number>(userIds, (group) =>
      scripts.unwatchUsers(group, this.#keys, this.#options.nodeId),
    )
  }

  async read(userIds: UserId[]): Promise<Whereabouts[]> {
    this.#opened()
    const replies = await this.#aboutUsers<scripts.WhereaboutsReply>(userIds, (group) =>
      scripts.readUsers(group, this.#keys, this.#options.openimCompat),
    )
    return this.#served(userIds, replies, NOBODY, scripts.decodeWhereabouts)
  }

  async renewLease(renewal: LeaseRenewal): Promise<Lease> {
    const { holder } = this.#opened()
    this.#subscriber.check()
    return this.#registry.renew(holder, renewal)
  }

  async living(): Promise<Holder[]> {
    this.#opened()
    return this.#registry.living()
  }

  async sweep(dead: Holder): Promise<number> {
    const session = this.#opened()
    const nothing = (userId: UserId): Assertion => ({
      userId,
      platformIds: [],
      versionSeen: 0,
      seats: { taken: [], asked: [] },
    })
    return sweep({
      client: this.#client,
      keys: this.#keys,
      dead,
      // As the dead node itself would have done it.
      withdraw: async (userIds) => void (await this.#assert(userIds.map(nothing), dead, session.sender)),
      isStopped: () => this.#session === undefined,
    }).catch(rejectUnavailable)
  }

  async takeSeat(request: SeatRequest, onlyLiving: boolean): Promise<SeatOutcome> {
    const { holder } = this.#opened()
    const living = onlyLiving ? await this.living() : undefined
    const call = scripts.takeSeat(this.#keys, request, holder, this.#options.presenceTtlS, living)
    const reply = await scripts.runScript(this.#client, call).catch(rejectUnavailable)
    const [refusal, ...holders] = (reply as Buffer[]).map(String)
    if (refusal === '') return { isTaken: true }
    return { isTaken: false, reason: refusal as SeatRefusal, holders }
  }

  send(to: Holder, note: Note): void {
    const session = this.#session
    if (session) this.#note(session, to, note)
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    return this.#tokens.state(userId, platformId, token)
  }

  async kickedBy(userId: UserId, platformId: PlatformId, token: string): Promise<LoginNumber> {
    return this.#tokens.kickedBy(userId, platformId, token)
  }

  async tokensOf(userId: UserId): Promise<TokenRecord[]> {
    return this.#tokens.all(userId)
  }

  async rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void> {
    await this.#tokens.remember(userId, platformId, token, ttlS)
  }

  async kickTokens(
    userId: UserId,
    platformId: PlatformId,
    tokens: string[],
    by: LoginNumber,
    ttlS: number,
  ): Promise<void> {
    const session = this.#opened()
    const kicked = await this.#tokens.kick(userId, platformId, tokens, by, ttlS)
    if (kicked.tokens.length === 0) return
    const note: Note = { kind: 'withdraw', userId, platformId, tokens: kicked.tokens, by }
    for (const holder of kicked.relying) this.#note(session, holder, note)
  }

  async vouchForToken(
    userId: UserId,
    platformId: PlatformId,
    token: string,
    login: LoginNumber,
  ): Promise<void> {
    await this.#tokens.vouch(userId, platformId, token, login)
  }

  async forgetTokens(userId: UserId, platformId: PlatformId, tokens: string[]): Promise<void> {
    await this.#tokens.forget(userId, platformId, tokens)
  }

  async rememberRefresh(
    userId: UserId,
    platformId: PlatformId,
    refresh: TokenDigest,
    ttlS: number,
  ): Promise<void> {
    await this.#tokens.rememberRefresh(userId, platformId, refresh, ttlS)
  }

  async takeRefresh(userId: UserId, platformId: PlatformId, refresh: TokenDigest): Promise<boolean> {
    return this.#tokens.takeRefresh(userId, platformId, refresh)
  }

  async forgetRefreshes(userId: UserId, platformId: PlatformId): Promise<void> {
    await this.#tokens.forgetRefreshes(userId, platformId)
  }

  async discardedCount(): Promise<number> {
    const stats = await Promise.all(this.#masters().map((master) => master.info('stats'))).catch(
      rejectUnavailable,
    )
    return stats.reduce((sum, text) => sum + Number(/^evicted_keys:(\d+)/m.exec(text)?.[1] ?? 0), 0)
  }

  async ping(): Promise<void> {
    const anyOf = Promise.any(this.#masters().map((master) => master.ping()))
    // What a command says while the connection is away is only that it is away.
    await anyOf.catch((error) => rejectUnavailable(this.#connection.downReason ?? error))
  }

  async probeChannel(): Promise<void> {
    this.#opened()
    await this.#probe.run()
  }

  async close(leaves: boolean): Promise<void> {
    const session = this.#session
    this.#session = undefined
    this.#subscriber.stop()
    if (session && leaves) {
      await this.#registry.leave([session.holder, ...session.formers]).catch((error: Error) => {
        this.#options.log('warn', 'cannot leave the registry, the lease will end', { error: error.message })
      })
    }
    this.#connection.close()
  }

  async #register(events: StoreEvents): Promise<Session> {
    const { holder, formers } = await this.#registry.register()
    return { holder, formers, events, sender: new NodeSender(holder), receiver: new NodeReceiver(holder) }
  }

  #opened(): Session {
    if (!this.#session) throw new StoreUnavailableError('The store is not open.')
    return this.#session
  }

  #masters(): Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
  }

  #aboutUsers<R>(userIds: UserId[], call: (group: UserId[]) => scripts.ScriptCall): Promise<Reply<R>[]> {
    return dispatch<UserId, R>(
      this.#router,
      userIds,
      (userId) => userId,
      (userId) => this.#keys.online(userId),
      async (group) => scripts.decodeReplies<R>(await scripts.runScript(this.#client, call(group))),
    )
  }

  /** Of those who could be served. `nothing`: what is taken for the reply where a record is of a wrong type. */
  #served<R, T>(
    userIds: UserId[],
    replies: Reply<R>[],
    nothing: R,
    decode: (userId: UserId, reply: R) => T,
  ): T[] {
    const decoded: T[] = []
    for (const [i, reply] of replies.entries()) {
      if (reply.ok) decoded.push(decode(userIds[i]!, reply.reply))
      else if (this.#damage.note(reply.error, () => this.#keys.ofUser(userIds[i]!)))
        decoded.push(decode(userIds[i]!, nothing))
      else this.#options.log('warn', 'cannot read a user', { userId: userIds[i], error: reply.error })
    }
    return decoded
  }

  /**
   * Soon, in one message with all that goes to the same node. What this node says to itself takes no way through
   * Redis: it must not get lost with a subscription.
   */
  #note(session: Session, to: Holder, note: Note): void {
    const [own, other] = [splitHolder(session.holder), splitHolder(to)]
    // A later epoch is that of another process which has the name now.
    if (other.nodeId === own.nodeId && other.epoch <= own.epoch) {
      const own = structuredClone(note)
      queueMicrotask(() => this.#session?.events.noted(own))
      return
    }
    const isFirst = session.sender.note(to, structuredClone(note))
    if (isFirst) queueMicrotask(() => this.#publish(session.sender))
  }

  /** Not awaited: a message that is lost leaves a gap in the numbers, which the receiver repairs. */
  #publish(sender: NodeSender, outgoing?: Outgoing): void {
    for (const { nodeId, payload } of sender.messages(outgoing)) {
      this.#tell(nodeId, payload).catch((error: Error) => {
        this.#options.log('warn', 'cannot tell a node something', { nodeId, error: error.message })
      })
    }
  }

  #tell(nodeId: string, payload: Buffer): Promise<unknown> {
    const channel = this.#keys.nodeChannel(nodeId)
    const client = this.#client
    return client instanceof Redis ? client.publish(channel, payload) : client.spublish(channel, payload)
  }

  #heard(channel: string, payload: Buffer): void {
    const session = this.#session
    if (!session || this.#probe.hears(payload)) return
    if (channel === OPENIM_CHANNEL) {
      const notice = parseNotice(payload.toString())
      if (notice) session.events.noticed(notice.userId, notice.platformIds)
      else this.#options.log('warn', 'a notice of OpenIM is malformed', { channel, bytes: payload.length })
      return
    }
    try {
      const received = session.receiver.receive(payload)
      if (typeof received === 'number') return this.#unread.note(`a message of version ${received}`)
      const { from, notes, leftOut, missed } = received
      for (const note of notes) hear(session.events, note, from)
      for (const reason of leftOut) this.#unread.note(reason)
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
