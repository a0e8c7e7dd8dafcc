/** Token records and refresh tokens: every question goes to the store, and nothing is cached. Thread: sync. */
import type * as TokenSync from '../../../src/protocol/token-sync.js'
import type { AnswerOf, Question } from '../../../src/runtime/index.js'
import type { StorePorts } from '../../../src/store/ports/store.js'
import { askStore } from '../store-access.js'
import type { Ctx, State } from './state.js'

export function onTokensOf(ctx: Ctx, state: State, question: TokenSync.TokensOf): void {
  answerWith(ctx, state, question, ({ tokens }) => tokens.tokensOf(question.userId))
}

export function onRememberToken(ctx: Ctx, state: State, question: TokenSync.RememberToken): void {
  const { userId, platformId, token, ttlS } = question
  answerWith(ctx, state, question, ({ tokens }) =>
    done(tokens.rememberToken(userId, platformId, token, ttlS)),
  )
}

export function onForgetTokens(ctx: Ctx, state: State, question: TokenSync.ForgetTokens): void {
  const { userId, platformId, tokens: forgotten } = question
  answerWith(ctx, state, question, ({ tokens }) => done(tokens.forgetTokens(userId, platformId, forgotten)))
}

export function onRememberRefresh(ctx: Ctx, state: State, question: TokenSync.RememberRefresh): void {
  const { userId, platformId, refresh, ttlS } = question
  answerWith(ctx, state, question, ({ refreshTokens }) =>
    done(refreshTokens.rememberRefresh(userId, platformId, refresh, ttlS)),
  )
}

export function onTakeRefresh(ctx: Ctx, state: State, question: TokenSync.TakeRefresh): void {
  const { userId, platformId, refresh } = question
  answerWith(ctx, state, question, ({ refreshTokens }) =>
    refreshTokens.takeRefresh(userId, platformId, refresh),
  )
}

export function onForgetRefreshes(ctx: Ctx, state: State, question: TokenSync.ForgetRefreshes): void {
  const { userId, platformId } = question
  answerWith(ctx, state, question, ({ refreshTokens }) =>
    done(refreshTokens.forgetRefreshes(userId, platformId)),
  )
}

function answerWith<Q extends Question<unknown>>(
  ctx: Ctx,
  { access }: State,
  question: Q,
  call: (store: StorePorts) => Promise<AnswerOf<Q>>,
): void {
  ctx.replyWith(ctx.asker(question), askStore(access, call))
}

/** A call that returns nothing is answered with null. */
async function done(call: Promise<void>): Promise<null> {
  await call
  return null
}
