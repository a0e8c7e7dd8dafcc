/** What presence-sync hears: the way of presence to the store and to other nodes, and back. */
import type { Eviction, LoginInfo } from '../rules/logins/eviction.js'
import type {
  Assertion,
  AssertOutcome,
  Holder,
  PlatformId,
  SeatOutcome,
  SeatRequest,
  Snapshot,
  UserId,
  UserPlatforms,
} from '../rules/types.js'
import type { Question } from '../runtime/index.js'
import type { Note } from './node/notes.js'

/** Record what this node holds of these users. presence shard → presence-sync. At most BATCH_SIZE users. */
export interface Assert extends Question<AssertOutcome[]> {
  kind: 'assert'
  shard: number
  batch: Assertion[]
  /** Nothing in it is new: it may wait for what is. */
  isBackground: boolean
}

/**
 * Record this node's interest in some users, withdraw it from others. presence shard → presence-sync. Answered with the
 * snapshots of `watch`; a user who could not be read is missing. At most BATCH_SIZE users in all.
 */
export interface SetInterest extends Question<Snapshot[]> {
  kind: 'setInterest'
  watch: UserId[]
  unwatch: UserId[]
  /** As with `Assert`. */
  isBackground: boolean
}

/**
 * Where some users are, by the store's word, without the claims of dead nodes. In order; a user who could not be read is
 * missing. api → presence-sync.
 */
export interface Read extends Question<UserPlatforms[]> {
  kind: 'read'
  userIds: UserId[]
}

/** Which users did earlier lives of this shard assert? presence shard → presence-sync, when it starts. */
export interface Held extends Question<UserPlatforms[]> {
  kind: 'held'
  shard: number
}

/** See `Store.takeSeat`. presence shard → presence-sync */
export interface TakeSeat extends Question<SeatOutcome> {
  kind: 'takeSeat'
  request: SeatRequest
  onlyLiving: boolean
}

/**
 * Tell another node's shard of an eviction. At most once: send it again until `PresenceShard.Evicted` comes. For a
 * node that is dead or has left presence-sync answers: it holds nobody any more. presence shard → presence-sync.
 */
export interface Evict {
  kind: 'evict'
  to: Holder
  id: number
  eviction: Eviction
}

/** Ask another node what it holds of users whose claims by it the store lacks. presence shard → presence-sync. */
export interface Remind {
  kind: 'remind'
  to: Holder
  userIds: UserId[]
}

/** Answer `PresenceShard.Remind`. presence shard → presence-sync. */
export interface Holding {
  kind: 'holding'
  to: Holder
  users: UserPlatforms[]
}

/** Answer `PresenceShard.Evict`. presence shard → presence-sync. */
export interface Evicted {
  kind: 'evicted'
  to: Holder
  id: number
  userId: UserId
  gone: number
  left: LoginInfo[]
}

/**
 * Users that this node watches changed on another node. In order for a user and a sender.
 * cluster-sync → presence-sync.
 */
export interface Changes {
  kind: 'changes'
  snapshots: Snapshot[]
  by: Holder
}

/** What nodes say to each other about users. */
export type UserNote = Extract<Note, { kind: 'evict' | 'evicted' | 'remind' | 'holding' }>

/** Another node says something about users. Signal. cluster-sync → presence-sync. */
export interface NodeMessage {
  kind: 'nodeMessage'
  note: UserNote
}

/** A notice of OpenIM's form (OPENIM_COMPAT). cluster-sync → presence-sync. */
export interface OpenimNotice {
  kind: 'openimNotice'
  userId: UserId
  platformIds: PlatformId[]
}

export type Command =
  | Assert
  | SetInterest
  | Read
  | Held
  | TakeSeat
  | Evict
  | Evicted
  | Remind
  | Holding
  | Changes
  | NodeMessage
  | OpenimNotice
