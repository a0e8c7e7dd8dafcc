/**
 * Whole nodes in one virtual world: real listeners, connections, presence shards and sync actors on one embedded
 * store whose answers and notes take a seeded time. Only the sockets, the tokens' signatures and the clock are made
 * up: a token is its own claims.
 */
import { fanOut } from '../../actors/fan-out.js'
import { listener, type Message, type Owner } from '../../actors/listener.js'
import { newShardCounts, presenceShard, type Seating } from '../../actors/presence-shard.js'
import { newHealth, newSyncCounts, sync } from '../../actors/sync.js'
import { type NewToken, TokenService } from '../../src/auth/token-service.js'
import type { TokenVerdict } from '../../src/auth/tokens.js'
import type { SharedConnectionCounts } from '../../src/gateway/connection-counts.js'
import { Hub } from '../../src/gateway/hub.js'
import type { Rates } from '../../src/gateway/rates.js'
import { RequestId } from '../../src/gateway/requests.js'
import type { Socket, UpgradeRequest } from '../../src/gateway/transport/transport.js'
import { WireCode, wireErrorText } from '../../src/gateway/wire-errors.js'
import { LoginPolicy, type Policy } from '../../src/presence/login-policy.js'
import { PlatformTable } from '../../src/presence/platforms.js'
import { nextPlace } from '../../src/presence/token-order.js'
import type { PlatformId, UserId } from '../../src/presence/types.js'
import { Addresses, FAN_OUT, FIRST_SHARD, LISTENER, SYNC } from '../../src/protocol/addresses.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { type ActorSystem, refTo } from '../../src/runtime/index.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { PresenceStore, StoreEvents, TokenState } from '../../src/store/presence-store.js'
import { tokenStore } from '../../src/threads/token-store.js'

/** One thread of each role, but for the api thread, whose asks come from outside. */
const IO = 0
const SHARD = 1
const SYNC_SLOT = 2
const API = 3
const TOPOLOGY = { io: [IO], shard: [SHARD], sync: SYNC_SLOT, presenceShards: 1 }
const LINKS: [number, number][] = [
  [IO, SHARD],
  [IO, SYNC_SLOT],
  [SHARD, SYNC_SLOT],
  [API, SYNC_SLOT],
  [API, SHARD],
]

export const GRACE_MS = 300
const STORE_EPOCH_MS = 1_767_225_600_000
const TOKEN_TTL_S = 3_600
const CONNECTION_SETTINGS = {
  inflatedBytesMax: 65_536,
  requestsPerSMax: 1_000,
  watchesPerConnectionMax: 100,
  readTimeoutMs: 24 * 3_600_000,
}

export interface ClusterOptions {
  seed: number
  nodes: number
  policy: Policy
  /** Who yields in a conflict: the newcomer, else the old one. */
  refusesNew?: boolean
  perUserMax?: number
  perPlatformMax?: number
  /** The slowest frame between threads, store answer and note, ms. 0 = everything at once. */
  delayMaxMs: number
}

/** A client's socket, as both ends see it. */
export class VirtualClient {
  state: 'knocking' | 'in' | 'refused' | 'closed' = 'knocking'
  /** Of a refusal. */
  errCode: number | undefined
  /** How often the kick frame came. */
  kicks = 0
  #owner: Owner | undefined

  constructor(
    readonly node: number,
    readonly userId: UserId,
    readonly platformId: PlatformId,
    readonly token: string,
    private readonly system: ActorSystem,
    private readonly defer: (run: () => void) => void,
  ) {}

  request(): UpgradeRequest<Owner> {
    const { token, userId, platformId } = this
    const query = new URLSearchParams({
      token,
      sendID: userId,
      platformID: String(platformId),
      operationID: 'op',
      sdkType: 'js',
      isMsgResp: 'true',
    })
    return {
      query: query.toString(),
      address: '127.0.0.1',
      header: () => '',
      accept: (owner) => {
        this.#owner = owner
        return this.#socket()
      },
      refuse: (_status, _type, body) => this.#refused(body),
    }
  }

  /** The client goes: with a goodbye, or without. */
  close(clean: boolean): void {
    if (this.state !== 'in' && this.state !== 'knocking') return
    this.state = 'closed'
    this.#tellClosed(clean)
  }

