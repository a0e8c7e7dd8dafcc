/**
 * Tokens: what the store says of them, remembered for a while, and kicks that the store has not taken yet.
 *
 * Believed without asking is only a token that was good a short while ago. Its kick through any node takes it out of
 * this memory at once, also one that overtakes the answer to a question on its way.
 */
import { hasCode } from '../../src/errors/errors.js'
import type * as Sync from '../../src/protocol/sync.js'
import { BY_HAND, TOKEN_ONLY } from '../../src/rules/logins/eviction.js'
import { type TokenDigest, tokenDigest } from '../../src/rules/logins/token-digest.js'
import type { LoginNumber, PlatformId, UserId } from '../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../src/runtime/index.js'
import type { PresenceStore, TokenState } from '../../src/store/ports/presence-store.js'
import { askStore, type Ctx, type State } from './state.js'
import { UncheckedLogins } from './unchecked.js'

export interface TokenSettings {
  tokenCacheS: number
  tokenCacheMax: number
  /** OpenIM's services kick tokens without telling us: ask each time. */
  openimCompat: boolean
  authWhenStoreDown: 'allow' | 'deny'
  /** Whether a token of this user's that is not on record is bad. */
  needsRecord: (userId: UserId) => boolean
}

export interface TokenCounts {
  /** Questions to the store. */
  tokenLookups: number
  /** Logins let in without an answer of the store (AUTH_WHEN_STORE_DOWN=allow). */
  uncheckedLogins: number
}

interface Found {
  state: TokenState
  /** Who kicked it, if it was. */
  by: LoginNumber
}

interface Lookup {
  waiting: { replyTo: ReplyTo<TokenState>; question: Sync.CheckToken }[]
  /** The token was kicked while the question was on its way. */
  isWithdrawn: boolean
}

/** What sync knows of tokens. */
export interface TokenDesk {
  /** Good tokens, with the time of the check; least recently used first. */
  good: Map<TokenDigest, number>
  lookups: Map<TokenDigest, Lookup>
  /** Kicks that the store has not taken, oldest first. */
  unwritten: Map<TokenDigest, Sync.KickTokens>
  /** Logins of the last LATELY_MS, oldest first: of the kick of their token this node may not have heard. */
  lately: Map<TokenDigest, { question: Sync.CheckToken; atMs: number }>
  /** Let in while the store could not be asked, or may not have been heard; to be asked when it is back. */
  unchecked: UncheckedLogins
  /** Those of them whose question is on its way. */
  asked: Set<TokenDigest>
}

export type FromTokens =
  | { kind: 'tokenFound'; digest: TokenDigest; outcome: Outcome<TokenState> }
  | { kind: 'tokensKicked'; question: Sync.KickTokens; replyTo?: ReplyTo<null>; outcome: Outcome<void> }
  | { kind: 'uncheckedFound'; digest: TokenDigest; outcome: Outcome<Found> }
  | { kind: 'checkUncheckedDue' }
  | { kind: 'writeKicksDue' }

const WRITE_KICKS_AGAIN_MS = 1_000
const CHECK_AGAIN_MS = 1_000
/** Longer than it takes to notice that the connection to the store is dead. */
const LATELY_MS = 15_000
/** Beyond this many the oldest is given up: somebody kicks without end while there is no store. */
const UNWRITTEN_MAX = 100_000
/** Questions at once when the store is back. */
const UNCHECKED_AT_ONCE = 64

export function newTokenDesk(): TokenDesk {
  return {
    good: new Map(),
    lookups: new Map(),
    unwritten: new Map(),
    lately: new Map(),
    unchecked: new UncheckedLogins(),
    asked: new Set(),
  }
}

// Is it good?

export function onCheckToken(ctx: Ctx, state: State, question: Sync.CheckToken): void {
  const { desk } = state
  const replyTo = ctx.replyTo as ReplyTo<TokenState>
  const digest = tokenDigest(question.token)
  if (desk.unwritten.has(digest)) return ctx.reply(replyTo, 'kicked')
  if (isFresh(ctx, state, digest)) {
    noteLogin(ctx, state, digest, question)
    return ctx.reply(replyTo, 'normal')
  }
  const underWay = desk.lookups.get(digest)
  if (underWay !== undefined) {
    underWay.waiting.push({ replyTo, question })
    return
  }
  desk.lookups.set(digest, { waiting: [{ replyTo, question }], isWithdrawn: false })
  state.counts.tokenLookups++
  const { userId, platformId, token } = question
  const call = askStore(state, (store) => store.tokenState(userId, platformId, token))
  ctx.pipe(call, (outcome) => ({
    kind: 'tokenFound',
    digest,
    outcome,
  }))
}

