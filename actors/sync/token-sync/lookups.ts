/** Is a token good? The store is asked, and a yes is cached for TOKEN_CACHE_S. Thread: sync. */
import { hasCode } from '../../../src/errors/errors.js'
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import { type TokenDigest, tokenDigest } from '../../../src/rules/logins/token-digest.js'
import { RecentMap } from '../../../src/rules/recent-map.js'
import type { TokenState, UserId } from '../../../src/rules/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import type { Ctx, Lookup, State, TokenCache, TokenSettings } from './state.js'

/** Longer than a dead connection to the store goes unnoticed: a kick may be missed for so long. */
const RECENT_MS = 15_000

export function newTokenCache({ tokenCacheMax }: TokenSettings): TokenCache {
  return { good: new RecentMap(tokenCacheMax), lookups: new Map() }
}

export function onCheckToken(ctx: Ctx, state: State, question: TokenSync.CheckToken): void {
  const { cache, unwritten, access } = state
  const replyTo = ctx.asker(question)
  const digest = tokenDigest(question.token)
  if (unwritten.has(digest)) return ctx.reply(replyTo, 'kicked')
  if (touchIfFresh(ctx, state, digest)) {
    noteLogin(ctx, state, digest, question)
    return ctx.reply(replyTo, 'normal')
  }
  const underWay = cache.lookups.get(digest)
  if (underWay !== undefined) {
    underWay.waiting.push({ replyTo, question })
    return
  }
  cache.lookups.set(digest, { waiting: [{ replyTo, question }], isWithdrawn: false })
  state.counts.tokenLookups++
  const { userId, platformId, token } = question
  const call = askStore(access, ({ tokens }) => tokens.tokenState(userId, platformId, token))
  ctx.pipe(call, (outcome) => ({ kind: 'tokenFound', digest, outcome }))
}

/** True = the token was good less than TOKEN_CACHE_S ago; it is now the most recently used. Removes an older entry. */
function touchIfFresh(ctx: Ctx, { cache: { good }, settings }: State, digest: TokenDigest): boolean {
  const checkedMs = good.get(digest)
  if (checkedMs === undefined) return false
  const isFresh = ctx.nowMs() - checkedMs < settings.tokenCacheS * 1_000
  if (isFresh) good.set(digest, checkedMs)
  else good.delete(digest)
  return isFresh
}

export function onTokenFound(
  ctx: Ctx,
  state: State,
  digest: TokenDigest,
  outcome: Outcome<TokenState>,
): void {
  const { lookups } = state.cache
  const { waiting, isWithdrawn } = lookups.get(digest)!
  lookups.delete(digest)
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

/** A login with a good token: kept to be checked again, for RECENT_MS or, while the store is away, until it is back. */
function noteLogin(ctx: Ctx, state: State, digest: TokenDigest, question: TokenSync.CheckToken): void {
  const { access, recentLogins, unchecked } = state
  if (!question.isLogin) return
  if (!access.health.isUp) return unchecked.add(digest, { question, wasGood: true, isLate: true })
  const nowMs = ctx.nowMs()
  for (const [oldest, { atMs }] of recentLogins) {
    if (nowMs - atMs < RECENT_MS) break
    recentLogins.delete(oldest)
  }
  recentLogins.delete(digest)
  recentLogins.set(digest, { question, atMs: nowMs })
}

export function isGood({ settings }: State, found: TokenState, userId: UserId): boolean {
  return found === 'normal' || (found === 'unknown' && !settings.needsRecord(userId))
}

function remember(ctx: Ctx, { cache: { good }, settings }: State, digest: TokenDigest): void {
  if (settings.openimCompat || settings.tokenCacheS === 0) return
  good.set(digest, ctx.nowMs())
}

function withoutStore(
  ctx: Ctx,
  state: State,
  digest: TokenDigest,
  { replyTo, question }: Lookup['waiting'][number],
  error: Error,
): void {
  const { unchecked, settings, counts } = state
  const isRefused =
    !question.isLogin || settings.authWhenStoreDown === 'deny' || hasCode(error, 'DAMAGED_RECORD')
  if (isRefused) return ctx.fail(replyTo, error)
  counts.uncheckedLogins++
  unchecked.add(digest, { question, wasGood: false, isLate: true })
  ctx.reply(replyTo, 'normal')
}
