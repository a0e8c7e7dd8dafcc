/** The actors of a sync thread on an embedded store, with a probe in the place of the only shard. */

import { newSyncCounts } from '../../actors/sync/counts.js'
import { startSync } from '../../actors/sync/start-sync.js'
import { newHealth } from '../../actors/sync/store-health.js'
import { Platform } from '../../src/openim/platforms.js'
import { Addresses, FIRST_SHARD } from '../../src/protocol/addresses.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type * as PresenceSync from '../../src/protocol/presence-sync.js'
import type * as TokenSync from '../../src/protocol/token-sync.js'
import type { Assertion, AssertOutcome, Holder, Snapshot, TokenState } from '../../src/rules/types.js'
import type { ActorId, ActorSystem, AnswerOf, QuestionOf, Ref } from '../../src/runtime/index.js'
import { type Probe, spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { MemoryBackend } from '../../src/store/memory/memory-backend.js'
import { MemoryStore } from '../../src/store/memory/memory-store.js'
import type { Incarnation, Lease, LeaseRenewal } from '../../src/store/ports/node-registry.js'
import type { StoreEvents } from '../../src/store/ports/store.js'
import { nodeSettings } from '../store/suite.js'
import { mortalSpawn, poison } from '../world/mortal.js'
import { pass } from '../world/time.js'

const SYNC_SLOT = 0
const SHARD_SLOT = 1
const ASK_MS = 5_000
const SECOND_MS = 1_000

/** A store that writes down what it is asked, and whose answers can be held up. */
export class WatchedStore extends MemoryStore {
  /** Calls, oldest first. */
  readonly calls: string[] = []
  events: StoreEvents | undefined
  holder: Holder | undefined
  /** Answers to questions about tokens and watches wait for this. */
  answersFrom: Promise<void> | undefined
  /** Questions about tokens fail. */
  isSilent = false
  /** Renewals of the lease fail. */
  refusesWrites = false

  override async open(events: StoreEvents): Promise<Incarnation> {
    this.calls.push('open')
    this.events = events
    const incarnation = await super.open(events)
    this.holder = incarnation.holder
    return incarnation
  }

  override async assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    if (batch.length > 0) this.calls.push('assert')
    return super.assert(batch)
  }

  override async watch(userIds: string[]): Promise<Snapshot[]> {
    const snapshots = await super.watch(userIds)
    await this.answersFrom
    return snapshots
  }

  override async tokenState(userId: string, platformId: number, token: string): Promise<TokenState> {
    this.calls.push('tokenState')
    if (this.isSilent) throw new Error('silent')
    const state = await super.tokenState(userId, platformId, token)
    await this.answersFrom
    return state
  }

  override async renewLease(renewal: LeaseRenewal): Promise<Lease> {
    if (!this.refusesWrites) return super.renewLease(renewal)
    this.calls.push('refused')
    throw new Error('NOREPLICAS')
  }

  override send(...args: Parameters<MemoryStore['send']>): void {
    this.calls.push('send')
    super.send(...args)
  }
}

interface RoomOptions {
  without?: ActorId
  authWhenStoreDown?: 'allow' | 'deny'
}

export class SyncRoom {
  readonly world = new World({ seed: 1 })
  /** The store's clock starts long after the epochs of other nodes. */
  readonly backend = new MemoryBackend(() => 1_000_000 + this.world.nowMs)
  readonly addresses = new Addresses({
    io: [SHARD_SLOT],
    shard: [SHARD_SLOT],
    sync: SYNC_SLOT,
    presenceShards: 1,
  })
  readonly shard: Probe<PresenceShard.Command>
  /** Every store that cluster-sync has made, oldest first. */
  readonly stores: WatchedStore[] = []
  readonly health = newHealth()
  readonly #sync: ActorSystem
  readonly #shards: ActorSystem

  /** `without`: an actor that does not live, as between its failure and its restart. */
  static async open(options: RoomOptions = {}): Promise<SyncRoom> {
    const room = new SyncRoom(options)
    while (!room.shard.heard.some(({ kind }) => kind === 'storeBack')) await room.run(1)
    room.heard()
    return room
  }

  private constructor({ without, authWhenStoreDown = 'deny' }: RoomOptions) {
    this.#sync = this.world.system(SYNC_SLOT)
    this.#shards = this.world.system(SHARD_SLOT)
    this.world.link(this.#sync, this.#shards)
    this.shard = spawnProbe(this.#shards, FIRST_SHARD)
    const settings = nodeSettings()
    const { spawn } = mortalSpawn(this.#sync)
    startSync(
      {
        spawn: (definition, args, id) =>
          id === without ? (undefined as never) : spawn(definition, args, id),
      },
      {
        createStore: () => {
          const store = new WatchedStore(this.backend, settings)
          this.stores.push(store)
          return store
        },
        addresses: this.addresses,
        nodeLeaseMs: settings.nodeLeaseMs,
        watchTtlS: settings.watchTtlS,
        tokens: {
          tokenCacheS: 60,
          tokenCacheMax: 100,
          openimCompat: false,
          authWhenStoreDown,
          needsRecord: () => true,
        },
        health: this.health,
        counts: newSyncCounts(),
        onUnsuitable: (error) => {
          throw error
        },
      },
    )
  }

  get store(): WatchedStore {
    return this.stores.at(-1)!
  }

  get events(): StoreEvents {
    return this.store.events!
  }

  /** What the shard has heard, by kind, since this was called last. */
  heard(): string[] {
    return this.shard.heard.splice(0).map(({ kind }) => kind)
  }

  run(ms = SECOND_MS): Promise<void> {
    return pass(this.world, ms)
  }

  tell(message: PresenceSync.Command): void {
    this.#shards.tell(this.addresses.presenceSync, message)
  }

  askPresence<K extends PresenceSync.Command['kind']>(
    question: QuestionOf<PresenceSync.Command, K>,
  ): Promise<AnswerOf<Extract<PresenceSync.Command, { kind: K }>>> {
    return this.#shards.ask(this.addresses.presenceSync, question, ASK_MS)
  }

  assert(batch: Assertion[]): Promise<AssertOutcome[]> {
    return this.askPresence({ kind: 'assert', shard: 0, batch, isBackground: false })
  }

  checkToken(token: string, isLogin = false): Promise<TokenState> {
    const question = { kind: 'checkToken' as const, userId: 'ann', platformId: Platform.IOS, token, isLogin }
    return this.#shards.ask<TokenSync.Command, 'checkToken'>(this.addresses.tokenSync, question, ASK_MS)
  }

  /** The actor throws, and is started again. */
  async fail(actor: Ref<never>): Promise<void> {
    poison(this.#sync, actor)
    await this.run(3 * SECOND_MS)
  }
}