function isFresh(ctx: Ctx, { desk, tokens }: State, digest: TokenDigest): boolean {
  const checkedMs = desk.good.get(digest)
  if (checkedMs === undefined) return false
  desk.good.delete(digest)
  if (ctx.nowMs() - checkedMs >= tokens.tokenCacheS * 1_000) return false
  desk.good.set(digest, checkedMs)
  return true
}

export function onTokenFound(
  ctx: Ctx,
  state: State,
  digest: TokenDigest,
  outcome: Outcome<TokenState>,
): void {
  const { desk } = state
  const { waiting, isWithdrawn } = desk.lookups.get(digest)!
  desk.lookups.delete(digest)
  if (!outcome.ok) {
    for (const one of waiting) withoutStore(ctx, state, digest, one, outcome.error)
    return
  }
  const found = isWithdrawn ? 'kicked' : outcome.value
  if (isGood(state, found, waiting[0]!.question.userId)) {
    remember(ctx, state, digest)
    noteLogin(ctx, state, digest, waiting[0]!.question)
  }
  for (const { replyTo } of waiting) ctx.reply(replyTo, found)
}

/** Let in on what this node knows. Longer ago than a lost connection goes unnoticed, it knew what there was to know. */
function noteLogin(ctx: Ctx, { desk, health }: State, digest: TokenDigest, question: Sync.CheckToken): void {
  if (!question.isLogin) return
  if (!health.isUp) return desk.unchecked.add(digest, { question, wasGood: true, isLate: true })
  const nowMs = ctx.nowMs()
  for (const [oldest, { atMs }] of desk.lately) {
    if (nowMs - atMs < LATELY_MS) break
    desk.lately.delete(oldest)
  }
  desk.lately.delete(digest)
  desk.lately.set(digest, { question, atMs: nowMs })
}

function isGood({ tokens }: State, found: TokenState, userId: UserId): boolean {
  return found === 'normal' || (found === 'unknown' && !tokens.needsRecord(userId))
}

function remember(ctx: Ctx, { desk, tokens }: State, digest: TokenDigest): void {
  if (tokens.openimCompat || tokens.tokenCacheS === 0) return
  desk.good.set(digest, ctx.nowMs())
  if (desk.good.size > tokens.tokenCacheMax) dropOldest(desk.good)
}

function withoutStore(
  ctx: Ctx,
  state: State,
  digest: TokenDigest,
  { replyTo, question }: Lookup['waiting'][number],
  error: Error,
): void {
  const { desk, tokens, counts } = state
  const isRefused =
    !question.isLogin || tokens.authWhenStoreDown === 'deny' || hasCode(error, 'DAMAGED_RECORD')
  if (isRefused) return ctx.fail(replyTo, error)
  counts.uncheckedLogins++
  desk.unchecked.add(digest, { question, wasGood: false, isLate: true })
  ctx.reply(replyTo, 'normal')
}

// Kicks

export function onKickTokens(ctx: Ctx, state: State, question: Sync.KickTokens): void {
  for (const token of question.tokens) {
    const digest = tokenDigest(token)
    forget(state, digest)
    state.desk.unwritten.set(digest, { ...question, tokens: [token] })
    if (state.desk.unwritten.size > UNWRITTEN_MAX) dropOldest(state.desk.unwritten)
  }
  write(ctx, state, question, ctx.replyTo as ReplyTo<null>)
}

function write(ctx: Ctx, state: State, question: Sync.KickTokens, replyTo?: ReplyTo<null>): void {
  const { userId, platformId, tokens, by, ttlS } = question
  const call = askStore(state, (store) => store.kickTokens(userId, platformId, tokens, by, ttlS))
  ctx.pipe(call, (outcome) => ({
    kind: 'tokensKicked',
    question,
    replyTo,
    outcome,
  }))
}

export function onTokensKicked(
  ctx: Ctx,
  state: State,
  done: Extract<FromTokens, { kind: 'tokensKicked' }>,
): void {
  const { question, replyTo, outcome } = done
  const { userId, platformId, by } = question
  const digests = question.tokens.map(tokenDigest)
  if (outcome.ok) {
    for (const digest of digests) state.desk.unwritten.delete(digest)
    if (replyTo !== undefined) ctx.reply(replyTo, null)
    return
  }
  ctx.once('writeKicks', WRITE_KICKS_AGAIN_MS, { kind: 'writeKicksDue' })
  if (replyTo === undefined) return
  ctx.fail(replyTo, outcome.error)
  // The store tells nobody now; this node's own connections can be told.
  onWithdraw(ctx, state, userId, platformId, digests, by)
}