  #socket(): Socket {
    return {
      address: '127.0.0.1',
      send: (data) => {
        this.#receive(data)
        return 'sent'
      },
      ping: () => {},
      subscribe: () => true,
      unsubscribe: () => true,
      isSubscribed: () => false,
      bufferedBytes: () => 0,
      end: () => this.#dropped(),
      drop: () => this.#dropped(),
    }
  }

  #receive(data: Uint8Array | string): void {
    if (typeof data === 'string') {
      const { errCode } = JSON.parse(data) as { errCode: number }
      if (errCode === 0) this.state = 'in'
      else this.#refused(data)
      return
    }
    const { reqIdentifier } = JSON.parse(Buffer.from(data).toString()) as { reqIdentifier: number }
    if (reqIdentifier === RequestId.Kick) this.kicks++
  }

  #refused(body: string): void {
    this.state = 'refused'
    this.errCode = (JSON.parse(body) as { errCode: number }).errCode
  }

  #dropped(): void {
    if (this.state === 'closed') return
    if (this.state !== 'refused') this.state = 'closed'
    this.#tellClosed(false)
  }

  #tellClosed(clean: boolean): void {
    this.defer(() => {
      const message = { kind: 'closed' as const, code: clean ? 1000 : 1006, clean }
      if (this.#owner?.connection !== undefined) this.system.tell(this.#owner.connection, message)
      else this.#owner?.early.push(message)
    })
  }
}

/** What a login costs the cluster. */
export interface Traffic {
  /** Calls of the store, by method. */
  calls: Record<string, number>
  /** Messages that a node heard from another. */
  heard: number
}

class VirtualNode {
  readonly #systems: ActorSystem[] = []
  readonly #nodeId: string
  readonly #cluster: VirtualCluster
  store: PresenceStore | undefined
  #incarnation = -1

  constructor(cluster: VirtualCluster, nodeId: string) {
    this.#cluster = cluster
    this.#nodeId = nodeId
    this.start()
  }

  get io(): ActorSystem {
    return this.#systems[IO]!
  }

  get api(): ActorSystem {
    return this.#systems[API]!
  }

  /** The process starts, or starts again. */
  start(): void {
    const { world } = this.#cluster
    this.#incarnation++
    for (const slot of [IO, SHARD, SYNC_SLOT, API])
      this.#systems[slot] = world.system(slot, this.#incarnation)
    for (const [a, b] of LINKS) world.link(this.#systems[a]!, this.#systems[b]!)
    this.#spawnSync()
    this.#spawnShard()
    this.#spawnIo()
  }

  /** The process dies, with all its sockets. */
  kill(): void {
    for (const system of this.#systems) system.close()
  }

  #spawnSync(): void {
    const { world, backend, traffic, options } = this.#cluster
    const isDead = () => this.#systems[SYNC_SLOT] !== system
    const system = this.#systems[SYNC_SLOT]!
    system.spawn(
      sync,
      {
        createStore: () => {
          const inner = new MemoryStore(backend, {
            nodeId: this.#nodeId,
            processId: `${this.#nodeId} ${this.#incarnation}`,
            presenceTtlS: 1_800,
            nodeLeaseMs: 30_000,
            offlineGraceMs: GRACE_MS,
          })
          this.store = distant(inner, { world, delayMaxMs: options.delayMaxMs, traffic, isDead })
          return this.store
        },
        addresses: ADDRESSES,
        nodeLeaseMs: 30_000,
        tokens: {
          tokenCacheS: 60,
          tokenCacheMax: 1_000,
          openimCompat: false,
          authWhenStoreDown: 'deny',
          recordsNeeded: true,
        },
        health: newHealth(),
        counts: newSyncCounts(),
        onUnsuitable: (error) => {
          throw error
        },
      },
      SYNC,
    )
  }

  #spawnShard(): void {
    const settings = {
      nodeId: this.#nodeId,
      batchSize: 10,
      mergeIntervalMs: 100,
      presenceTtlS: 1_800,
      offlineGraceMs: GRACE_MS,
      handshakeTimeoutMs: 10_000,
    }
    const counts = newShardCounts()
    const { policy, seating } = this.#cluster
    const args = { shard: 0, settings, addresses: ADDRESSES, policy, seating, counts, gauges: [] }
    this.#systems[SHARD]!.spawn(presenceShard, args, FIRST_SHARD)
  }

