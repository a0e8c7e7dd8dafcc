/**
 * Whole nodes in one virtual world: real listeners, connections, presence shards and sync actors on one model of Redis,
 * whose answers and notes take a seeded time. Only the sockets, the tokens' signatures, the store's server and the clock
 * are made up: a token is its own claims.
 *
 * What can fail: the network (`network`), the store's records and clock (`backend`, `emptyStore`, `clockOffsetMs`), and
 * nodes, their threads and actors (`VirtualNode`).
 */
import type { Seating } from '../../actors/shard/presence-shard.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import { LoginPolicy } from '../../src/rules/logins/login-policy.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import type { LinkLimits } from '../../src/runtime/link.js'
import { mulberry32, World } from '../../src/runtime/testkit/world.js'
import type { NewToken } from '../../src/services/token-service.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import type { Row, Table } from '../../src/store/ports/database.js'
import type { Store } from '../../src/store/ports/store.js'
import type { VirtualClient } from './client.js'
import { DatabaseServer } from './database-server.js'
import { Network } from './network.js'
import { type ActorsOf, type Layout, type NodeSettings, type SyncLife, VirtualNode } from './node.js'
import { distantStore } from './store.js'
import { pass } from './time.js'
import { readToken, spellToken } from './tokens.js'

/** One thread of each role... */
export const APART: Layout = { io: [0], shard: [1], sync: 2, api: 3, presenceShards: 1 }
/** ...and the shard with the sockets (SHARD_THREADS=0). */
export const TOGETHER: Layout = { ...APART, shard: APART.io }

/** The store's clock starts in the year 2026: versions are µs. */
export const STORE_EPOCH_MS = Date.UTC(2026, 0)
export const PLATFORMS = new PlatformTable(OPENIM_PLATFORMS)

/** Of the slowest way to the store, the slowest way to the database and back: a batch of messages takes ten of them. */
const DATABASE_PART = 0.1

export interface WorldOptions {
  seed: number
  layout: Layout
  settings: NodeSettings
  /** The slowest way to the store, ms; frames between threads are quicker. Default 0: everything at once. */
  delayMaxMs?: number
  /** Redis is one server, the default; else a Cluster. */
  isOneServer?: boolean
  /** A sweep takes up to so long; default 0. */
  sweepMaxMs?: number
  /** By default nobody removes anybody. */
  policy?: LoginPolicy
  seating?: Seating | undefined
  linkLimits?: LinkLimits
  linkDelayMs?: (random: number) => number
  /** Actors in the place of the real ones, which look on. */
  actorsOf?: ActorsOf
  /** Hears of each row that a commit changes, where messages are served. */
  changed?: (table: Table, before: Row | undefined, after: Row | undefined) => void
  /** By default the model of Redis behind the network. */
  createStore?: (life: SyncLife) => Store
}

/** A cluster begins without nodes: each `addNode` starts one. */
export class VirtualCluster {
  readonly world: World
  readonly network: Network
  readonly backend: MemoryBackend
  /** Where messages are served. */
  readonly database: DatabaseServer | undefined
  readonly nodes: VirtualNode[] = []
  /** Takes every record. */
  readonly emptyStore: () => void
  /** What the store's clock is off by. */
  clockOffsetMs = 0
  readonly #options: WorldOptions

  constructor(options: WorldOptions) {
    const { seed, delayMaxMs = 0, isOneServer = true, linkLimits, linkDelayMs } = options
    this.#options = options
    this.world = new World({
      seed,
      linkDelayMs: linkDelayMs ?? ((random) => (random ** 3 * delayMaxMs) / 4),
      ...(linkLimits === undefined ? {} : { linkLimits }),
    })
    this.network = new Network(this.world, mulberry32(seed ^ 0xca11), delayMaxMs, isOneServer)
    this.backend = new MemoryBackend(() => this.wallMs + this.clockOffsetMs)
    this.emptyStore = this.backend.checkpoint()
    if (options.layout.writer !== undefined) {
      const { changed = () => {} } = options
      this.database = new DatabaseServer(this.world, {
        random: mulberry32(seed ^ 0xdb),
        delayMaxMs: delayMaxMs * DATABASE_PART,
        nowMs: () => this.wallMs,
        changed,
      })
    }
  }

  get nowMs(): number {
    return this.world.nowMs
  }

  get wallMs(): number {
    return STORE_EPOCH_MS + this.world.nowMs
  }

  /** Another node starts. */
  addNode(): VirtualNode {
    const { layout, settings, policy = new LoginPolicy(0, PLATFORMS), seating } = this.#options
    const { sweepMaxMs = 0, actorsOf = () => ({}) } = this.#options
    const createStore =
      this.#options.createStore ??
      ((life: SyncLife) => distantStore(this.network, this.backend, { ...settings, sweepMaxMs }, life))
    const node = new VirtualNode(
      {
        world: this.world,
        layout,
        settings,
        platforms: PLATFORMS,
        policy,
        seating,
        actorsOf,
        createStore,
        verifyToken: (token) => readToken(token, this.wallMs),
        wallMs: () => this.wallMs,
        database: this.database,
      },
      `node-${this.nodes.length}`,
    )
    this.nodes.push(node)
    return node
  }

  /** A client knocks at an io thread of a node, which is there. */
  connect(
    { node, io = 0 }: { node: number; io?: number },
    userId: UserId,
    platformId: PlatformId,
    token: string,
  ): VirtualClient {
    return this.nodes[node]!.connect(io, node, userId, platformId, token)!
  }

  /** A token's text; nobody knows of it. */
  spell(token: NewToken, ttlS: number): string {
    return spellToken(token, this.wallMs, ttlS)
  }

  run(ms: number): Promise<void> {
    return pass(this.world, ms)
  }

  later(ms: number, run: () => void): void {
    this.world.environment.wake(ms, run)
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
}
