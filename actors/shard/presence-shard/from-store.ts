/** What comes back from the store, and which sub-machines it concerns. Thread: shard. */

import type { Snapshot, UserId } from '../../../src/rules/types.js'
import { carryOut } from './carry-out.js'
import type { Ctx, Of, State } from './state.js'

export function onAsserted(ctx: Ctx, state: State, { userIds, outcome }: Of<'asserted'>): void {
  const { sessions, flights, watches, loginOrder, args, out } = state
  const nowMs = ctx.nowMs()
  const failed = new Set<UserId>(outcome.ok ? [] : userIds)
  const changed: Snapshot[] = []
  for (const result of outcome.ok ? outcome.value : []) {
    if (!result.ok) failed.add(result.userId)
    else {
      watches.heard(result.userId, result.version)
      if (result.changed !== undefined) changed.push(result.changed)
      onRecorded(state, result.userId, result.version, result.changed)
    }
  }
  for (const userId of failed) {
    loginOrder.unrecorded(userId)
    sessions.unrecorded(userId, out)
  }
  // What changed by that, changed during the flight: it is added before the flight lands, and sent in the next one.
  carryOut(ctx, state)
  const settled = flights.asserted(userIds, failed, outcome.ok, nowMs)
  for (const userId of settled) {
    if (!sessions.forgetIfGone(userId)) continue
    flights.departed(userId, nowMs)
    loginOrder.forget(userId)
  }
  watches.learn(changed, nowMs, out)
  sessions.settled(settled, out)
  args.counts.assertionErrors += failed.size
  flights.next(outcome.ok, nowMs, out)
}

const NOBODY: readonly never[] = []

/** `snapshot`: who else holds the user, if that was asked or is new. */
function onRecorded(
  { sessions, flights, loginOrder, args, out }: State,
  userId: UserId,
  version: number,
  snapshot: Snapshot | undefined,
): void {
  const newcomers = sessions.recorded(userId, version, out)
  const wasOffRecord = flights.wasOffRecord(userId)
  if (snapshot === undefined) return
  const lacksMessages = wasOffRecord && newcomers.length === 0 && args.addresses.storage !== undefined
  if (lacksMessages) sessions.sendBack(userId, out)
  const logins = snapshot.claims.length > 0 ? sessions.logins(userId) : NOBODY
  loginOrder.recorded(snapshot, version, logins, newcomers, out)
}

export function onInterestsSet(ctx: Ctx, state: State, message: Of<'interestSet'>): void {
  const { userIds, askedMs, outcome } = message
  const { flights, watches, out } = state
  const nowMs = ctx.nowMs()
  const snapshots = outcome.ok ? outcome.value : []
  const read = new Set(snapshots.map(({ userId }) => userId))
  const failed = new Set(
    outcome.ok ? userIds.filter((userId) => watches.has(userId) && !read.has(userId)) : userIds,
  )
  const watched = [...read].filter((userId) => watches.has(userId))
  flights.interestsSet(userIds, failed, watched, outcome.ok, nowMs)
  watches.read(snapshots, askedMs, nowMs, out)
  watches.tellPartially(failed, out)
  flights.next(outcome.ok, nowMs, out)
}

export function onSeatAnswered(ctx: Ctx, { seats, out }: State, { seat, outcome }: Of<'seatAnswered'>): void {
  if (outcome.ok) return seats.answered(seat, outcome.value, ctx.nowMs(), out)
  const caller = seats.failed(seat, out)
  if (caller !== undefined) ctx.fail(caller, outcome.error)
}

export function onHeldBefore(_ctx: Ctx, { rebuild, out }: State, { outcome }: Of<'heldBefore'>): void {
  if (outcome.ok) rebuild.heldBefore(outcome.value, out)
}
