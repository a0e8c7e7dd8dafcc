/** Assertions of the shards: on their way to the store, and what came of them. */

import type * as Sync from '../../src/protocol/sync.js'
import type { Assertion, Snapshot } from '../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../src/runtime/index.js'
import type { AssertOutcome } from '../../src/store/ports/presence-store.js'
import { noteCall, onStoreFails } from './health.js'
import { askStore, type Ctx, type State } from './state.js'

/** What one shard asserts. */
interface Asserting {
  shard: number
  sent: Assertion[]
  /** Not sent: a login of theirs is still to be checked. */
  heldBack: Assertion[]
  replyTo: ReplyTo<unknown>
}

export interface FromAssertions extends Asserting {
  kind: 'asserted'
  outcome: Outcome<AssertOutcome[]>
}

export function onAssert(ctx: Ctx, state: State, { shard, batch, isBackground }: Sync.Assert): void {
  // Who came in unchecked removes nobody before his token was found good.
  const isHeldBack = ({ userId, isLogin }: Assertion) =>
    isLogin === true && state.desk.unchecked.concerns(userId)
  const heldBack = batch.filter(isHeldBack)
  const sent = heldBack.length === 0 ? batch : batch.filter((assertion) => !isHeldBack(assertion))
  const ledger = state.ledger[shard]!
  for (const { userId, platformIds } of sent) {
    if (platformIds.length > 0) ledger.set(userId, platformIds)
  }
  const replyTo = ctx.replyTo as ReplyTo<unknown>
  const sentMs = ctx.nowMs()
  const call = () => askStore(state, (store) => store.assert(sent))
  if (!isBackground) noteCall(ctx, state, replyTo, sentMs)
  ctx.pipe(isBackground ? state.background.run(call) : call(), (outcome) => {
    state.calls.delete(replyTo)
    state.counts.flushSeconds((ctx.nowMs() - sentMs) / 1_000)
    return { kind: 'asserted', shard, sent, heldBack, replyTo, outcome }
  })
}

export function onAsserted(ctx: Ctx, state: State, done: FromAssertions): void {
  const { shard, sent, heldBack, replyTo, outcome } = done
  if (!outcome.ok || outcome.value.some((result) => !result.ok && result.isAway)) onStoreFails(ctx, state)
  if (!outcome.ok) return ctx.fail(replyTo, outcome.error)
  const ledger = state.ledger[shard]!
  outcome.value.forEach((result, at) => {
    // At most one assertion of a user is in flight, so what was just written is what the ledger holds.
    if (result.ok && sent[at]!.platformIds.length === 0) ledger.delete(result.userId)
    if (result.ok && result.changed !== undefined) result.changed = elsewhere(state, result.changed)
  })
  const failed = heldBack.map(
    ({ userId }): AssertOutcome => ({ ok: false, userId, error: 'his token is being checked' }),
  )
  ctx.reply(replyTo, [...outcome.value, ...failed])
}

/** What living nodes hold. Of its own node's claims a shard makes nothing: most users have no others. */
function elsewhere({ lease, holder }: State, snapshot: Snapshot): Snapshot {
  if (snapshot.claims.every((claim) => claim.holder === holder)) return { ...snapshot, claims: [] }
  return lease.members.filter(snapshot)
}
