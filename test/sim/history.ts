/** What happened in a simulation, as far as the rules ask: who was there, who was told what, what went wrong. */
import type { PlatformId, UserId } from '../../src/rules/types.js'
import type { FaultName } from './faults.js'

/** A client's socket; also the name of a watcher, who is one. */
export type SocketId = number

export interface FaultRecord {
  name: FaultName
  /** The node that it struck; undefined = not one alone. */
  node: number | undefined
  fromMs: number
  toMs: number
  /** So long after its end its consequences may still be seen. */
  settleMs: number
}

export type HistoryEvent =
  /** A client came to the door... */
  | { kind: 'knocked'; atMs: number; socket: SocketId; node: number; userId: UserId; platformId: PlatformId }
  /** ...was let in... */
  | { kind: 'entered'; atMs: number; socket: SocketId }
  /** ...and is gone; `hasGrace`: without a goodbye; `isPutOut`: its node closed it. */
  | { kind: 'left'; atMs: number; socket: SocketId; hasGrace: boolean; isPutOut?: boolean }
  /** A watcher asked for a user, or asks no more (which its end says too). */
  | { kind: 'watched' | 'unwatched'; atMs: number; watcher: SocketId; userId: UserId }
  | { kind: 'told'; atMs: number; watcher: SocketId; userId: UserId; platformIds: PlatformId[] }
  /** What a shard knew of other nodes changed with a snapshot of this version. `learner`: one life of one shard. */
  | { kind: 'learnt'; atMs: number; learner: string; userId: UserId; version: number }
  /** What the store says when all is over. */
  | { kind: 'recorded'; atMs: number; userId: UserId; platformIds: PlatformId[] }

export interface History {
  events: HistoryEvent[]
  faults: FaultRecord[]
  endMs: number
}