  #spawnIo(): void {
    const { world, platforms } = this.#cluster
    const hub = new Hub()
    const counts = {
      logins: 0,
      loginErrors: {},
      requests: {},
      requestErrors: {},
      closes: {},
      subscriptions: 0,
      statusPushes: 0,
    }
    const transport = { publish: () => {}, subscriberCount: () => 0 }
    this.io.spawn(fanOut, { hub, transport, addresses: ADDRESSES, counts }, FAN_OUT)
    this.io.spawn(
      listener,
      {
        hub,
        places: {
          total: 0,
          ofAddress: () => 0,
          add: () => {},
          remove: () => {},
        } as unknown as SharedConnectionCounts,
        rates: { loginOfUser: () => 0, loginOfAddress: () => 0, requestOfUser: () => 0 } as unknown as Rates,
        addresses: ADDRESSES,
        settings: {
          ...CONNECTION_SETTINGS,
          maxConnections: 1_000_000,
          maxConnectionsPerAddress: 1_000_000,
          handshakesPerSMax: 1_000_000,
          handshakeTimeoutMs: 10_000,
          allowedOrigins: [],
          authWhenStoreDown: 'deny',
        },
        counts,
        isKnownPlatform: (platformId) => platforms.isKnown(platformId),
        isAdmin: () => false,
        canonicalToken: (token) => token,
        verifyToken: (token) => readToken(token, wallMs(world)),
        recordsNeeded: true,
        isSeated: this.#cluster.seating !== undefined,
        wallMs: () => wallMs(world),
      },
      LISTENER,
    )
  }
}

const ADDRESSES = new Addresses(TOPOLOGY)

function wallMs(world: World): number {
  return STORE_EPOCH_MS + world.nowMs
}

function spellToken({ userId, platformId, issuedAtS, jti }: NewToken, nowMs: number, ttlS: number): string {
  const claims = {
    UserID: userId,
    PlatformID: platformId,
    exp: Math.floor(nowMs / 1_000) + ttlS,
    iat: issuedAtS,
    jti,
  }
  return `virtual.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`
}

function readToken(token: string, nowMs: number): TokenVerdict {
  const {
    UserID: userId,
    PlatformID: platformId,
    exp,
  } = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
  if (exp * 1_000 <= nowMs) {
    const errCode = WireCode.TokenExpiredError
    return { ok: false, errCode, errMsg: wireErrorText(errCode), errDlt: 'the token has expired' }
  }
  return { ok: true, userId, platformId, expiresAtS: exp }
}

export class VirtualCluster {
  readonly world: World
  readonly backend: MemoryBackend
  readonly platforms = new PlatformTable()
  readonly policy: LoginPolicy
  readonly seating: Seating | undefined
  readonly nodes: VirtualNode[]
  readonly clients: VirtualClient[] = []
  readonly traffic: Traffic = { calls: {}, heard: 0 }
  #tokens = 0

  constructor(readonly options: ClusterOptions) {
    const { seed, nodes, delayMaxMs } = options
    this.world = new World({ seed, linkDelayMs: (random) => (random ** 3 * delayMaxMs) / 4 })
    this.backend = new MemoryBackend(() => wallMs(this.world))
    const { policy, refusesNew = false, perUserMax = 0, perPlatformMax = 0 } = options
    const rivals = new LoginPolicy(policy, this.platforms)
    this.policy = refusesNew ? new LoginPolicy(0, this.platforms) : rivals
    const isSeated = (refusesNew && policy !== 0) || perUserMax > 0 || perPlatformMax > 0
    this.seating = isSeated ? { rivals, rivalsYield: !refusesNew, perUserMax, perPlatformMax } : undefined
    this.nodes = Array.from({ length: nodes }, (_, n) => new VirtualNode(this, `node-${n}`))
  }

