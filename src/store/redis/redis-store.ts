/**
 * The store on Redis 7 or later, one server or a Cluster: opens and closes it, and hands out its ports.
 *
 * presence-records.ts       what nodes hold, who watches     assertions.ts    the same, on its way to the masters
 * seat-records.ts           places of connections            sweep.ts         what the dead have left
 * token-records.ts          tokens, and who relies on them   token-calls.ts   scripts about one user's tokens
 * refresh-token-records.ts  refresh tokens                   registry.ts      who lives, who is dead
 * node-bus.ts               notes out, everything heard in   node-channel.ts  messages from node to node
 * subscriber.ts             the listening connection         channel-probe.ts whether it hears
 * keys.ts                   names of keys and channels       damage.ts        records of a wrong type
 * server/                   commands, routing, rights        scripts/         what runs inside Redis
 */
import { Cluster, type Redis } from 'ioredis'
import { StoreUnavailableError, StoreUnsuitableError } from '../../errors/errors.js'
import type { NodeBus } from '../ports/node-bus.js'
import type { Incarnation, NodeRegistry } from '../ports/node-registry.js'
import type { PresenceRecords } from '../ports/presence-records.js'
import type { RefreshTokenRecords } from '../ports/refresh-token-records.js'
import type { SeatRecords } from '../ports/seat-records.js'
import type { Store, StoreEvents } from '../ports/store.js'
import type { TokenRecords } from '../ports/token-records.js'
import { nodeIdProblem } from '../shared/names.js'
import { DamageLog } from './damage.js'
import { OPENIM_CHANNEL } from './keys.js'
import { RedisNodeBus } from './node-bus.js'
import { NodeReceiver, NodeSender } from './node-channel.js'
import { RedisPresenceRecords } from './presence-records.js'
import { RedisRefreshTokenRecords } from './refresh-token-records.js'
import { RedisNodeRegistry } from './registry.js'
import { RedisSeatRecords } from './seat-records.js'
import { Connection, rejectUnavailable } from './server/connection.js'
import { REDIS_DEFAULTS, type RedisStoreOptions } from './server/options.js'
import { Router } from './server/routing.js'
import type { Session, StoreContext } from './store-context.js'
import { Subscriber } from './subscriber.js'
import { RedisTokenRecords } from './token-records.js'

export class RedisStore implements Store {
  readonly presence: PresenceRecords
  readonly seats: SeatRecords
  readonly tokens: TokenRecords
  readonly refreshTokens: RefreshTokenRecords
  readonly bus: NodeBus
  readonly #options: RedisStoreOptions
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #registry: RedisNodeRegistry
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
    const { client, keys } = this.#connection
    const router = new Router(client)
    const context: StoreContext = {
      options,
      client,
      keys,
      router,
      damage: new DamageLog(options.log),
      session: () => this.#session,
      opened: () => {
        if (!this.#session) throw new StoreUnavailableError('The store is not open.')
        return this.#session
      },
    }
    const nodeChannel = keys.nodeChannel(options.nodeId)
    this.#subscriber = new Subscriber({
      locate: async () => {
        await router.refresh()
        return this.#connection.subscriberClient(router.ownerOf(nodeChannel))
      },
      isElsewhere: (listening) => this.#connection.isElsewhere(listening),
      onElsewhere: (reason) => this.#connection.reconnect(reason),
      nodeChannel,
      sharded: client instanceof Cluster,
      plainChannels: options.openimCompat ? [OPENIM_CHANNEL] : [],
      onMessage: (channel, payload) => bus.heard(channel, payload),
      onResubscribed: (reason) => bus.resubscribed(reason),
      reconnectMaxMs: options.reconnectMaxMs ?? REDIS_DEFAULTS.reconnectMaxMs,
      log: options.log,
    })
    const bus = new RedisNodeBus(context, this.#subscriber)
    const presence = new RedisPresenceRecords(context, bus)
    this.#registry = new RedisNodeRegistry(context, presence, this.#subscriber)
    this.bus = bus
    this.presence = presence
    this.seats = new RedisSeatRecords(context, this.#registry)
    this.tokens = new RedisTokenRecords(context, bus)
    this.refreshTokens = new RedisRefreshTokenRecords(context)
  }

  get registry(): NodeRegistry {
    return this.#registry
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

  async close(leaves: boolean): Promise<void> {
    const session = this.#session
    this.#session = undefined
    this.#subscriber.stop()
    if (session && leaves) {
      await this.#registry.leave([session.holder, ...session.previousIncarnations]).catch((error: Error) => {
        this.#options.log('warn', 'cannot leave the registry, the lease will end', { error: error.message })
      })
    }
    this.#connection.close()
  }

  async #register(events: StoreEvents): Promise<Session> {
    const { holder, previousIncarnations } = await this.#registry.register()
    const [sender, receiver] = [new NodeSender(holder), new NodeReceiver(holder)]
    return { holder, previousIncarnations, events, sender, receiver }
  }

  #masters(): Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
  }
}
