/** What token-sync owns, and what it sends itself. Thread: sync. */
import type { Addresses } from '../../../src/protocol/addresses.js'
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { RecentMap } from '../../../src/rules/recent-map.js'
import type { LoginNumber, TokenState, UserId } from '../../../src/rules/types.js'
import type { Context, Outcome, ReplyTo } from '../../../src/runtime/index.js'
import type { TokenCounts } from '../counts.js'
import type { StoreAccess } from '../store-access.js'
import type { UncheckedLogins } from '../unchecked-logins.js'

export interface TokenSettings {
  tokenCacheS: number
  tokenCacheMax: number
  /** OpenIM's services kick tokens without telling us: ask each time. */
  openimCompat: boolean
  authWhenStoreDown: 'allow' | 'deny'
  /** Whether a token of this user's that is not on record is bad. */
  needsRecord: (userId: UserId) => boolean
}

export interface Args {
  addresses: Addresses
  settings: TokenSettings
  access: StoreAccess
  /** Let in while the store could not be asked, or may not have been heard; to be asked when it is back. */
  unchecked: UncheckedLogins
  counts: TokenCounts
}

export interface State extends Args {
  cache: TokenCache
  /** Kicks that the store has not taken, oldest first. */
  unwritten: RecentMap<TokenDigest, TokenSync.KickTokens>
  /** Logins of the last RECENT_MS, oldest first: this node may not have heard of a kick of their token yet. */
  recentLogins: Map<TokenDigest, { question: TokenSync.CheckToken; atMs: number }>
  /** Unchecked logins whose question is on its way. */
  asked: Set<TokenDigest>
}

export interface TokenCache {
  /** Good tokens, with the time of the check. The one that was used longest ago goes first. */
  good: RecentMap<TokenDigest, number>
  lookups: Map<TokenDigest, Lookup>
}

/** A question to the store, and all that wait for its answer. */
export interface Lookup {
  waiting: { replyTo: ReplyTo<TokenState>; question: TokenSync.CheckToken }[]
  /** The token was kicked while the question was on its way. */
  isWithdrawn: boolean
}

/** The store's answer about the token of an unchecked login. */
export interface Found {
  state: TokenState
  /** The number of the login that kicked it, if it was kicked. */
  by: LoginNumber
}

/** The outcome of writing kicks to the store; without `replyTo` it was a retry. */
export interface KicksWritten {
  kind: 'kicksWritten'
  question: TokenSync.KickTokens
  replyTo?: ReplyTo<null>
  outcome: Outcome<void>
}

/** What only token-sync sends itself. */
export type Private =
  | { kind: 'tokenFound'; digest: TokenDigest; outcome: Outcome<TokenState> }
  | KicksWritten
  | { kind: 'uncheckedFound'; digest: TokenDigest; outcome: Outcome<Found> }
  | { kind: 'checkUncheckedDue' }
  | { kind: 'writeKicksDue' }

export type Ctx = Context<TokenSync.Command | Private>
