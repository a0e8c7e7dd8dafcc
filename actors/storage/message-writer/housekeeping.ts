/**
 * Jobs of the writer: old messages are deleted, and conversations cut whose owners let messages vanish. Thread: storage.
 *
 * Looked for every ten minutes. A pass goes through a table in slices of some milliseconds, with pauses between, and gives
 * way to messages and calls that wait; but not for ever, or it would never end where there is always something. A pass
 * that took long comes less often, so that it never takes more than a hundredth of the writer's time.
 */
import type { Outcome } from '../../../src/runtime/index.js'
import { cutDestructs } from '../../../src/services/housekeeping/destruct.js'
import { deleteOldMessages } from '../../../src/services/housekeeping/old-messages.js'
import {
  BEGINNING,
  Budget,
  claimPass,
  holdPass,
  type Slice,
} from '../../../src/services/housekeeping/slice.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { addChore } from './chores.js'
import { tellAll } from './deliveries.js'
import { type Ctx, hasMessages, type Job, ownContext, type Pass, type State } from './state.js'

const FIRST_MS = 60_000
const EVERY_MS = 600_000
/** Less than between two looks, so that the next one finds it due. */
const CLAIM_MS = 540_000
/** A claim is renewed while its pass is under way. */
const RENEW_MS = 60_000
/** Between two slices. */
const PAUSE_MS = 20
/** How long a slice gives way. */
const PATIENCE_MS = 1_000
const SLICE_ROWS = 500
const SLICE_MS = 5
const TIME_PART = 100
const DAY_MS = 86_400_000

const JOBS: readonly Job[] = [
  {
    name: 'retention',
    isOn: ({ retentionDays }) => retentionDays > 0,
    slice: ({ retentionDays }, { cursor, nowMs }, budget) =>
      deleteOldMessages(cursor, nowMs - retentionDays * DAY_MS, budget),
  },
  {
    name: 'destruct',
    isOn: () => true,
    slice: (state, { cursor, nowMs }, budget) => cutDestructs(cursor, ownContext(state, nowMs), budget),
  },
]

export function startHousekeeping(ctx: Ctx): void {
  ctx.once('housekeeping', FIRST_MS, { kind: 'housekeepingDue' })
}

export function onHousekeepingDue(ctx: Ctx, state: State): void {
  ctx.once('housekeeping', EVERY_MS, { kind: 'housekeepingDue' })
  for (const job of JOBS) {
    const isUnderWay = state.passes.some((pass) => pass.job === job)
    if (job.isOn(state) && !isUnderWay) claim(ctx, state, job)
  }
}

function claim(ctx: Ctx, state: State, job: Job): void {
  const nowMs = state.wallMs()
  addChore(
    ctx,
    state,
    () => claimPass(job.name, nowMs, nowMs + CLAIM_MS),
    (outcome) => {
      if (!outcome.ok) return failed(ctx, job, outcome)
      if (!outcome.value) return
      state.passes.push({ job, cursor: BEGINNING, nowMs, claimedMs: nowMs, spentMs: 0, readyMs: ctx.nowMs() })
      ctx.once('slice', PAUSE_MS, { kind: 'sliceDue' })
    },
  )
}

export function onSliceDue(ctx: Ctx, state: State): void {
  const [pass] = state.passes
  if (pass === undefined) return
  const othersWait = hasMessages(state) || state.calls.length > 0
  if (othersWait && ctx.nowMs() - pass.readyMs < PATIENCE_MS) {
    return ctx.once('slice', PAUSE_MS, { kind: 'sliceDue' })
  }
  let sinceMs = 0
  addChore(
    ctx,
    state,
    function* () {
      sinceMs = ctx.nowMs()
      return yield* sliceOf(ctx, state, pass)
    },
    (outcome) => onSlice(ctx, state, pass, outcome, ctx.nowMs() - sinceMs),
  )
}

function* sliceOf(ctx: Ctx, state: State, pass: Pass): Operation<Slice> {
  const sinceMs = ctx.nowMs()
  const slice = yield* pass.job.slice(
    state,
    pass,
    new Budget(SLICE_ROWS, () => ctx.nowMs() - sinceMs >= SLICE_MS),
  )
  const nowMs = state.wallMs()
  if (slice.next === undefined) yield* holdPass(pass.job.name, nowMs + pauseAfter(pass))
  else if (nowMs - pass.claimedMs >= RENEW_MS) yield* holdPass(pass.job.name, nowMs + CLAIM_MS)
  return slice
}

function pauseAfter({ spentMs }: Pass): number {
  return Math.max(CLAIM_MS, spentMs * TIME_PART)
}

function onSlice(ctx: Ctx, state: State, pass: Pass, outcome: Outcome<Slice>, tookMs: number): void {
  if (!outcome.ok) {
    failed(ctx, pass.job, outcome)
    end(ctx, state)
    return
  }
  const { next, messages, conversations, deliveries } = outcome.value
  const { counts } = state
  counts.messagesExpired += messages
  counts.destructs += conversations
  counts.housekept(tookMs / 1_000)
  tellAll(ctx, state, state.newId(), deliveries)
  pass.spentMs += tookMs
  pass.readyMs = ctx.nowMs() + PAUSE_MS
  const nowMs = state.wallMs()
  if (nowMs - pass.claimedMs >= RENEW_MS) pass.claimedMs = nowMs
  if (next === undefined) return end(ctx, state)
  pass.cursor = next
  ctx.once('slice', PAUSE_MS, { kind: 'sliceDue' })
}

function end(ctx: Ctx, state: State): void {
  state.passes.shift()
  if (state.passes.length > 0) ctx.once('slice', PAUSE_MS, { kind: 'sliceDue' })
}

/** The next look begins anew. */
function failed(ctx: Ctx, job: Job, { error }: Outcome<unknown> & { ok: false }): void {
  ctx.log.warn({ job: job.name, reason: error.message }, 'a job of the database has failed')
}
