/** Assertions of the shards: sends them to the store, and their outcomes back. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import type { Assertion, AssertOutcome, Snapshot } from '../../../src/rules/types.js'
import type { ReplyTo } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import type { Asserted, Ctx, State } from './state.js'

const FAILS_TOLD_MS = 500
/** A healthy store answers every call sooner. */
const SLOW_MS = 1_000

export function onAssert(ctx: Ctx, state: State, question: PresenceSync.Assert): void {
  const { shard, batch, isBackground } = question
  // A login that was accepted unchecked removes no other before its token was found good. After a loss token-sync first
  // finds out which logins these are: until then all logins wait.
  const { access, unchecked } = state
  const isReviewDue = unchecked.reviewedLosses !== access.losses
  const isHeldBack = ({ userId, isLogin }: Assertion) =>
    isLogin === true && (isReviewDue || unchecked.concerns(userId))
  const heldBack = batch.filter(isHeldBack)
  const sent = heldBack.length === 0 ? batch : batch.filter((assertion) => !isHeldBack(assertion))
  const ledger = state.ledger[shard]!
  for (const assertion of sent) ledger.sent(assertion)
  const replyTo = ctx.asker(question)
  const sentMs = ctx.nowMs()
  const call = () => askStore(access, ({ presence }) => presence.assert(sent))
  if (!isBackground) noteCall(ctx, state, replyTo, sentMs)
  ctx.pipe(isBackground ? state.background.run(call) : call(), (outcome) => {
    state.calls.pending.delete(replyTo)
    state.counts.flushSeconds((ctx.nowMs() - sentMs) / 1_000)
    return { kind: 'asserted', shard, sent, heldBack, replyTo, outcome }
  })
}

export function onAsserted(ctx: Ctx, state: State, done: Asserted): void {
  const { shard, sent, heldBack, replyTo, outcome } = done
  if (!outcome.ok || outcome.value.some((result) => !result.ok && result.isAway)) onStoreFails(ctx, state)
  if (!outcome.ok) return ctx.fail(replyTo, outcome.error)
  const ledger = state.ledger[shard]!
  outcome.value.forEach((result, at) => {
    if (result.ok) ledger.recorded(sent[at]!)
    if (result.ok && result.changed !== undefined) result.changed = elsewhere(state, result.changed)
  })
  const failed = heldBack.map(
    ({ userId }): AssertOutcome => ({ ok: false, userId, error: 'the token is being checked' }),
  )
  ctx.reply(replyTo, [...outcome.value, ...failed])
}

/** Without the claims of dead nodes. Shards ignore the claims of their own node, and most users have no others. */
function elsewhere({ access: { members, holder } }: State, snapshot: Snapshot): Snapshot {
  if (snapshot.claims.every((claim) => claim.holder === holder)) return { ...snapshot, claims: [] }
  return members.filter(snapshot)
}

/** A master of a Cluster that dies does not fail what it was asked: its calls wait for the one that follows it. */
function noteCall(ctx: Ctx, state: State, call: ReplyTo<AssertOutcome[]>, nowMs: number): void {
  const { pending } = state.calls
  const [oldestMs = nowMs] = pending.values()
  if (nowMs - oldestMs > SLOW_MS) onStoreFails(ctx, state)
  pending.set(call, nowMs)
}

/** A call of the store failed, or was not answered in time. Calls of other nodes may fail in the same way. */
function onStoreFails(ctx: Ctx, { calls, addresses }: State): void {
  const nowMs = ctx.nowMs()
  if (nowMs - calls.failsToldMs < FAILS_TOLD_MS) return
  calls.failsToldMs = nowMs
  for (const shard of addresses.shards) ctx.tell(shard, { kind: 'storeFails' })
}
