/** What a presence shard owns, and what it sends itself. */
import type { AdaptiveBatch } from '../../src/presence/adaptive-batch.js'
import type { RenewalWheel } from '../../src/presence/renewal-wheel.js'
import type { Roster } from '../../src/presence/roster.js'
import type { PlatformId, Snapshot, UserId } from '../../src/presence/types.js'
import type { WatchIndex } from '../../src/presence/watch-index.js'
import type { Addresses } from '../../src/protocol/addresses.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import type { Context, Outcome, ReplyTo, ThreadSlot } from '../../src/runtime/index.js'
import type { AssertOutcome } from '../../src/store/presence-store.js'

export interface ShardSettings {
  nodeId: string
  batchSize: number
  mergeIntervalMs: number
  presenceTtlS: number
  offlineGraceMs: number
}

/** What a shard counts, for metrics. Each shard thread has one, shared by its shards. */
export interface ShardCounts {
  assertions: number
  assertionErrors: number
  changesHeard: number
}

export interface Args {
  shard: number
  settings: ShardSettings
  addresses: Addresses
  counts: ShardCounts
  /** The thread's list of gauges: how many users the shard holds and watches. */
  gauges: (() => { held: number; watched: number; isRebuilding: boolean })[]
}

export interface State extends Args {
  roster: Roster
  watches: WatchIndex
  /** Users whose state here the store must be told. */
  asserts: AdaptiveBatch
  /** Users who came to be watched here, or are no more. */
  interests: AdaptiveBatch
  renewals: RenewalWheel
  rewatches: RenewalWheel
  /** Io threads whose connections are not known yet. Until all are, nothing is asserted: it would be half. */
  unannounced: Set<ThreadSlot>
  /** What former lives asserted; undefined = sync has not said yet. */
  heldBefore: HeldBefore | undefined
  isRebuilding: boolean
  isFlushDue: boolean
  /** After a failure: nothing is sent before the retry timer. */
  retryMs: number
  isPaused: boolean
  flushers: ReplyTo<null>[]
  /** Users of whom the store says that it has no record any more; to be asked again. */
  doubted: Set<UserId>
}

/** What former lives of the shard asserted, as the sync actor remembers it. */
export type HeldBefore = { userId: UserId; platformIds: PlatformId[] }[]

export type Private =
  | { kind: 'flushDue' }
  | { kind: 'graceDue' }
  | { kind: 'renewDue' }
  | { kind: 'rewatchDue' }
  | { kind: 'retryDue' }
  | { kind: 'rebuildDue' }
  | { kind: 'confirmDue' }
  | { kind: 'heldBefore'; outcome: Outcome<HeldBefore> }
  | { kind: 'asserted'; users: UserId[]; outcome: Outcome<AssertOutcome[]> }
  | InterestSet

export interface InterestSet {
  kind: 'interestSet'
  users: UserId[]
  askedMs: number
  outcome: Outcome<Snapshot[]>
}

export type Ctx = Context<PresenceShard.Command | Private>

/** After the messages that wait already: what they change goes in the same batch. */
export function flushSoon(ctx: Ctx, state: State): void {
  if (state.isFlushDue) return
  state.isFlushDue = true
  ctx.tell(ctx.self, { kind: 'flushDue' })
}
