/** What the sync actor hears: the only way to the store. */
import type { Eviction, LoginInfo } from '../rules/logins/eviction.js'
import type {
  Assertion,
  Holder,
  LoginNumber,
  PlatformId,
  SeatOutcome,
  SeatRequest,
  Snapshot,
  UserId,
  UserPlatforms,
} from '../rules/types.js'
import type { Question } from '../runtime/index.js'
import type { AssertOutcome, PresenceStore, TokenState } from '../store/ports/presence-store.js'

/** Record what this node holds of these users. presence shard → sync. At most BATCH_SIZE users. */
export interface Assert extends Question<AssertOutcome[]> {
  kind: 'assert'
  shard: number
  batch: Assertion[]
  /** Nothing in it is new: it may wait for what is. */
  isBackground: boolean
}

/**
 * Record this node's interest in some users, withdraw it from others. presence shard → sync. Answered with the
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
 * Where some users are, by the store's word, without the claims of dead nodes. api → sync. In order; a user who could
 * not be read is missing.
 */
export interface Read extends Question<UserPlatforms[]> {
  kind: 'read'
  userIds: UserId[]
}

/** Which users did former lives of this shard assert? presence shard → sync, when it starts. */
export interface Held extends Question<UserPlatforms[]> {
  kind: 'held'
  shard: number
}

/** See `PresenceStore.takeSeat`. shard → sync */
export interface TakeSeat extends Question<SeatOutcome> {
  kind: 'takeSeat'
  request: SeatRequest
  onlyLiving: boolean
}

/**
 * Tell another node's shard of an eviction. At most once: send it again until `PresenceShard.Evicted` comes. For a
 * node that is dead or has left sync answers: it holds nobody any more. shard → sync.
 */
export interface Evict {
  kind: 'evict'
  to: Holder
  id: number
  eviction: Eviction
}

/** Ask another node what it holds of users of whom the store lacks it. shard → sync. */
export interface Remind {
  kind: 'remind'
  to: Holder
  userIds: UserId[]
}

/** Answer `PresenceShard.Remind`. shard → sync. */
export interface Holding {
  kind: 'holding'
  to: Holder
  users: UserPlatforms[]
}

/** Answer `PresenceShard.Evict`. shard → sync. */
export interface Evicted {
  kind: 'evicted'
  to: Holder
  id: number
  userId: UserId
  gone: number
  left: LoginInfo[]
}

/**
 * Is the token good? Answered from memory where it was asked a short while ago. With `isLogin` the answer while the
 * store is away follows AUTH_WHEN_STORE_DOWN; otherwise it fails then. io, api → sync
 */
export interface CheckToken extends Question<TokenState> {
  kind: 'checkToken'
  userId: UserId
  platformId: PlatformId
  token: string
  isLogin: boolean
}

/**
 * Flag tokens as kicked by the login `by`, for `ttlS` seconds. io, api → sync. Known here at once; answered when it
 * is written. Fails when the store is away, and is written when it is back.
 */
export interface KickTokens extends Question<null> {
  kind: 'kickTokens'
  userId: UserId
  platformId: PlatformId
  tokens: string[]
  by: LoginNumber
  ttlS: number
}

/** A login with the number `login` was made with the token, whatever earlier logins did to it. Signal. io → sync. */
export interface VouchForToken {
  kind: 'vouchForToken'
  userId: UserId
  platformId: PlatformId
  token: string
  login: LoginNumber
}

/** A call of the store's that concerns tokens and nothing that this actor knows. api → sync. */
export interface CallStore<M extends TokenMethod = TokenMethod>
  extends Question<Awaited<ReturnType<PresenceStore[M]>>> {
  kind: 'callStore'
  method: M
  args: Parameters<PresenceStore[M]>
}

/** What may be called so. */
export type TokenMethod =
  | 'tokensOf'
  | 'rememberToken'
  | 'forgetTokens'
  | 'rememberRefresh'
  | 'takeRefresh'
  | 'forgetRefreshes'

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
  | CheckToken
  | KickTokens
  | VouchForToken
  | CallStore
