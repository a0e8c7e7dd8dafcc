/** To the store, by way of sync: what is sent is put together from what each sub-machine knows. Thread: shard. */

import type { Assertion, HeldSeats, UserId } from '../../../src/rules/types.js'
import type { Ctx, State } from './state.js'

export const STORE_DEADLINE_MS = 3_000

export function sendAssertions(ctx: Ctx, state: State, userIds: UserId[], isBackground: boolean): void {
  const { addresses, shard, counts } = state.args
  const batch = userIds.map((userId) => assertionOf(state, userId))
  counts.assertions += batch.length
  const question = { kind: 'assert' as const, shard, batch, isBackground }
  ctx.ask(addresses.presenceSync, question, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'asserted',
    userIds,
    outcome,
  }))
}

/** The user's state as of now. */
function assertionOf({ sessions, flights, watches, loginOrder, seats }: State, userId: UserId): Assertion {
  const { platformIds, version, isWaiting } = sessions.standingOf(userId)
  const isContested = loginOrder.asking(userId)
  const versionSeen = flights.versionSeen(userId, isContested, version, watches.versionOf(userId))
  const assertion: Assertion = { userId, platformIds, versionSeen }
  if (seats.isInUse) assertion.seats = seatsOf(sessions.seatsOf(userId), seats.pendingOf(userId))
  if (!isContested && !isWaiting) return assertion
  sessions.askNumbers(userId)
  assertion.isLogin = true
  return assertion
}

function seatsOf(connected: HeldSeats['taken'], pending: HeldSeats): HeldSeats {
  return { taken: [...connected, ...pending.taken], asked: pending.asked }
}

export function sendInterests(ctx: Ctx, state: State, userIds: UserId[], isBackground: boolean): void {
  const { watches, args } = state
  const watch = userIds.filter((userId) => watches.has(userId))
  const unwatch = userIds.filter((userId) => !watches.has(userId))
  const askedMs = ctx.nowMs()
  const question = { kind: 'setInterest' as const, watch, unwatch, isBackground }
  ctx.ask(args.addresses.presenceSync, question, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'interestSet',
    userIds,
    askedMs,
    outcome,
  }))
}
