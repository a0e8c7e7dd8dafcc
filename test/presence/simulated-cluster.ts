/**
 * Several nodes in one virtual world: real presence shards and sync actors on real memory stores, and io threads
 * that are only what a shard sees of them. Frames take a seeded time, and so do the store's answers.
 */

import { type Args, newShardCounts, presenceShard } from '../../actors/shard/presence-shard.js'
import { newSyncCounts } from '../../actors/sync/counts.js'
import { startSync } from '../../actors/sync/start-sync.js'
import { newHealth } from '../../actors/sync/store-health.js'
import { StoreUnavailableError } from '../../src/errors/errors.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import {
  Addresses,
  CLUSTER_SYNC,
  FAN_OUT,
  FIRST_SHARD,
  LISTENER,
  PRESENCE_SYNC,
  TOKEN_SYNC,
} from '../../src/protocol/addresses.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as FanOut from '../../src/protocol/fan-out.js'
import type * as Listener from '../../src/protocol/listener.js'
import type { ConnectionReport } from '../../src/protocol/presence-shard.js'
import { LoginPolicy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { Assertion, AssertOutcome, PlatformId, Snapshot, UserId } from '../../src/rules/types.js'
import { type ActorId, refTo, type ThreadSlot } from '../../src/runtime/ref.js'
import type { ActorSystem } from '../../src/runtime/system.js'
import { mulberry32, World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation, Lease, LeaseRenewal } from '../../src/store/ports/node-registry.js'
import type { NodeSettings, StoreEvents } from '../../src/store/ports/store.js'
import { mortal, mortalSpawn, poison } from '../world/mortal.js'

export const SETTINGS: Omit<Args['settings'], 'nodeId'> = {
  batchSize: 4,
  mergeIntervalMs: 100,
  presenceTtlS: 60,
  watchTtlS: 60,
  offlineGraceMs: 300,
  handshakeTimeoutMs: 10_000,
}
const NODE_LEASE_MS = 10_000
const TOKENS = {
  tokenCacheS: 60,
  tokenCacheMax: 1_000,
  openimCompat: false,
  authWhenStoreDown: 'deny',
  needsRecord: () => true,
} as const

/** Slots, the same on every node. */
const IO: ThreadSlot[] = [0, 1]
const SHARD: ThreadSlot[] = [2, 3]
const SYNC_SLOT: ThreadSlot = 4
const TOPOLOGY = { io: IO, shard: SHARD, sync: SYNC_SLOT, presenceShards: 4 }
const LINKS = [...IO, SYNC_SLOT].flatMap((other) => SHARD.map((shard) => [other, shard] as const))

/** The store's clock starts in the year 2026: versions are µs. */
const STORE_EPOCH_MS = 1_767_225_600_000

export const SYNC_ACTORS: readonly ActorId[] = [PRESENCE_SYNC, TOKEN_SYNC, CLUSTER_SYNC]

/** What every node's store stands on. */
interface Ground {
  backend: MemoryBackend
  /** Nobody reaches the store. */
  isDown: boolean
  /** Stores that want to know when it is back. */
  waiting: Set<StoreEvents>
}

/** A memory store that can be out of reach. */
class DistantStore extends MemoryStore {
  readonly #ground: Ground
  #events: StoreEvents | undefined

  constructor(ground: Ground, options: NodeSettings) {
    super(ground.backend, options)
    this.#ground = ground
  }

  override async open(events: StoreEvents): Promise<Incarnation> {
    this.#check()
    this.#events = events
    this.#ground.waiting.add(events)
    return super.open(events)
  }

  override async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    this.#check()
    return super.assert(batch)
  }

  override async watch(userIds: UserId[]): Promise<Snapshot[]> {
    this.#check()
    return super.watch(userIds)
  }

  override async unwatch(userIds: UserId[]): Promise<void> {
    this.#check()
    return super.unwatch(userIds)
  }

  override async renewLease(renewal: LeaseRenewal): Promise<Lease> {
    this.#check()
    return super.renewLease(renewal)
  }

  override async close(leaves: boolean): Promise<void> {
    if (this.#events !== undefined) this.#ground.waiting.delete(this.#events)
    return super.close(leaves)
  }

  #check(): void {
    if (this.#ground.isDown) throw new StoreUnavailableError('out of reach')
  }
}

/** An io thread as a shard sees it: sockets that it reports, and watchers that it tells. */
class IoThread {
  readonly connections = new Map<number, ConnectionReport>()
  /** Everything that watchers of a user were told, oldest first. */
  readonly told = new Map<UserId, PlatformId[][]>()
  /** Does not announce its sockets, as a thread that is busy for a long while. */
  isMute = false
  readonly #system: ActorSystem
  readonly #addresses: Addresses

  constructor(system: ActorSystem, addresses: Addresses) {
    this.#system = system
    this.#addresses = addresses
    system.spawn<Listener.Command, null, void>(
      {
        kind: 'listener',
        start: () => null,
        receive: (ctx, _state, message) => {
          if (this.isMute || message.kind !== 'announce') return
          const { shard } = message
          const connections = [...this.connections.values()].filter(
            ({ userId }) => addresses.shardOf(userId) === shard,
          )
          ctx.tell(addresses.shards[shard]!, { kind: 'announced', thread: system.thread, connections })
        },
      },
      undefined,
      LISTENER,
    )
    system.spawn<FanOut.Command, null, void>(
      { kind: 'fan-out', start: () => null, receive: (_ctx, _state, message) => this.#hear(message) },
      undefined,
      FAN_OUT,
    )
  }

  open(actor: number, userId: UserId, platformId: PlatformId): void {
    const connection = refTo<Connection.Command>(this.#system.thread, actor)
    const report: ConnectionReport = { connection, userId, platformId, background: false, token: `T${actor}` }
    this.connections.set(actor, report)
    this.#system.tell(this.#addresses.shardFor(userId), { kind: 'connected', ...report })
  }

  close(actor: number, clean: boolean): void {
    const { connection, userId } = this.connections.get(actor)!
    this.connections.delete(actor)
    this.#system.tell(this.#addresses.shardFor(userId), { kind: 'disconnected', connection, userId, clean })
  }

  watch(userIds: UserId[]): void {
    for (const userId of userIds) if (!this.told.has(userId)) this.told.set(userId, [])
    for (const [shard, list] of this.#addresses.byShard(userIds, (userId) => userId)) {
      this.#system.tell(shard, { kind: 'watch', thread: this.#system.thread, userIds: list })
    }
  }

  unwatch(userId: UserId): void {
    if (!this.told.delete(userId)) return
    const { thread } = this.#system
    this.#system.tell(this.#addresses.shardFor(userId), { kind: 'unwatch', thread, userIds: [userId] })
  }

  #hear(message: FanOut.Command): void {
    if (message.kind === 'watchAgain') {
      this.watch([...this.told.keys()].filter((userId) => this.#addresses.shardOf(userId) === message.shard))
    }
    if (message.kind !== 'statuses') return
    for (const { userId, platformIds, isPartial } of message.statuses) {
      const told = this.told.get(userId)
      // As the fan-out does: what a node without its store says is for those who know nothing yet.
      if (!isPartial || told?.length === 0) told?.push(platformIds)
    }
  }
}

class SimulatedNode {
  readonly ios: IoThread[] = []
  readonly #addresses = new Addresses(TOPOLOGY)
  readonly #systems: ActorSystem[] = []
  readonly #incarnations: number[] = []
  readonly #world: World
  readonly #ground: Ground
  readonly #nodeId: string

  constructor(world: World, ground: Ground, nodeId: string) {
    this.#world = world
    this.#ground = ground
    this.#nodeId = nodeId
    const slots = [...IO, ...SHARD, SYNC_SLOT]
    for (const slot of slots) this.#systems[slot] = world.system(slot)
    for (const [a, b] of LINKS) world.link(this.#systems[a]!, this.#systems[b]!)
    for (const slot of slots) this.#populate(slot)
  }

  /** Make an actor throw; by default every actor of the thread. */
  poison(slot: ThreadSlot, actor?: ActorId): void {
    const all = slot === SYNC_SLOT ? SYNC_ACTORS : this.#shardsOn(slot).map((shard) => FIRST_SHARD + shard)
    for (const id of actor === undefined ? all : [actor]) poison(this.#systems[slot]!, refTo(slot, id))
  }

  /** A thread dies: what it was about to send is lost, and its neighbours are told. */
  kill(slot: ThreadSlot): void {
    for (const neighbour of this.#neighboursOf(slot)) this.#systems[neighbour]!.unlink(slot, 'killed')
    this.#systems[slot]!.close()
  }

  /** Host a killed thread anew. */
  host(slot: ThreadSlot): void {
    this.#incarnations[slot] = (this.#incarnations[slot] ?? 0) + 1
    this.#systems[slot] = this.#world.system(slot, this.#incarnations[slot])
    for (const neighbour of this.#neighboursOf(slot))
      this.#world.link(this.#systems[slot]!, this.#systems[neighbour]!)
    this.#populate(slot)
  }

  killAll(): void {
    for (const slot of [...IO, ...SHARD, SYNC_SLOT]) this.kill(slot)
  }

  #populate(slot: ThreadSlot): void {
    const system = this.#systems[slot]!
    if (IO.includes(slot)) this.ios[IO.indexOf(slot)] = new IoThread(system, this.#addresses)
    for (const shard of this.#shardsOn(slot)) this.#spawnShard(system, shard)
    if (slot === SYNC_SLOT) this.#spawnSync(system)
  }

  #spawnShard(system: ActorSystem, shard: number): void {
    const counts = newShardCounts()
    const settings = { ...SETTINGS, nodeId: this.#nodeId }
    const policy = new LoginPolicy(0, new PlatformTable(OPENIM_PLATFORMS))
    const args = {
      shard,
      settings,
      addresses: this.#addresses,
      policy,
      seating: undefined,
      counts,
      gauges: [],
    }
    system.spawn(mortal(presenceShard), args, FIRST_SHARD + shard)
  }

  #spawnSync(system: ActorSystem): void {
    const { presenceTtlS, watchTtlS, offlineGraceMs } = SETTINGS
    const options = {
      nodeId: this.#nodeId,
      processId: this.#nodeId,
      presenceTtlS,
      watchTtlS,
      nodeLeaseMs: NODE_LEASE_MS,
      offlineGraceMs,
    }
    startSync(mortalSpawn(system), {
      createStore: () => new DistantStore(this.#ground, options),
      addresses: this.#addresses,
      nodeLeaseMs: NODE_LEASE_MS,
      watchTtlS,
      health: newHealth(),
      tokens: TOKENS,
      counts: newSyncCounts(),
      onUnsuitable: (error) => {
        throw error
      },
    })
  }

  #shardsOn(slot: ThreadSlot): number[] {
    return this.#addresses.shards.flatMap(({ thread }, shard) => (thread === slot ? [shard] : []))
  }

  #neighboursOf(slot: ThreadSlot): ThreadSlot[] {
    return LINKS.flatMap(([a, b]) => (a === slot ? [b] : b === slot ? [a] : []))
  }
}

export interface Socket {
  userId: UserId
  platformId: PlatformId
  node: number
  io: number
  actor: number
}

export class SimulatedCluster {
  readonly nodes: SimulatedNode[]
  readonly sockets: Socket[] = []
  readonly #world: World
  readonly #random: () => number
  readonly #ground: Ground
  #actors = 0

  /** `delayMaxMs`: the slowest frame between two threads. */
  constructor(seed: number, nodes: number, delayMaxMs: number) {
    this.#world = new World({ seed, linkDelayMs: (random) => random * delayMaxMs })
    this.#random = mulberry32(seed + 1)
    this.#ground = { backend: this.#emptyBackend(), isDown: false, waiting: new Set() }
    this.nodes = Array.from(
      { length: nodes },
      (_, n) => new SimulatedNode(this.#world, this.#ground, `node-${n}`),
    )
  }

  get nowMs(): number {
    return this.#world.nowMs
  }

  /**
   * Let time go by. The stores answer by promises, which settle between the steps: a step's length is how long an
   * answer may take.
   */
  async run(ms: number): Promise<void> {
    const untilMs = this.#world.nowMs + ms
    while (this.#world.nowMs < untilMs) {
      this.#world.advance(Math.min(1 + this.#random() * 9, untilMs - this.#world.nowMs))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  login(userId: UserId, platformId: PlatformId, node: number, io: number): Socket {
    const socket: Socket = { userId, platformId, node, io, actor: 10_000 + ++this.#actors }
    this.sockets.push(socket)
    this.#ioOf(socket).open(socket.actor, userId, platformId)
    return socket
  }

  end(socket: Socket, clean: boolean): void {
    this.sockets.splice(this.sockets.indexOf(socket), 1)
    this.#ioOf(socket).close(socket.actor, clean)
  }

  /** An io thread dies with its sockets and watchers. */
  killIo(node: number, io: number): void {
    for (const socket of this.sockets.filter((one) => one.node === node && one.io === io)) {
      this.sockets.splice(this.sockets.indexOf(socket), 1)
    }
    this.nodes[node]!.kill(IO[io]!)
  }

  /** The store is out of reach for a while; no record is lost. */
  async storeOutage(ms: number): Promise<void> {
    this.#ground.isDown = true
    for (const events of this.#ground.waiting) events.reachable(false, 'outage')
    await this.run(ms)
    this.#ground.isDown = false
    for (const events of this.#ground.waiting) events.reachable(true, 'back')
  }

  /** Every record is lost, and every node connects anew. */
  emptyStore(): void {
    this.#ground.backend = this.#emptyBackend()
    for (const node of this.nodes) node.poison(SYNC_SLOT)
  }

  /** What every watcher should believe of a user: the union of the live sockets. */
  truth(userId: UserId): PlatformId[] {
    const platforms = this.sockets
      .filter((socket) => socket.userId === userId)
      .map(({ platformId }) => platformId)
    return [...new Set(platforms)].sort((a, b) => a - b)
  }

  /** Every watcher who believes something else, in words; empty = converged. */
  wrongViews(): string[] {
    return this.nodes.flatMap((node, n) =>
      node.ios.flatMap((io, at) =>
        [...io.told].flatMap(([userId, told]) => {
          const [view, truth] = [told.at(-1), this.truth(userId)]
          if (view?.join() === truth.join()) return []
          return [`io ${at} of node ${n} sees ${userId} on [${view}], the sockets say [${truth}]`]
        }),
      ),
    )
  }

  /** Every one of these users of whom the store says something else, in words. */
  wrongRecords(userIds: UserId[]): string[] {
    return userIds.flatMap((userId) => {
      const claimed = this.#ground.backend.read(userId).claims.map(({ platformId }) => platformId)
      const [record, truth] = [[...new Set(claimed)], this.truth(userId)]
      return record.join() === truth.join()
        ? []
        : [`the store has ${userId} on [${record}], the sockets say [${truth}]`]
    })
  }

  #emptyBackend(): MemoryBackend {
    return new MemoryBackend(() => STORE_EPOCH_MS + this.#world.nowMs)
  }

  #ioOf({ node, io }: Socket): IoThread {
    return this.nodes[node]!.ios[io]!
  }
}
