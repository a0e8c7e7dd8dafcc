/** What happened in a simulation, as far as the rules ask: who was there, who was told what, what went wrong. */
import type { ConversationId } from '../../src/rules/messages/conversation-id.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'

/** A client's socket; also the name of a watcher, who is one. */
export type SocketId = number

/** A message: its sender, and the ID that the sender's client gave it. */
export type MessageName = string

export interface FaultRecord {
  name: string
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
  | MessageEvent

export type MessageEvent =
  /** A client sends a message, perhaps not for the first time... */
  | { kind: 'sending'; atMs: number; socket: SocketId; message: MessageName; conversationId: ConversationId }
  /** ...and is told that it is stored, or that it is not. */
  | { kind: 'acknowledged'; atMs: number; socket: SocketId; message: MessageName; sentMs: number }
  | { kind: 'refused'; atMs: number; socket: SocketId; message: MessageName; errCode: number; detail: string }
  /** The database has committed a message, and how far a conversation goes. */
  | ({ kind: 'stored'; atMs: number; conversationId: ConversationId; revokes?: Place } & Numbered)
  | { kind: 'headed'; atMs: number; conversationId: ConversationId; maxSeq: number }
  /** It has committed that a message is revoked. `stored` of the notice has `revokes`. */
  | ({ kind: 'revoked'; atMs: number } & Place)
  /** A client is told that it has revoked a message. */
  | ({ kind: 'revokeDone'; atMs: number; socket: SocketId } & Place)
  /** A client is told how far its conversations go (1001)... */
  | { kind: 'read'; atMs: number; socket: SocketId; maxSeqs: Record<ConversationId, number> }
  /** ...reads a range of one (1002)... */
  | {
      kind: 'pulled'
      atMs: number
      socket: SocketId
      conversationId: ConversationId
      from: number
      to: number
      messages: Numbered[]
    }
  /** ...and gets a message (2001). */
  | ({ kind: 'pushed'; atMs: number; socket: SocketId; conversationId: ConversationId } & Numbered)

/** Where a message is. */
export interface Place {
  conversationId: ConversationId
  seq: number
}

/** A message as it is stored. */
export interface Numbered {
  seq: number
  message: MessageName
  sentMs: number
}

export interface History {
  events: HistoryEvent[]
  faults: FaultRecord[]
  endMs: number
}
