/**
 * Whole nodes in one virtual world: real listeners, connections, presence shards and sync actors on one embedded
 * store whose answers and notes take a seeded time. Only the sockets, the tokens' signatures and the clock are made
 * up: a token is its own claims.
 */

import type { Seating } from '../../actors/shard/presence-shard.js'
import { tokenStore } from '../../src/node/token-store.js'
import { OPENIM_PLATFORMS } from '../../src/openim/platforms.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import { LoginPolicy, type Policy } from '../../src/rules/logins/login-policy.js'
import { nextPlace } from '../../src/rules/logins/token-order.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId, TokenState, UserId } from '../../src/rules/types.js'
import type { AnswerOf, QuestionOf } from '../../src/runtime/index.js'
import { World } from '../../src/runtime/testkit/world.js'
import { TokenService } from '../../src/services/token-service.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Store, StoreEvents } from '../../src/store/ports/store.js'
import { interceptStore } from '../support/intercepted-store.js'
import type { VirtualClient } from '../support/virtual-client.js'
import { type Layout, type SyncLife, VirtualNode } from '../support/virtual-node.js'
import { pass } from '../support/virtual-time.js'
import { readToken, spellToken } from '../support/virtual-tokens.js'

/** One thread of each role... */
export const APART: Layout = { io: [0], shard: [1], sync: 2, api: 3, presenceShards: 1 }
/** ...and the shard with the sockets (SHARD_THREADS=0). */
const TOGETHER: Layout = { ...APART, shard: APART.io }

export const GRACE_MS = 300
const STORE_EPOCH_MS = 1_767_225_600_000
const TOKEN_TTL_S = 3_600
export const SETTINGS = {
  batchSize: 10,
  mergeIntervalMs: 100,
  presenceTtlS: 1_800,
  watchTtlS: 1_800,
  offlineGraceMs: GRACE_MS,
  nodeLeaseMs: 30_000,
  authWhenStoreDown: 'deny',
  needsRecord: () => true,
} as const

export interface ClusterOptions {
  seed: number
  nodes: number
  policy: Policy
  /** Shards have a thread of their own; the default. Else they live with the sockets. */
  isShardApart?: boolean
  /** Who yields in a conflict: the newcomer, else the old one. */
  refusesNew?: boolean
  perUserMax?: number
  perPlatformMax?: number
  /** The slowest frame between threads, store answer and note, ms. 0 = everything at once. */
  delayMaxMs: number
}

export type { VirtualClient }

/** What a login costs the cluster. */
export interface Traffic {
  /** Calls of the store, by method. */
  calls: Record<string, number>
  /** Messages that a node heard from another. */
  heard: number
}

function wallMs(world: World): number {
  return STORE_EPOCH_MS + world.nowMs
}

export class VirtualCluster {
  readonly world: World
  readonly backend: MemoryBackend
  readonly platforms = new PlatformTable(OPENIM_PLATFORMS)
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
    const { isShardApart = true, policy, refusesNew = false, perUserMax = 0, perPlatformMax = 0 } = options
    const rivals = new LoginPolicy(policy, this.platforms)
    this.policy = refusesNew ? new LoginPolicy(0, this.platforms) : rivals
    const isSeated = (refusesNew && policy !== 0) || perUserMax > 0 || perPlatformMax > 0
    this.seating = isSeated ? { rivals, rivalsYield: !refusesNew, perUserMax, perPlatformMax } : undefined
    const { world, backend, traffic, platforms, seating } = this
    const ground = {
      world,
      layout: isShardApart ? APART : TOGETHER,
      settings: SETTINGS,
      platforms,
      policy: this.policy,
      seating,
      createStore: ({ nodeId, processId, isOver }: SyncLife) =>
        distant(new MemoryStore(backend, { ...SETTINGS, nodeId, processId }), {
          world,
          delayMaxMs,
          traffic,
          isDead: isOver,
        }),
      verifyToken: (token: string) => readToken(token, wallMs(world)),
      wallMs: () => wallMs(world),
    }
    this.nodes = Array.from({ length: nodes }, (_, n) => new VirtualNode(ground, `node-${n}`))
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
    await this.ask(0, { kind: 'rememberToken', userId, platformId, token, ttlS: TOKEN_TTL_S })
    return token
  }

  login(node: number, userId: UserId, platformId: PlatformId, token: string): VirtualClient {
    const client = this.nodes[node]!.connect(0, node, userId, platformId, token)!
    this.clients.push(client)
    return client
  }

  run(ms: number): Promise<void> {
    return pass(this.world, ms)
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
    const records = await this.ask(0, { kind: 'tokensOf', userId })
    return records.find((one) => one.platformId === platformId && one.token === token)?.state ?? 'unknown'
  }

  /** The token service of one node's api thread. */
  service(node: number): TokenService {
    const { policy, refusesNew = false } = this.options
    const nowMs = () => wallMs(this.world)
    return new TokenService({
      store: tokenStore(this.nodes[node]!.api, this.nodes[node]!.addresses),
      settings: {
        tokenExpireDays: 90,
        accessTokenExpireMin: 60,
        refreshTokenExpireDays: 0,
        maxTokensPerPlatform: 30,
        loginPolicy: policy,
        refuseNew: refusesNew,
        adminTokenExpireMin: 60,
        authWhenStoreDown: 'deny',
      },
      platforms: this.platforms,
      isAdmin: () => false,
      needsRecord: () => true,
      issue: async (token, ttlS) => spellToken(token, wallMs(this.world), ttlS),
      canonical: (token) => token,
      verify: async (token) => readToken(token, nowMs()),
      nowMs,
    })
  }

  /** Kick by hand through one node, as its REST does. */
  kick(node: number, eviction: PresenceShard.KickByAdmin['eviction']): Promise<PresenceShard.KickOutcome> {
    const { api, addresses } = this.nodes[node]!
    const question = { kind: 'kick' as const, eviction, timeoutMs: 5_000 }
    return this.until(api.ask(addresses.shardFor(eviction.userId), question, 6_000))
  }

  /** A question to one node's token-sync, as its api thread would ask it. */
  ask<K extends TokenSync.Command['kind']>(
    node: number,
    question: QuestionOf<TokenSync.Command, K>,
  ): Promise<AnswerOf<Extract<TokenSync.Command, { kind: K }>>> {
    const { api, addresses } = this.nodes[node]!
    return this.until(api.ask(addresses.tokenSync, question, 10_000))
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
): Store {
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
  return interceptStore(store, (name, call, args) => {
    traffic.calls[name] = (traffic.calls[name] ?? 0) + 1
    const given = name === 'open' ? [late(args[0] as StoreEvents)] : args
    return new Promise((resolve, reject) => {
      there(() => {
        if (isDead()) return
        Promise.resolve(call(...given)).then(
          (value) => back(() => resolve(value)),
          (error) => back(() => reject(error)),
        )
      })
    })
  })
}
