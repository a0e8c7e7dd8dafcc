/** Token records and refresh tokens: asked of the store, and nothing of it is kept here. Thread: sync. */
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import type { Outcome, ReplyTo } from '../../../src/runtime/index.js'
import type { StorePorts } from '../../../src/store/ports/store.js'
import { askStore } from '../store-access.js'
import type { Ctx, State } from './state.js'

export function onTokensOf(ctx: Ctx, state: State, { userId }: TokenSync.TokensOf): void {
  answerWith(ctx, state, ({ tokens }) => tokens.tokensOf(userId))
}

export function onRememberToken(ctx: Ctx, state: State, question: TokenSync.RememberToken): void {
  const { userId, platformId, token, ttlS } = question
  answerWith(ctx, state, ({ tokens }) => tokens.rememberToken(userId, platformId, token, ttlS))
}

export function onForgetTokens(ctx: Ctx, state: State, question: TokenSync.ForgetTokens): void {
  const { userId, platformId, tokens: forgotten } = question
  answerWith(ctx, state, ({ tokens }) => tokens.forgetTokens(userId, platformId, forgotten))
}

export function onRememberRefresh(ctx: Ctx, state: State, question: TokenSync.RememberRefresh): void {
  const { userId, platformId, refresh, ttlS } = question
  answerWith(ctx, state, ({ refreshTokens }) =>
    refreshTokens.rememberRefresh(userId, platformId, refresh, ttlS),
  )
}

export function onTakeRefresh(ctx: Ctx, state: State, question: TokenSync.TakeRefresh): void {
  const { userId, platformId, refresh } = question
  answerWith(ctx, state, ({ refreshTokens }) => refreshTokens.takeRefresh(userId, platformId, refresh))
}

export function onForgetRefreshes(ctx: Ctx, state: State, question: TokenSync.ForgetRefreshes): void {
  const { userId, platformId } = question
  answerWith(ctx, state, ({ refreshTokens }) => refreshTokens.forgetRefreshes(userId, platformId))
}

function answerWith(ctx: Ctx, { access }: State, call: (store: StorePorts) => Promise<unknown>): void {
  const replyTo = ctx.replyTo as ReplyTo<unknown>
  ctx.pipe(askStore(access, call), (outcome) => ({ kind: 'answered', replyTo, outcome }))
}

export function onAnswered(ctx: Ctx, replyTo: ReplyTo<unknown>, outcome: Outcome<unknown>): void {
  // A call that returns nothing is answered with null.
  if (outcome.ok) ctx.reply(replyTo, outcome.value ?? null)
  else ctx.fail(replyTo, outcome.error)
}
