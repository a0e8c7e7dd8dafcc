/** Where users are, read from the store: the questions of one turn of the event loop become one call. Thread: sync. */
import type * as PresenceSync from '../../../src/protocol/presence-sync.js'
import { platformsOf } from '../../../src/rules/presence/watch-index.js'
import type { UserId, UserPlatforms, Whereabouts } from '../../../src/rules/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import { askStore } from '../store-access.js'
import { withoutDead } from './living.js'
import type { Ctx, Reading, State } from './state.js'

/** Users that the store takes in one call. */
const USERS_MAX = 1_000

export function onRead(ctx: Ctx, state: State, question: PresenceSync.Read): void {
  if (state.readings.length === 0) ctx.signal(ctx.self, { kind: 'readDue' })
  state.readings.push({ replyTo: ctx.asker(question), userIds: question.userIds })
}

export function onReadDue(ctx: Ctx, state: State): void {
  const readings = state.readings
  state.readings = []
  const userIds = [...new Set(readings.flatMap((reading) => reading.userIds))]
  const calls: Promise<Whereabouts[]>[] = []
  for (let at = 0; at < userIds.length; at += USERS_MAX) {
    const some = userIds.slice(at, at + USERS_MAX)
    calls.push(askStore(state.access, ({ presence }) => presence.read(some)))
  }
  ctx.pipe(
    Promise.all(calls).then((lists) => lists.flat()),
    (outcome) => ({ kind: 'found', readings, outcome }),
  )
}

export function onFound(ctx: Ctx, state: State, readings: Reading[], outcome: Outcome<Whereabouts[]>): void {
  if (!outcome.ok) {
    for (const { replyTo } of readings) ctx.fail(replyTo, outcome.error)
    return
  }
  const found = new Map<UserId, UserPlatforms>()
  for (const whereabouts of withoutDead(ctx, state, outcome.value)) {
    const { userId } = whereabouts
    found.set(userId, { userId, platformIds: platformsOf(whereabouts) })
  }
  for (const { replyTo, userIds } of readings) {
    ctx.reply(
      replyTo,
      userIds.flatMap((userId) => found.get(userId) ?? []),
    )
  }
}
