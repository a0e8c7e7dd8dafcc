/** Logins that were accepted unchecked, or on a verdict that may be stale: checked when the store is back. Thread: sync. */
import { ADMIN_KICK } from '../../../src/rules/logins/eviction.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import type { PlatformId, UserId } from '../../../src/rules/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import type { TokenRecords } from '../../../src/store/ports/token-records.js'
import { askStore } from '../store-access.js'
import { withdraw } from './kicks.js'
import { isGood } from './lookups.js'
import type { Ctx, Found, State } from './state.js'

const CHECK_AGAIN_MS = 1_000
/** Questions at once when the store is back. */
const UNCHECKED_AT_ONCE = 64

/** Kicks may have been missed: empty the cache, and check the logins that were accepted from it. */
export function onChangesMissed(ctx: Ctx, state: State): void {
  const { access, cache, recentLogins, unchecked } = state
  cache.good.clear()
  for (const [digest, { question }] of recentLogins) {
    if (unchecked.get(digest) === undefined) {
      unchecked.add(digest, { question, wasGood: true, isLate: false })
    }
  }
  recentLogins.clear()
  unchecked.reviewedLosses = access.losses
  checkSome(ctx, state)
}

/** Ask the store about the tokens of unchecked logins until each has an answer. */
export function checkSome(ctx: Ctx, state: State): void {
  const { access, unchecked, asked, counts } = state
  for (const [digest, { question }] of unchecked.entries()) {
    const { userId, platformId, token } = question
    if (asked.size === UNCHECKED_AT_ONCE) return
    if (asked.has(digest)) continue
    asked.add(digest)
    counts.tokenLookups++
    const call = askStore(access, ({ tokens }) => find(tokens, userId, platformId, token))
    ctx.pipe(call, (outcome) => ({ kind: 'uncheckedFound', digest, outcome }))
  }
}

async function find(
  tokens: TokenRecords,
  userId: UserId,
  platformId: PlatformId,
  token: string,
): Promise<Found> {
  const state = await tokens.tokenState(userId, platformId, token)
  return { state, by: state === 'kicked' ? await tokens.kickedBy(userId, platformId, token) : ADMIN_KICK }
}

/** End a login that was accepted with a token that turns out bad. */
export function onUncheckedFound(ctx: Ctx, state: State, digest: TokenDigest, outcome: Outcome<Found>): void {
  const { unchecked, asked } = state
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
    withdraw(ctx, state, { userId, platformId, tokens: [digest], by: login.isLate ? ADMIN_KICK : by })
  }
  checkSome(ctx, state)
}