  /** A token's text; nobody knows of it yet. Later ones are newer. */
  newToken(userId: UserId, platformId: PlatformId, ttlS = TOKEN_TTL_S): string {
    const nowMs = wallMs(this.world)
    const place = nextPlace([], nowMs, String(++this.#tokens).padStart(8, '0'), 'login')
    return spellToken({ userId, platformId, ...place }, nowMs, ttlS)
  }

  /** A token that is on record, by no rules. */
  async grant(userId: UserId, platformId: PlatformId): Promise<string> {
    const token = this.newToken(userId, platformId)
    await this.call(0, 'rememberToken', [userId, platformId, token, TOKEN_TTL_S])
    return token
  }

  login(node: number, userId: UserId, platformId: PlatformId, token: string): VirtualClient {
    const { io } = this.nodes[node]!
    const client = new VirtualClient(node, userId, platformId, token, io, (run) =>
      this.world.environment.defer(run),
    )
    this.clients.push(client)
    io.tell(refTo<Message>(IO, LISTENER), { kind: 'upgrade', request: client.request() })
    return client
  }

  /** Let time go by, and promises settle as they become due. */
  async run(ms: number): Promise<void> {
    const untilMs = this.world.nowMs + ms
    do {
      const nextMs = Math.min(untilMs, Math.max(this.world.nowMs, this.world.nextMs ?? untilMs))
      this.world.advance(nextMs - this.world.nowMs)
      await new Promise((resolve) => setImmediate(resolve))
    } while (this.world.nowMs < untilMs)
    this.world.settle()
  }

  /** The end of a promise whose progress needs time to go by. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const done = promise.finally(() => {
      isDone = true
    })
    done.catch(() => {})
    while (!isDone) await this.run(1)
    return done
  }

  async tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState> {
    const records = await this.call(0, 'tokensOf', [userId])
    return records.find((one) => one.platformId === platformId && one.token === token)?.state ?? 'unknown'
  }

  /** The token service of one node's api thread. */
  service(node: number): TokenService {
    const { policy, refusesNew = false } = this.options
    const nowMs = () => wallMs(this.world)
    return new TokenService({
      store: tokenStore(this.nodes[node]!.api, ADDRESSES),
      settings: {
        tokenExpireDays: 90,
        accessTokenExpireMin: 60,
        refreshTokenExpireDays: 0,
        maxTokensPerPlatform: 30,
        loginPolicy: policy,
        refuseNew: refusesNew,
        recordsNeeded: true,
      },
      platforms: this.platforms,
      isAdmin: () => false,
      issue: async (token, ttlS) => spellToken(token, wallMs(this.world), ttlS),
      canonical: (token) => token,
      verify: async (token) => readToken(token, nowMs()),
      nowMs,
    })
  }

  /** Kick by hand through one node, as its REST does. */
  kick(node: number, eviction: PresenceShard.Kick['eviction']): Promise<PresenceShard.Kicked> {
    const question = { kind: 'kick' as const, eviction, timeoutMs: 5_000 }
    return this.until(this.nodes[node]!.api.ask(ADDRESSES.shardFor(eviction.userId), question, 6_000))
  }

  /** A call of one node's store, as its api thread would make it. */
  call<M extends 'tokensOf' | 'rememberToken'>(
    node: number,
    method: M,
    args: Parameters<PresenceStore[M]>,
  ): Promise<Awaited<ReturnType<PresenceStore[M]>>> {
    const question = { kind: 'callStore' as const, method, args }
    const asked = this.nodes[node]!.api.ask(refTo(SYNC_SLOT, SYNC), question as never, 10_000)
    return this.until(asked) as Promise<Awaited<ReturnType<PresenceStore[M]>>>
  }

  /** The node's process dies and starts again; its clients' sockets break. */
  restart(node: number): void {
    this.nodes[node]!.kill()
    for (const client of this.clients) if (client.node === node) client.close(false)
    this.nodes[node]!.start()
  }

  /** Clients of a user whose sockets are open at both ends. */
  inside(userId: UserId): VirtualClient[] {
    return this.clients.filter((client) => client.userId === userId && client.state === 'in')
  }
}

const SLOW_PART = 0.25
const QUICK = 0.1

/** A store at a distance: calls, answers and news take a while, each way in order. */
function distant(
  store: MemoryStore,
  {
    world,
    delayMaxMs,
    traffic,
    isDead,
  }: { world: World; delayMaxMs: number; traffic: Traffic; isDead: () => boolean },
): PresenceStore {
  const { random } = world.environment
  // Most are quick and some are slow, so that one overtakes several of another lane.
  const delayMs = () => random() * delayMaxMs * (random() < SLOW_PART ? 1 : QUICK)
  const lane = () => {
    let lastMs = 0
    return (run: () => void) => {
      lastMs = Math.max(lastMs, world.nowMs + delayMs())
      world.environment.wake(lastMs - world.nowMs, run)
    }
  }
  const [there, back, news] = [lane(), lane(), lane()]
  const late = (events: StoreEvents): StoreEvents =>
    new Proxy(events, {
      get:
        (target, name: keyof StoreEvents) =>
        (...args: unknown[]) => {
          traffic.heard++
          news(() => {
            if (!isDead()) (target[name] as (...args: unknown[]) => void)(...args)
          })
        },
    })
  return new Proxy<PresenceStore>(store, {
    get:
      (target, name: keyof PresenceStore) =>
      (...args: unknown[]) => {
        traffic.calls[name] = (traffic.calls[name] ?? 0) + 1
        const given = name === 'open' ? [late(args[0] as StoreEvents)] : args
        return new Promise((resolve, reject) => {
          there(() => {
            if (isDead()) return
            Promise.resolve((target[name] as (...args: unknown[]) => unknown).apply(target, given)).then(
              (value) => back(() => resolve(value)),
              (error) => back(() => reject(error)),
            )
          })
        })
      },
  })
}
