/**
 * A whole node in a virtual world: real listeners, connections, fan-outs, presence shards and sync actors, each role
 * on threads of its own. Only the sockets, the tokens' signatures, the store's server and the clock are made up.
 */

import { deliveries } from '../../actors/io/deliveries.js'
import { fanOut } from '../../actors/io/fan-out.js'
import { listener, type Message, newListenerCounts } from '../../actors/io/listener.js'
import { newShardCounts, presenceShard, type Seating } from '../../actors/shard/presence-shard.js'
import { newSyncCounts } from '../../actors/sync/counts.js'
import { startSync } from '../../actors/sync/start-sync.js'
import { newHealth } from '../../actors/sync/store-health.js'
import type { TokenVerdict } from '../../src/auth/tokens.js'
import type { SharedConnectionCounts } from '../../src/doors/websocket/connection-counts.js'
import { Hub } from '../../src/doors/websocket/hub.js'
import type { Rates } from '../../src/doors/websocket/rates.js'
import { createDatabaseClock, SharedDatabaseClock } from '../../src/node/database-clock.js'
import {
  Addresses,
  CLUSTER_SYNC,
  DELIVERIES,
  FAN_OUT,
  FIRST_SHARD,
  LISTENER,
  PRESENCE_SYNC,
  TOKEN_SYNC,
} from '../../src/protocol/addresses.js'
import type { LoginPolicy } from '../../src/rules/logins/login-policy.js'
import type { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { type ActorId, type ActorSystem, refTo, type ThreadSlot } from '../../src/runtime/index.js'
import { Machine, type World } from '../../src/runtime/testkit/world.js'
import type { Store } from '../../src/store/ports/store.js'
import { type Door, VirtualClient, VirtualTransport } from './client.js'
import type { DatabaseServer, DistantDatabase } from './database-server.js'
import { mortal, mortalSpawn, poison } from './mortal.js'
import { spawnReader, spawnWriter } from './storage.js'

/**
 * Which threads a node has. The shards may live on the io threads. The api thread is the last; nobody lives there, but
 * others ask from there.
 */
export interface Layout {
  io: ThreadSlot[]
  shard: ThreadSlot[]
  sync: ThreadSlot
  api: ThreadSlot
  /** Absent where no messages are served. */
  writer?: ThreadSlot
  reader?: ThreadSlot
  presenceShards: number
}

export interface NodeSettings {
  batchSize: number
  mergeIntervalMs: number
  presenceTtlS: number
  watchTtlS: number
  offlineGraceMs: number
  nodeLeaseMs: number
  authWhenStoreDown: 'allow' | 'deny'
  needsRecord: (userId: UserId) => boolean
}

/** Actors in the place of the real ones. */
export type ActorsOf = (node: VirtualNode) => { presenceShard?: typeof presenceShard }

/** What all nodes of a cluster have in common. */
export interface Ground {
  world: World
  layout: Layout
  settings: NodeSettings
  platforms: PlatformTable
  policy: LoginPolicy
  seating: Seating | undefined
  actorsOf: ActorsOf
  /** The store of one life of the node's cluster-sync. */
  createStore: (life: SyncLife) => Store
  verifyToken: (token: string) => TokenVerdict
  /** Unix ms. */
  wallMs: () => number
  /** Where messages are served: the server that all nodes share. */
  database: DatabaseServer | undefined
}

/** One life of a node's sync thread. */
export interface SyncLife {
  node: VirtualNode
  nodeId: string
  processId: string
  machine: Machine
  isOver: () => boolean
}

export const SYNC_ACTORS: readonly ActorId[] = [PRESENCE_SYNC, TOKEN_SYNC, CLUSTER_SYNC]

const HANDSHAKE_TIMEOUT_MS = 10_000
const CONNECTION_SETTINGS = {
  inflatedBytesMax: 65_536,
  requestsPerSMax: 1_000,
  watchesPerConnectionMax: 100,
  newWatchesPerMin: 1_000_000,
  readTimeoutMs: 24 * 3_600_000,
}

export class VirtualNode {
  readonly nodeId: string
  readonly addresses: Addresses
  /** Io threads that do not announce their sockets to a shard that starts anew, as one that is busy for a long while. */
  readonly muted = new Set<ThreadSlot>()
  /** What its time of day is off by. */
  clockOffsetMs = 0
  readonly #ground: Ground
  /** By slot; undefined = the thread is dead. */
  readonly #systems: (ActorSystem | undefined)[] = []
  readonly #doors: (Door | undefined)[] = []
  /** Of threads with a connection to the database, by slot. */
  readonly #databases = new Map<ThreadSlot, DistantDatabase>()
  #machine = new Machine()
  /** Of this life of the process. */
  #databaseClock!: SharedDatabaseClock
  #processes = 0
  #threads = 0

  constructor(ground: Ground, nodeId: string) {
    this.#ground = ground
    this.nodeId = nodeId
    this.addresses = new Addresses(ground.layout)
    this.start()
  }

  get api(): ActorSystem {
    return this.#systems[this.#ground.layout.api]!
  }

  /** Messages that the links between its threads refused. */
  get refused(): number {
    return this.#systems.reduce((sum, system) => sum + (system?.stats().deadLetters.linkFull ?? 0), 0)
  }

  /** The process starts, or starts again. */
  start(): void {
    const clocks = { wallMs: () => this.#wallMs(), steadyMs: () => this.#ground.world.nowMs }
    this.#databaseClock = new SharedDatabaseClock(createDatabaseClock(clocks), clocks)
    this.#processes++
    this.#machine = new Machine()
    const { layout } = this.#ground
    for (const slot of this.#slots()) this.#found(slot)
    for (const [a, b] of this.#links()) this.#link(a, b)
    for (const slot of new Set([layout.sync, ...layout.shard, ...layout.io, ...this.#storageSlots()]))
      this.#populate(slot)
  }

  /** The process dies, and sends nothing more. Its sockets are the caller's to break. */
  kill(): void {
    this.#machine.pause()
    for (const database of this.#databases.values()) database.end()
    for (const system of this.#systems) system?.close()
    this.#databases.clear()
    this.#systems.length = 0
    this.#doors.length = 0
  }

  pause(): void {
    this.#machine.pause()
  }

  resume(): void {
    this.#machine.resume()
  }

  /** A thread dies: what it was about to send is lost, and its neighbours are told. */
  killThread(slot: ThreadSlot): void {
    for (const neighbour of this.#neighboursOf(slot)) this.#systems[neighbour]?.unlink(slot, 'killed')
    this.#databases.get(slot)?.end()
    this.#databases.delete(slot)
    this.#systems[slot]?.close()
    this.#systems[slot] = undefined
    this.#doors[slot] = undefined
  }

  /** Host a killed thread anew. */
  hostThread(slot: ThreadSlot): void {
    this.#found(slot)
    for (const neighbour of this.#neighboursOf(slot)) this.#link(slot, neighbour)
    this.#populate(slot)
  }

  /** A client knocks at one of the io threads; undefined = nobody is there. */
  connect(
    io: number,
    node: number,
    userId: UserId,
    platformId: PlatformId,
    token: string,
  ): VirtualClient | undefined {
    const slot = this.#ground.layout.io[io]!
    const door = this.#doors[slot]
    if (door === undefined) return undefined
    const { defer } = door.system.environment
    const client = new VirtualClient(node, userId, platformId, token, door, defer)
    door.system.tell(refTo<Message>(slot, LISTENER), { kind: 'upgrade', request: client.request() })
    return client
  }

  /** Actors of a thread throw: of the sync thread those named, by default all; of another the shards that live there. */
  poison(slot: ThreadSlot, actors?: readonly ActorId[]): void {
    const isSync = slot === this.#ground.layout.sync
    const all = isSync ? SYNC_ACTORS : this.#shardsOn(slot).map((shard) => FIRST_SHARD + shard)
    for (const id of actors ?? all) poison(this.#systems[slot]!, refTo(slot, id))
  }

  #slots(): ThreadSlot[] {
    const { io, shard, sync, api } = this.#ground.layout
    return [...new Set([...io, ...shard, sync, api, ...this.#storageSlots()])]
  }

  #storageSlots(): ThreadSlot[] {
    const { writer, reader } = this.#ground.layout
    return [writer, reader].filter((slot) => slot !== undefined)
  }

  #links(): [ThreadSlot, ThreadSlot][] {
    const { io, shard, sync, api, writer } = this.#ground.layout
    const storage = this.#storageSlots()
    const toShards = [...io, sync, api].flatMap((a) => shard.map((b): [number, number] => [a, b]))
    const toSync = [...io, api].map((a): [number, number] => [a, sync])
    const toStorage = [...io, api].flatMap((a) => storage.map((b): [number, number] => [a, b]))
    if (writer !== undefined) toStorage.push([writer, sync])
    // Each pair once, also where both ends are threads with shards.
    const pairs = new Map(
      [...toShards, ...toSync, ...toStorage].map(([a, b]) => [`${Math.min(a, b)} ${Math.max(a, b)}`, [a, b]]),
    )
    return [...pairs.values()].filter(([a, b]) => a !== b) as [ThreadSlot, ThreadSlot][]
  }

  #link(a: ThreadSlot, b: ThreadSlot): void {
    const [one, other] = [this.#systems[a], this.#systems[b]]
    if (one !== undefined && other !== undefined) this.#ground.world.link(one, other)
  }

  #neighboursOf(slot: ThreadSlot): ThreadSlot[] {
    return this.#links().flatMap(([a, b]) => (a === slot ? [b] : b === slot ? [a] : []))
  }

  #found(slot: ThreadSlot): void {
    this.#systems[slot] = this.#ground.world.system(slot, this.#threads++, this.#machine)
  }

  #populate(slot: ThreadSlot): void {
    const { io, sync, writer, reader } = this.#ground.layout
    if (slot === sync) this.#spawnSync()
    if (slot === writer || slot === reader) this.#spawnStorage(slot, slot === writer)
    if (io.includes(slot)) this.#spawnIo(slot)
    for (const at of this.#shardsOn(slot)) this.#spawnShard(at)
  }

  #shardsOn(slot: ThreadSlot): number[] {
    return this.addresses.shards.flatMap(({ thread }, shard) => (thread === slot ? [shard] : []))
  }

  #spawnSync(): void {
    const { settings, layout, createStore } = this.#ground
    const system = this.#systems[layout.sync]!
    const life: SyncLife = {
      node: this,
      nodeId: this.nodeId,
      processId: `${this.nodeId} ${this.#processes}`,
      machine: this.#machine,
      isOver: () => this.#systems[layout.sync] !== system,
    }
    startSync(mortalSpawn(system), {
      createStore: () => createStore(life),
      addresses: this.addresses,
      nodeLeaseMs: settings.nodeLeaseMs,
      watchTtlS: settings.watchTtlS,
      tokens: {
        tokenCacheS: 60,
        tokenCacheMax: 1_000,
        openimCompat: false,
        authWhenStoreDown: settings.authWhenStoreDown,
        needsRecord: settings.needsRecord,
      },
      health: newHealth(),
      counts: newSyncCounts(),
      onUnsuitable: (error) => {
        throw error
      },
    })
  }

  #spawnStorage(slot: ThreadSlot, isWriter: boolean): void {
    const system = this.#systems[slot]!
    const database = this.#ground.database!.connect(this.nodeId, this.#machine)
    this.#databases.set(slot, database)
    const spawn = isWriter ? spawnWriter : spawnReader
    spawn(mortalSpawn(system), {
      database,
      environment: system.environment,
      addresses: this.addresses,
      clock: this.#databaseClock,
    })
  }

  /** Whole, as `Date.now`. */
  #wallMs(): number {
    return Math.floor(this.#ground.wallMs() + this.clockOffsetMs)
  }

  #spawnShard(shard: number): void {
    const { settings, policy, seating, actorsOf } = this.#ground
    const counts = newShardCounts()
    const args = {
      shard,
      settings: { ...settings, nodeId: this.nodeId, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS },
      addresses: this.addresses,
      policy,
      seating,
      counts,
      gauges: [],
    }
    const { thread } = this.addresses.shards[shard]!
    const definition = actorsOf(this).presenceShard ?? presenceShard
    this.#systems[thread]!.spawn(mortal(definition), args, FIRST_SHARD + shard)
  }

  #spawnIo(slot: ThreadSlot): void {
    const { platforms, settings, seating, verifyToken } = this.#ground
    const wallMs = () => this.#wallMs()
    const system = this.#systems[slot]!
    const hub = new Hub()
    const transport = new VirtualTransport()
    this.#doors[slot] = { system, transport, unattended: hub.unattended }
    const counts = { ...newListenerCounts(), statusPushes: 0 }
    const limits = { watchedUsersMax: 1_000_000, watchesWaitingMax: 1_000_000 }
    const gauges = { waiting: () => 0 }
    system.spawn(fanOut, { hub, limits, gauges, transport, addresses: this.addresses, counts }, FAN_OUT)
    if (this.addresses.storage !== undefined) {
      const { reader } = this.addresses.storage
      const args = {
        hub,
        reader,
        wallMs: this.#databaseClock.nowMs,
        counts: { pushes: 0 },
        gauges: { held: () => 0 },
      }
      mortalSpawn(system).spawn(deliveries, args, DELIVERIES)
    }
    system.spawn(
      this.#mutable(slot),
      {
        hub,
        places: {
          total: 0,
          ofAddress: () => 0,
          add: () => {},
          remove: () => {},
        } as unknown as SharedConnectionCounts,
        rates: {
          loginOfUser: () => 0,
          loginOfAddress: () => 0,
          requestOfUser: () => 0,
          chargeUser: () => {},
          watchesOfUser: () => 0,
          sendOfUser: () => 0,
        } as unknown as Rates,
        addresses: this.addresses,
        settings: {
          ...CONNECTION_SETTINGS,
          mayWatch: () => true,
          checks: [],
          maxConnections: 1_000_000,
          maxConnectionsPerAddress: 1_000_000,
          handshakesPerSMax: 1_000_000,
          drainRate: 1_000,
          handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
          authWhenStoreDown: settings.authWhenStoreDown,
        },
        counts,
        connectionsThatFit: () => Number.POSITIVE_INFINITY,
        isOriginAllowed: () => true,
        isKnownPlatform: (platformId) => platforms.isKnown(platformId),
        isAdmin: () => false,
        canonicalToken: (token) => token,
        verifyToken,
        needsRecord: settings.needsRecord,
        isSeated: seating !== undefined,
        isOverloaded: () => false,
        wallMs,
        messageMs: this.#databaseClock.nowMs,
      },
      LISTENER,
    )
  }

  #mutable(slot: ThreadSlot): typeof listener {
    return {
      ...listener,
      receive: (ctx, state, message) => {
        if (message.kind !== 'announce' || !this.muted.has(slot)) listener.receive(ctx, state, message)
      },
    }
  }
}
