/** To the store and back: batches of assertions and of interests, at most one in flight for a user. */

import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { Assertion, AssertOutcome, Snapshot, UserId } from '../../../src/rules/types.js'
import type { Outcome, ReplyTo } from '../../../src/runtime/index.js'
import { seatsOf } from './admissions.js'
import { onStoreTold, platformsChanged } from './here.js'
import { onRecorded, onUnrecorded } from './logins.js'
import { type Ctx, flushSoon, type InterestSet, type State } from './state.js'
import { learn, tellPartially, watchAllAgain } from './watching.js'

const STORE_DEADLINE_MS = 3_000
export const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2_000
/** For single users whom the store could not serve: the others are not held up. */
const REST_MS = 1_000
/** Longer than the writes that a fail-over may lose go back: a master that was cut off takes some for its time-out. */
const DEPARTED_KEPT_MS = 60_000

export function flush(ctx: Ctx, state: State): void {
  if (state.isRebuilding || state.isPaused) return
  const nowMs = ctx.nowMs()
  for (let users = state.asserts.take(nowMs); users !== undefined; users = state.asserts.take(nowMs)) {
    sendAssertions(ctx, state, users)
  }
  for (let users = state.interests.take(nowMs); users !== undefined; users = state.interests.take(nowMs)) {
    sendInterests(ctx, state, users)
  }
  const assertedAgain = state.asserts.takeBackground()
  if (assertedAgain !== undefined) sendAssertions(ctx, state, assertedAgain, true)
  const watchedAgain = state.interests.takeBackground()
  if (watchedAgain !== undefined) sendInterests(ctx, state, watchedAgain, true)
  const dueMs = Math.min(state.asserts.dueMs() ?? Infinity, state.interests.dueMs() ?? Infinity)
  if (dueMs !== Infinity) ctx.once('merge', dueMs - nowMs, { kind: 'flushDue' })
  answerFlushers(ctx, state)
}

function sendAssertions(ctx: Ctx, state: State, users: UserId[], isBackground = false): void {
  const batch = users.map((userId) => assertionOf(state, userId))
  state.counts.assertions += batch.length
  ctx.ask(
    state.addresses.presenceSync,
    { kind: 'assert', shard: state.shard, batch, isBackground },
    STORE_DEADLINE_MS,
    (outcome) => ({ kind: 'asserted', users, outcome }),
  )
}

function assertionOf(state: State, userId: UserId): Assertion {
  const { platformIds, version, isWaiting } = state.roster.standingOf(userId)
  const assertion: Assertion = { userId, platformIds, versionSeen: versionSeen(state, userId, version) }
  const seats = seatsOf(state, userId)
  if (seats !== undefined) assertion.seats = seats
  if (state.contested.has(userId)) state.contested.set(userId, 'asked')
  else if (!isWaiting) return assertion
  state.roster.askNumbers(userId)
  assertion.isLogin = true
  return assertion
}

/**
 * Of somebody who has departed nothing is news but a claim that came back: with a version a store that has lost his
 * record would take his absence here for a change, and tell it before others have asserted him again.
 */
function versionSeen({ departed, contested, watches }: State, userId: UserId, recorded: number): number {
  if (departed.has(userId) && !contested.has(userId)) return 0
  return Math.max(recorded, watches.versionOf(userId))
}

export function onAsserted(ctx: Ctx, state: State, users: UserId[], outcome: Outcome<AssertOutcome[]>): void {
  const failed = new Set<UserId>(outcome.ok ? [] : users)
  const changed: Snapshot[] = []
  for (const result of outcome.ok ? outcome.value : []) {
    if (!result.ok) failed.add(result.userId)
    else {
      state.finds.heard(result.userId, result.version)
      if (result.changed !== undefined) changed.push(result.changed)
      onRecorded(ctx, state, result.userId, result.version, result.changed)
    }
  }
  for (const userId of failed) onUnrecorded(ctx, state, userId)
  const settled = state.asserts.land(users, failed, ctx.nowMs(), outcome.ok ? REST_MS : 0)
  for (const userId of settled) {
    if (!state.roster.forgetIfGone(userId)) continue
    state.renewals.remove(userId)
    rememberDeparted(state, userId, ctx.nowMs())
    // Whoever asked will ask again, and be told that nobody is here.
    state.stashed.delete(userId)
  }
  learn(ctx, state, changed, ctx.nowMs())
  onStoreTold(ctx, state, settled)
  state.counts.assertionErrors += failed.size
  afterFlight(ctx, state, outcome.ok)
}

