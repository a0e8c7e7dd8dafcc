/** Kicks of tokens: in force on this node at once, and written to the store again until it has them. Thread: sync. */
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import { TOKEN_ONLY } from '../../../src/rules/logins/eviction.js'
import { type TokenDigest, tokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { ReplyTo } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import type { Ctx, KicksWritten, State, TokenCache } from './state.js'

const WRITE_KICKS_AGAIN_MS = 1_000
/** Beyond this many, the oldest is given up: a bound for kicks while the store is away. */
export const UNWRITTEN_MAX = 100_000

type Withdrawal = Omit<TokenSync.TokensKicked, 'kind'>

export function onKickTokens(ctx: Ctx, state: State, question: TokenSync.KickTokens): void {
  const { cache, unwritten } = state
  for (const token of question.tokens) {
    const digest = tokenDigest(token)
    forget(cache, digest)
    unwritten.set(digest, { ...question, tokens: [token] })
  }
  write(ctx, state, question, ctx.asker(question))
}

function write(ctx: Ctx, state: State, question: TokenSync.KickTokens, replyTo?: ReplyTo<null>): void {
  const { userId, platformId, tokens, by, ttlS } = question
  const call = askStore(state.access, (store) =>
    store.tokens.kickTokens(userId, platformId, tokens, by, ttlS),
  )
  ctx.pipe(call, (outcome) => ({ kind: 'kicksWritten', question, replyTo, outcome }))
}

export function onKicksWritten(ctx: Ctx, state: State, done: KicksWritten): void {
  const { question, replyTo, outcome } = done
  const { userId, platformId, by } = question
  const digests = question.tokens.map(tokenDigest)
  if (outcome.ok) {
    for (const digest of digests) state.unwritten.delete(digest)
    if (replyTo !== undefined) ctx.reply(replyTo, null)
    return
  }
  ctx.once('writeKicks', WRITE_KICKS_AGAIN_MS, { kind: 'writeKicksDue' })
  if (replyTo === undefined) return
  ctx.fail(replyTo, outcome.error)
  // The store cannot tell other nodes now, but connections of this node can be ended.
  withdraw(ctx, state, { userId, platformId, tokens: digests, by })
}

export function onWriteKicksDue(ctx: Ctx, state: State): void {
  if (!state.access.health.isUp)
    return void ctx.once('writeKicks', WRITE_KICKS_AGAIN_MS, { kind: 'writeKicksDue' })
  for (const question of state.unwritten.values()) write(ctx, state, question)
}

export function onVouchForToken(
  ctx: Ctx,
  state: State,
  { userId, platformId, token, login }: TokenSync.VouchForToken,
): void {
  const call = askStore(state.access, ({ tokens }) => tokens.vouchForToken(userId, platformId, token, login))
  call.catch((error: Error) => {
    ctx.log.warn(
      { userId, reason: error.message },
      'cannot undo the kick of a token that has logged in since',
    )
  })
}

/** Tokens were kicked through any node. A kick and an eviction may come in either order: shards decide by number. */
export function onTokensKicked(ctx: Ctx, state: State, kicked: TokenSync.TokensKicked): void {
  const { userId, platformId, tokens, by } = kicked
  withdraw(ctx, state, { userId, platformId, tokens, by })
}

/** Drop these tokens from the cache, and have their connections on this node ended. */
export function withdraw(ctx: Ctx, state: State, kicked: Withdrawal): void {
  const { userId, tokens, by } = kicked
  for (const digest of tokens) forget(state.cache, digest)
  if (by === TOKEN_ONLY) return
  ctx.signal(state.addresses.shardFor(userId), { kind: 'withdrawn', ...kicked })
}

function forget({ good, lookups }: TokenCache, digest: TokenDigest): void {
  good.delete(digest)
  const lookup = lookups.get(digest)
  if (lookup !== undefined) lookup.isWithdrawn = true
}
