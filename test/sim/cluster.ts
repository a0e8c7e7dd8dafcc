/** A virtual cluster with clients and watchers that come and go, and everything that happens to them written down. */

import { presenceShard } from '../../actors/shard/presence-shard.js'
import type { PlatformId, Snapshot, UserId } from '../../src/rules/types.js'
import type { ThreadSlot } from '../../src/runtime/index.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import type { VirtualClient } from '../world/client.js'
import { STORE_EPOCH_MS, VirtualCluster } from '../world/cluster.js'
import type { Layout, NodeSettings, VirtualNode } from '../world/node.js'
import { spellToken } from '../world/tokens.js'
import type { HistoryEvent, SocketId } from './history.js'
import { eventOfRow } from './messages/rows.js'

export const IO_SLOTS: ThreadSlot[] = [0, 1]
export const SYNC_SLOT: ThreadSlot = 4
const API_SLOT: ThreadSlot = 5
export const STORAGE = { writer: 6, reader: 7 }
const OTHERS = { io: IO_SLOTS, sync: SYNC_SLOT, api: API_SLOT, presenceShards: 4 }
/** Shards on threads of their own, and with the sockets (SHARD_THREADS=0). */
export const APART: Layout = { ...OTHERS, shard: [2, 3] }
export const TOGETHER: Layout = { ...OTHERS, shard: IO_SLOTS }

export const SETTINGS: Omit<NodeSettings, 'presenceTtlS' | 'watchTtlS'> = {
  batchSize: 4,
  mergeIntervalMs: 100,
  offlineGraceMs: 4_000,
  nodeLeaseMs: 10_000,
  // Logins are not what is tested here: whoever comes comes in, whether the store can be asked or not.
  authWhenStoreDown: 'allow',
  needsRecord: () => false,
}

const TOKEN_TTL_S = 24 * 3_600
/** A sweep of many users takes its time. */
const SWEEP_MAX_MS = 15_000
const WATCH_AGAIN_MS = 500
/** The part of logins that come with a token that others have. */
const OF_ONE_DEVICE = 0.7
const WATCHER_PLATFORM: PlatformId = 5

interface Guest {
  id: SocketId
  client: VirtualClient
  node: number
  io: number
  /** The users that it watches; empty = it is no watcher. */
  watches: UserId[]
  saysGoodbye: boolean
  /** The client goes, or a fault takes it; not its node. */
  isLeaving: boolean
}

export interface RecordedOptions {
  seed: number
  layout: Layout
  /** Redis is one server; else a Cluster. */
  isOneServer: boolean
  nodes: number
  delayMaxMs: number
  presenceTtlS: number
  watchTtlS: number
}

type ShardMessage = Parameters<typeof presenceShard.receive>[2]

export class RecordedCluster extends VirtualCluster {
  readonly random: () => number
  readonly events: HistoryEvent[] = []
  /** Threads that can die. */
  readonly #slots: ThreadSlot[]
  readonly #guests = new Map<SocketId, Guest>()
  readonly #dead = new Set<string>()
  #sockets = 0
  #lives = 0