function rememberDeparted({ departed }: State, userId: UserId, nowMs: number): void {
  departed.delete(userId)
  departed.set(userId, nowMs)
  for (const [before, sinceMs] of departed) {
    if (nowMs - sinceMs <= DEPARTED_KEPT_MS) return
    departed.delete(before)
  }
}

function sendInterests(ctx: Ctx, state: State, users: UserId[], isBackground = false): void {
  for (const userId of users) state.untold.delete(userId)
  const watch = users.filter((userId) => state.watches.has(userId))
  const unwatch = users.filter((userId) => !state.watches.has(userId))
  const askedMs = ctx.nowMs()
  const question = { kind: 'setInterest' as const, watch, unwatch, isBackground }
  ctx.ask(state.addresses.presenceSync, question, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'interestSet',
    users,
    askedMs,
    outcome,
  }))
}

export function onInterestSet(ctx: Ctx, state: State, message: InterestSet): void {
  const { users, askedMs, outcome } = message
  const snapshots = outcome.ok ? outcome.value : []
  const read = new Set(snapshots.map(({ userId }) => userId))
  const failed = new Set(
    outcome.ok ? users.filter((userId) => state.watches.has(userId) && !read.has(userId)) : users,
  )
  state.interests.land(users, failed, ctx.nowMs(), outcome.ok ? REST_MS : 0)
  for (const userId of read) if (state.watches.has(userId)) state.rewatches.add(userId)
  const before = snapshots.map(({ userId }) => knownElsewhere(state, userId))
  learn(ctx, state, snapshots, askedMs)
  snapshots.forEach(({ userId, version }, at) => {
    const isFind = before[at] !== undefined && before[at] !== knownElsewhere(state, userId)
    if (isFind) state.finds.read(userId, version, ctx.nowMs())
  })
  tellPartially(ctx, state, [...failed])
  afterFlight(ctx, state, outcome.ok)
}

/** Where others hold the user, as text; undefined = not known yet. */
function knownElsewhere({ watches }: State, userId: UserId): string | undefined {
  return watches.toldOf(userId) && watches.viewOf(userId, []).join()
}

export function onConfirmDue(ctx: Ctx, state: State): void {
  for (const userId of state.doubted) state.interests.addBackground(userId, ctx.nowMs())
  state.doubted.clear()
  flushSoon(ctx, state)
}

export function onRemind(ctx: Ctx, state: State, { from, userIds }: PresenceShard.Remind): void {
  // Who does not know what is here has nothing to say; it will be asked again, or assert it anyway.
  if (state.isRebuilding) return
  const users = userIds.map((userId) => ({ userId, platformIds: state.roster.shownPlatforms(userId) }))
  for (const { userId, platformIds } of users) {
    if (platformIds.length > 0) state.asserts.add(userId, ctx.nowMs())
  }
  ctx.tell(state.addresses.presenceSync, { kind: 'holding', to: from, users })
  flushSoon(ctx, state)
}

function afterFlight(ctx: Ctx, state: State, wentWell: boolean): void {
  if (wentWell) {
    state.retryMs = RETRY_MIN_MS
    return flush(ctx, state)
  }
  if (state.isPaused) return
  state.isPaused = true
  ctx.once('retry', state.retryMs, { kind: 'retryDue' })
  state.retryMs = Math.min(RETRY_MAX_MS, state.retryMs * 2)
}

export function onFlush(ctx: Ctx, state: State, { keepsGrace }: PresenceShard.Flush): void {
  state.flushers.push(ctx.replyTo as ReplyTo<null>)
  if (!keepsGrace) platformsChanged(ctx, state, state.roster.endGrace(Number.POSITIVE_INFINITY))
  flushSoon(ctx, state)
}

function answerFlushers(ctx: Ctx, state: State): void {
  if (state.asserts.size > 0 || state.roster.graceDueMs() !== undefined) return
  for (const replyTo of state.flushers) ctx.reply(replyTo, null)
  state.flushers = []
}

export function onStoreBack(ctx: Ctx, state: State): void {
  state.isPaused = false
  state.retryMs = RETRY_MIN_MS
  const nowMs = ctx.nowMs()
  for (const userId of state.roster.userIds) state.asserts.addBackground(userId, nowMs)
  for (const userId of state.departed.keys()) state.asserts.addBackground(userId, nowMs)
  watchAllAgain(ctx, state)
}