export function onWriteKicksDue(ctx: Ctx, state: State): void {
  if (!state.health.isUp) return void ctx.once('writeKicks', WRITE_KICKS_AGAIN_MS, { kind: 'writeKicksDue' })
  for (const question of state.desk.unwritten.values()) write(ctx, state, question)
}

export function onVouchForToken(
  ctx: Ctx,
  state: State,
  { userId, platformId, token, login }: Sync.VouchForToken,
) {
  const call = askStore(state, (store) => store.vouchForToken(userId, platformId, token, login))
  call.catch((error: Error) => {
    ctx.log.warn(
      { userId, reason: error.message },
      'a token that was kicked by an earlier login stays kicked',
    )
  })
}

/** Tokens were kicked, through whatever node. */
export function onWithdraw(
  ctx: Ctx,
  state: State,
  userId: UserId,
  platformId: PlatformId,
  tokens: TokenDigest[],
  by: LoginNumber,
): void {
  for (const digest of tokens) forget(state, digest)
  if (by === TOKEN_ONLY) return
  ctx.signal(state.addresses.shardFor(userId), { kind: 'withdrawn', userId, platformId, tokens, by })
}

function forget({ desk }: State, digest: TokenDigest): void {
  desk.good.delete(digest)
  const lookup = desk.lookups.get(digest)
  if (lookup !== undefined) lookup.isWithdrawn = true
}

// The store

/** Kicks may have been missed: believe nothing without asking, and ask about whoever came in on what was believed. */
export function distrustAll(ctx: Ctx, state: State): void {
  const { desk } = state
  desk.good.clear()
  for (const [digest, { question }] of desk.lately) {
    if (desk.unchecked.get(digest) === undefined) {
      desk.unchecked.add(digest, { question, wasGood: true, isLate: false })
    }
  }
  desk.lately.clear()
  checkSome(ctx, state)
}

export function onStoreBackForTokens(ctx: Ctx, state: State): void {
  onWriteKicksDue(ctx, state)
  distrustAll(ctx, state)
}

/** Whoever came in unchecked is asked about, until the store has said what his token is. */
export function checkSome(ctx: Ctx, state: State): void {
  const { unchecked, asked } = state.desk
  for (const [digest, { question }] of unchecked.entries()) {
    const { userId, platformId, token } = question
    if (asked.size === UNCHECKED_AT_ONCE) return
    if (asked.has(digest)) continue
    asked.add(digest)
    state.counts.tokenLookups++
    ctx.pipe(
      askStore(state, (store) => find(store, userId, platformId, token)),
      (outcome) => ({
        kind: 'uncheckedFound',
        digest,
        outcome,
      }),
    )
  }
}

async function find(
  store: PresenceStore,
  userId: UserId,
  platformId: PlatformId,
  token: string,
): Promise<Found> {
  const state = await store.tokenState(userId, platformId, token)
  return { state, by: state === 'kicked' ? await store.kickedBy(userId, platformId, token) : BY_HAND }
}

/** Whoever was let in with a token that turns out bad has to go. */
export function onUncheckedFound(ctx: Ctx, state: State, digest: TokenDigest, outcome: Outcome<Found>): void {
  const { unchecked, asked } = state.desk
  const login = unchecked.get(digest)
  asked.delete(digest)
  if (login === undefined) return
  // Also while the store counts as reachable: its return may have been told when this question was on its way.
  if (!outcome.ok) return void ctx.once('checkUnchecked', CHECK_AGAIN_MS, { kind: 'checkUncheckedDue' })
  unchecked.delete(digest)
  const { userId, platformId } = login.question
  const { state: found, by } = outcome.value
  const isLost = found === 'unknown' && login.wasGood
  if (!isGood(state, found, userId) && !isLost) {
    onWithdraw(ctx, state, userId, platformId, [digest], login.isLate ? BY_HAND : by)
  }
  checkSome(ctx, state)
}

function dropOldest(map: Map<TokenDigest, unknown>): void {
  for (const [oldest] of map) {
    map.delete(oldest)
    return
  }
}
