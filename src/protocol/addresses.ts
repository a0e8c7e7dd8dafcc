/** The well-known addresses of the actors of one process, the same on every thread. */
import { append } from '../rules/append.js'
import { shardOf } from '../rules/placement.js'
import type { UserId } from '../rules/types.js'
import { type Ref, refTo, type ThreadSlot } from '../runtime/index.js'
import type * as ClusterSync from './cluster-sync.js'
import type * as Deliveries from './deliveries.js'
import type * as FanOut from './fan-out.js'
import type * as Listener from './listener.js'
import type * as MessageReader from './message-reader.js'
import type * as MessageSync from './message-sync.js'
import type * as MessageWriter from './message-writer.js'
import type * as PresenceShard from './presence-shard.js'
import type * as PresenceSync from './presence-sync.js'
import type * as TokenSync from './token-sync.js'

/** Actor numbers below NAMED_ACTORS. */
export const LISTENER = 1
export const FAN_OUT = 2
export const PRESENCE_SYNC = 3
export const TOKEN_SYNC = 4
export const CLUSTER_SYNC = 5
export const DELIVERIES = 6
export const MESSAGE_WRITER = 7
export const MESSAGE_READER = 8
export const MESSAGE_SYNC = 9
/** Shard i is actor FIRST_SHARD + i; at most SHARDS_MAX of them. */
export const FIRST_SHARD = 16

/** The slots of each role's threads, and how many presence shards are spread over the shard threads. */
export interface Topology {
  io: ThreadSlot[]
  shard: ThreadSlot[]
  sync: ThreadSlot
  /** Absent where no messages are served. */
  writer?: ThreadSlot | undefined
  reader?: ThreadSlot | undefined
  presenceShards: number
}

/** Where messages are stored and read. */
export interface StorageRefs {
  writer: Ref<MessageWriter.Command>
  reader: Ref<MessageReader.Command>
}

export class Addresses {
  readonly presenceSync: Ref<PresenceSync.Command>
  readonly tokenSync: Ref<TokenSync.Command>
  readonly clusterSync: Ref<ClusterSync.Command>
  readonly messageSync: Ref<MessageSync.Command>
  readonly listeners: Ref<Listener.Command>[]
  readonly fanOuts: Ref<FanOut.Command>[]
  readonly deliveries: Ref<Deliveries.Command>[]
  /** Undefined = no messages are served. */
  readonly storage: StorageRefs | undefined
  readonly shards: Ref<PresenceShard.Command>[]

  constructor(topology: Topology) {
    this.presenceSync = refTo(topology.sync, PRESENCE_SYNC)
    this.tokenSync = refTo(topology.sync, TOKEN_SYNC)
    this.clusterSync = refTo(topology.sync, CLUSTER_SYNC)
    this.messageSync = refTo(topology.sync, MESSAGE_SYNC)
    this.listeners = topology.io.map((slot) => refTo(slot, LISTENER))
    this.fanOuts = topology.io.map((slot) => refTo(slot, FAN_OUT))
    this.deliveries = topology.io.map((slot) => refTo(slot, DELIVERIES))
    this.storage = storageOf(topology)
    this.shards = Array.from({ length: topology.presenceShards }, (_, shard) =>
      refTo(topology.shard[shard % topology.shard.length]!, FIRST_SHARD + shard),
    )
  }

  /** The number of the shard that owns the user. */
  shardOf(userId: UserId): number {
    return shardOf(userId, this.shards.length)
  }

  /** The shard that owns the user. */
  shardFor(userId: UserId): Ref<PresenceShard.Command> {
    return this.shards[this.shardOf(userId)]!
  }

  /** Items by the shard that owns their user; order is kept. */
  byShard<T>(items: Iterable<T>, userIdOf: (item: T) => UserId): Map<Ref<PresenceShard.Command>, T[]> {
    const groups = new Map<Ref<PresenceShard.Command>, T[]>()
    for (const item of items) append(groups, this.shardFor(userIdOf(item)), item)
    return groups
  }

  fanOutOn(thread: ThreadSlot): Ref<FanOut.Command> {
    return refTo(thread, FAN_OUT)
  }
}

function storageOf({ writer, reader }: Topology): StorageRefs | undefined {
  if (writer === undefined || reader === undefined) return undefined
  return { writer: refTo(writer, MESSAGE_WRITER), reader: refTo(reader, MESSAGE_READER) }
}
