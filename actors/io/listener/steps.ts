/**
 * The steps of a handshake, in their order. Each goes on (undefined), refuses, or waits: then `resume` goes on with the
 * answer. Thread: io.
 */
import { stateFault } from '../../../src/auth/token-records.js'
import { checkLogin, type TokenVerdict } from '../../../src/auth/tokens.js'
import { retryAfter, WireCode } from '../../../src/openim/codes.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { SeatRefusal, TokenState } from '../../../src/rules/types.js'
import { hasCode, type Outcome } from '../../../src/runtime/index.js'
import { accept } from './accept.js'
import { reject } from './refusals.js'
import type { Attempt, Ctx, State } from './state.js'

/** Why the handshake ends here: an error of OpenIM's, and its details. */
type Refusal = { errCode: WireCode; errDlt: string }
type Step = (ctx: Ctx, state: State, attempt: Attempt) => Refusal | 'waits' | undefined

/** The steps after `opening.ts` has read the arguments, in their order. */
const STEPS: readonly Step[] = [verifyToken, limitLogins, checkTokenState, takeSeat]

/** Go on with the next step, until one waits, or the handshake is decided. */
export function proceed(ctx: Ctx, state: State, attempt: Attempt): void {
  while (attempt.stepsDone < STEPS.length) {
    const result = STEPS[attempt.stepsDone++]!(ctx, state, attempt)
    if (result === 'waits') return
    if (result !== undefined) return reject(state, attempt, result.errCode, result.errDlt)
  }
  accept(ctx, state, attempt)
}

function resume(ctx: Ctx, state: State, attempt: Attempt, refusal: Refusal | undefined): void {
  if (refusal === undefined) proceed(ctx, state, attempt)
  else reject(state, attempt, refusal.errCode, refusal.errDlt)
}

// The token

function verifyToken(ctx: Ctx, state: State, attempt: Attempt): ReturnType<Step> {
  const verdict = state.verifyToken(attempt.args.token, attempt.digest)
  if (!(verdict instanceof Promise)) return judgeToken(ctx, state, attempt, verdict)
  ctx.pipe(verdict, (outcome) => ({ kind: 'verified', attempt, outcome }))
  return 'waits'
}

export function onVerified(ctx: Ctx, state: State, attempt: Attempt, outcome: Outcome<TokenVerdict>): void {
  if (outcome.ok) return resume(ctx, state, attempt, judgeToken(ctx, state, attempt, outcome.value))
  ctx.log.error({ error: outcome.error.message }, 'token could not be verified')
  reject(state, attempt, WireCode.ServerInternalError, 'the token could not be verified')
}

function judgeToken(ctx: Ctx, state: State, attempt: Attempt, verdict: TokenVerdict): Refusal | undefined {
  if (!verdict.ok) return verdict
  const mismatch = checkLogin(verdict, attempt.args.userId, attempt.args.platformId)
  if (mismatch !== undefined) return mismatch
  attempt.tokenEndsMs = ctx.nowMs() + verdict.expiresAtS * 1_000 - state.wallMs()
  return undefined
}

// The rate of the user's logins

/** After the token: nobody may use up the logins of another user by guessing tokens. */
function limitLogins(_ctx: Ctx, state: State, { args }: Attempt): Refusal | undefined {
  const waitMs = state.rates.loginOfUser(args.userId)
  if (waitMs === 0) return undefined
  return { errCode: WireCode.TooManyLogins, errDlt: `too many logins of this user, ${retryAfter(waitMs)}` }
}

// The token's state

function checkTokenState(ctx: Ctx, state: State, attempt: Attempt): 'waits' {
  const { userId, platformId, token } = attempt.args
  ctx.ask(
    state.addresses.tokenSync,
    { kind: 'checkToken', userId, platformId, token, isLogin: true },
    state.settings.handshakeTimeoutMs,
    (outcome) => ({ kind: 'tokenChecked', attempt, outcome }),
  )
  return 'waits'
}

const STORE_AWAY: Refusal = {
  errCode: WireCode.DatabaseError,
  errDlt: 'the store is out of reach, try again',
}
const DAMAGED: Refusal = {
  errCode: WireCode.DataError,
  errDlt: "the record of this user's tokens is damaged",
}

export function onTokenChecked(ctx: Ctx, state: State, attempt: Attempt, outcome: Outcome<TokenState>): void {
  resume(ctx, state, attempt, judgeTokenState(state, attempt, outcome))
}

function judgeTokenState(state: State, { args }: Attempt, outcome: Outcome<TokenState>): Refusal | undefined {
  if (outcome.ok) return stateFault(outcome.value, state.needsRecord(args.userId))
  return hasCode(outcome.error, 'DAMAGED_RECORD') ? DAMAGED : STORE_AWAY
}

// The seat

function takeSeat(ctx: Ctx, state: State, attempt: Attempt): ReturnType<Step> {
  const { userId, platformId } = attempt.args
  if (!state.isSeated || state.isAdmin(userId)) return undefined
  ctx.ask(
    state.addresses.shardFor(userId),
    { kind: 'admit', userId, platformId, token: attempt.digest },
    state.settings.handshakeTimeoutMs,
    (outcome) => ({ kind: 'admitted', attempt, outcome }),
  )
  return 'waits'
}

const SEAT_REFUSALS: Record<SeatRefusal, Refusal> = {
  conflict: {
    errCode: WireCode.LoginConflict,
    errDlt: 'another login of this user stays; log it out first',
  },
  user: {
    errCode: WireCode.TooManyConnectionsOfUser,
    errDlt: 'the connection limit of this user is reached',
  },
  platform: {
    errCode: WireCode.TooManyConnectionsOfUser,
    errDlt: 'the connection limit of this user on this platform is reached',
  },
}

export function onAdmitted(
  ctx: Ctx,
  state: State,
  attempt: Attempt,
  outcome: Outcome<PresenceShard.AdmitVerdict>,
): void {
  resume(ctx, state, attempt, judgeSeat(state, attempt, outcome))
}

function judgeSeat(
  { settings }: State,
  attempt: Attempt,
  outcome: Outcome<PresenceShard.AdmitVerdict>,
): Refusal | undefined {
  if (!outcome.ok) return settings.authWhenStoreDown === 'allow' ? undefined : STORE_AWAY
  const verdict = outcome.value
  if (!verdict.isAdmitted) return SEAT_REFUSALS[verdict.reason]
  attempt.seat = verdict.seat
  return undefined
}