  constructor({ nodes, presenceTtlS, watchTtlS, ...options }: RecordedOptions) {
    super({
      ...options,
      settings: { ...SETTINGS, presenceTtlS, watchTtlS },
      sweepMaxMs: SWEEP_MAX_MS,
      actorsOf: (node) => ({ presenceShard: this.#observed(node) }),
      changed: (table, before, after) => {
        const event = eventOfRow(table, before, after)
        if (event !== undefined) this.note({ ...event, atMs: this.nowMs })
      },
    })
    const { seed, layout } = options
    this.#slots = [...IO_SLOTS, ...layout.shard, SYNC_SLOT, ...Object.values(STORAGE)]
    this.random = mulberry32(seed ^ 0x5eed)
    for (let n = 0; n < nodes; n++) this.addNode()
  }

  // Clients

  /** Guests who are in, in order of arrival, without the watchers. */
  inside(): { id: SocketId; userId: UserId; platformId: PlatformId }[] {
    return [...this.#guests.values()]
      .filter(({ client, watches }) => client.state === 'in' && watches.length === 0)
      .map(({ id, client: { userId, platformId } }) => ({ id, userId, platformId }))
  }

  /** A client comes; where nobody answers it goes to the next node. Undefined = nobody answers anywhere. */
  enter(userId: UserId, platformId: PlatformId, node: number, io: number): SocketId | undefined {
    return this.#knock(userId, platformId, node, io, [])?.id
  }

  /** Undefined = it is gone. */
  clientOf(id: SocketId): VirtualClient | undefined {
    return this.#guests.get(id)?.client
  }

  leave(id: SocketId, saysGoodbye: boolean): void {
    const guest = this.#guests.get(id)
    if (guest === undefined) return
    guest.saysGoodbye = saysGoodbye
    guest.isLeaving = true
    guest.client.close(saysGoodbye)
  }

  /** A client comes that only watches. */
  watch(userIds: UserId[], node: number, io: number): SocketId | undefined {
    return this.#knock(`watcher-${this.#sockets + 1}`, WATCHER_PLATFORM, node, io, userIds)?.id
  }

  #knock(
    userId: UserId,
    platformId: PlatformId,
    firstNode: number,
    firstIo: number,
    watches: UserId[],
  ): Guest | undefined {
    const doors = this.nodes.flatMap((_, n) => {
      const node = (firstNode + n) % this.nodes.length
      return IO_SLOTS.map((_, i) => ({ node, io: (firstIo + i) % IO_SLOTS.length }))
    })
    const door = doors.find(({ node, io }) => !this.#isDead(node, IO_SLOTS[io]!))
    if (door === undefined) return undefined
    const { node, io } = door
    const client = this.connect({ node, io }, userId, platformId, this.#token(userId, platformId))
    const guest: Guest = {
      id: ++this.#sockets,
      client,
      node,
      io,
      watches,
      saysGoodbye: false,
      isLeaving: false,
    }
    this.#guests.set(guest.id, guest)
    const { id: socket } = guest
    this.note({ kind: 'knocked', atMs: this.nowMs, socket, node, userId, platformId })
    client.events = {
      stateChanged: () => this.#onState(guest),
      told: (watched, platformIds) =>
        this.note({ kind: 'told', atMs: this.nowMs, watcher: socket, userId: watched, platformIds }),
      watchFailed: (userIds) => this.later(WATCH_AGAIN_MS, () => client.watch(userIds)),
    }
    return guest
  }

  #onState({ id: socket, client, watches, saysGoodbye, isLeaving }: Guest): void {
    const { nowMs: atMs } = this
    if (client.state === 'in') {
      this.note({ kind: 'entered', atMs, socket })
      for (const userId of watches) this.note({ kind: 'watched', atMs, watcher: socket, userId })
      // The verdict comes before the connection is ready for more.
      if (watches.length > 0) this.later(0, () => client.watch(watches))
      return
    }
    this.#guests.delete(socket)
    const isPutOut = client.state === 'closed' && !isLeaving
    this.note({ kind: 'left', atMs, socket, hasGrace: !saysGoodbye, isPutOut })
  }

  /** Mostly that of the user's one device on the platform, which may have several connections; else a new one. */
  #token(userId: UserId, platformId: PlatformId): string {
    const jti = this.random() < OF_ONE_DEVICE ? 'device' : String(this.#sockets)
    const issuedAtS = STORE_EPOCH_MS / 1_000
    return spellToken({ userId, platformId, issuedAtS, jti }, STORE_EPOCH_MS, TOKEN_TTL_S)
  }

  note(event: HistoryEvent): void {
    this.events.push(event)
  }

  // Nodes

  /** The node dies with its sockets. Returns those who were there and would come back. */
  crash(node: number): { userId: UserId; platformId: PlatformId }[] {
    for (const slot of this.#slots) this.#dead.add(`${node} ${slot}`)
    // The clients first: what is closed as a node dies would look as if it had put them out.
    const broken = this.#breakAll((guest) => guest.node === node)
    this.nodes[node]!.kill()
    return broken
  }

  start(node: number): void {
    for (const slot of this.#slots) this.#dead.delete(`${node} ${slot}`)
    this.nodes[node]!.start()
  }

  killThread(node: number, slot: ThreadSlot): { userId: UserId; platformId: PlatformId }[] {
    this.#dead.add(`${node} ${slot}`)
    const broken = this.#breakAll((guest) => guest.node === node && IO_SLOTS[guest.io] === slot)
    this.nodes[node]!.killThread(slot)
    return broken
  }

  hostThread(node: number, slot: ThreadSlot): void {
    this.#dead.delete(`${node} ${slot}`)
    this.nodes[node]!.hostThread(slot)
  }

  isUp(node: number): boolean {
    return !IO_SLOTS.some((slot) => this.#isDead(node, slot))
  }

  #isDead(node: number, slot: ThreadSlot): boolean {
    return this.#dead.has(`${node} ${slot}`)
  }

  #breakAll(isMeant: (guest: Guest) => boolean): { userId: UserId; platformId: PlatformId }[] {
    const broken = [...this.#guests.values()].filter(isMeant)
    for (const { id } of broken) this.leave(id, false)
    return broken
      .filter(({ watches }) => watches.length === 0)
      .map(({ client: { userId, platformId } }) => ({ userId, platformId }))
  }

  // What is looked at

  /** Write down what the store says of these users. */
  recordStore(userIds: UserId[]): void {
    for (const userId of userIds)
      this.note({ kind: 'recorded', atMs: this.nowMs, userId, platformIds: this.recordOf(userId) })
  }

  /** Platforms on which the store has the user. */
  recordOf(userId: UserId): PlatformId[] {
    return [...new Set(this.backend.read(userId).claims.map(({ platformId }) => platformId))]
  }

  /** Everything that a watcher was told of a user, oldest first. */
  toldOf(watcher: SocketId, userId: UserId): { atMs: number; platformIds: PlatformId[] }[] {
    return this.events.flatMap((event) =>
      event.kind === 'told' && event.watcher === watcher && event.userId === userId ? [event] : [],
    )
  }

  /** The shard, and which versions made a difference to what it knows of other nodes. */
  #observed({ nodeId }: VirtualNode): typeof presenceShard {
    let life = ''
    return {
      ...presenceShard,
      start: (ctx, args) => {
        life = `shard ${args.shard} of ${nodeId} (life ${++this.#lives})`
        return presenceShard.start(ctx, args)
      },
      receive: (ctx, state, message) => {
        const heard = snapshotsIn(message)
        const viewOf = (userId: UserId) => state.watches.elsewhere(userId).join()
        const before = heard.map(({ userId }) => viewOf(userId))
        presenceShard.receive(ctx, state, message)
        for (const [at, { userId, version }] of heard.entries()) {
          if (viewOf(userId) === before[at]) continue
          this.note({ kind: 'learnt', atMs: this.nowMs, learner: life, userId, version })
        }
      },
    }
  }
}

function snapshotsIn(message: ShardMessage): Snapshot[] {
  if (message.kind === 'changes') return message.snapshots
  if (message.kind === 'interestSet') return message.outcome.ok ? message.outcome.value : []
  if (message.kind !== 'asserted' || !message.outcome.ok) return []
  return message.outcome.value.flatMap((one) => (one.ok && one.changed !== undefined ? [one.changed] : []))
}
