/** What the sync actor hears: the only way to the store. */
import type { Assertion, PlatformId, Snapshot, UserId } from '../presence/types.js'
import type { Question } from '../runtime/index.js'
import type { AssertOutcome, TokenState } from '../store/presence-store.js'

/** Record what this node holds of these users. presence shard → sync. At most BATCH_SIZE users. */
export interface Assert extends Question<AssertOutcome[]> {
  kind: 'assert'
  shard: number
  batch: Assertion[]
}

/**
 * Record this node's interest in some users, withdraw it from others. presence shard → sync. Answered with the
 * snapshots of `watch`; a user who could not be read is missing. At most BATCH_SIZE users in all.
 */
export interface SetInterest extends Question<Snapshot[]> {
  kind: 'setInterest'
  watch: UserId[]
  unwatch: UserId[]
}

/** Which users did former lives of this shard assert? presence shard → sync, when it starts. */
export interface Held extends Question<{ userId: UserId; platformIds: PlatformId[] }[]> {
  kind: 'held'
  shard: number
}

export interface CheckToken extends Question<TokenState> {
  kind: 'checkToken'
  userId: UserId
  platformId: PlatformId
  token: string
}

export interface RememberToken extends Question<null> {
  kind: 'rememberToken'
  userId: UserId
  platformId: PlatformId
  token: string
  /** Seconds that the store keeps it. */
  ttlS: number
}

export type Command = Assert | SetInterest | Held | CheckToken | RememberToken
