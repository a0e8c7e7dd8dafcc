/** Who watches whom on this node, and what watchers are told, whether it happened here or elsewhere. */

import type { Status } from '../../../src/protocol/fan-out.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { sameList } from '../../../src/rules/presence/watch-index.js'
import type { Holder, Snapshot, UserId } from '../../../src/rules/types.js'
import type { ThreadSlot } from '../../../src/runtime/index.js'
import { fallBehind } from './catch-up.js'
import { type Ctx, flushSoon, type State } from './state.js'

/** Questions and answers about what is in doubt may be lost. */
const ASK_AGAIN_MS = 2_000

export function onWatch(ctx: Ctx, state: State, { thread, userIds }: PresenceShard.Watch): void {
  const statuses: Status[] = []
  const unanswered: UserId[] = []
  for (const userId of userIds) {
    const isNew = state.watches.watch(userId, thread)
    const platformIds = state.watches.toldOf(userId)
    if (platformIds !== undefined) statuses.push({ userId, platformIds })
    else unanswered.push(userId)
    if (isNew) startWatching(ctx, state, userId)
  }
  const isTold =
    statuses.length === 0 || ctx.tryTell(state.addresses.fanOutOn(thread), { kind: 'statuses', statuses })
  if (!isTold) fallBehind(ctx, state, thread)
  if (state.isPaused) tellPartially(ctx, state, unanswered)
  flushSoon(ctx, state)
}

export function onUnwatch(ctx: Ctx, state: State, { thread, userIds }: PresenceShard.Unwatch): void {
  for (const userId of userIds) {
    if (state.watches.unwatch(userId, thread)) stopWatching(ctx, state, userId)
  }
}

function startWatching(ctx: Ctx, state: State, userId: UserId): void {
  // Else the end of a former watch waits to be told, and the store still knows of that one.
  if (!state.interests.has(userId)) state.untold.add(userId)
  state.interests.add(userId, ctx.nowMs())
}

export function stopWatching(ctx: Ctx, state: State, userId: UserId): void {
  state.rewatches.remove(userId)
  if (state.untold.delete(userId)) return state.interests.remove(userId)
  state.interests.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

export function onChanges(ctx: Ctx, state: State, { snapshots, by }: PresenceShard.Changes): void {
  state.counts.changesHeard += snapshots.length
  for (const { userId, version } of snapshots) state.finds.heard(userId, version)
  learn(ctx, state, snapshots, ctx.nowMs(), by)
}

export function onHolding(ctx: Ctx, state: State, { from, users }: PresenceShard.Holding): void {
  for (const { userId, platformIds } of users) state.watches.settle(userId, from, platformIds)
  tellWatchers(
    ctx,
    state,
    users.map(({ userId }) => userId),
  )
}

export function onNodesLost(ctx: Ctx, state: State, { holders }: PresenceShard.NodesLost): void {
  tellWatchers(ctx, state, state.watches.loseHolders(holders))
}

export function onNoticed(ctx: Ctx, state: State, { userId, platformIds }: PresenceShard.Noticed): void {
  const here = state.roster.shownPlatforms(userId)
  // The echo: whoever wrote this list overlooked a device that is here.
  if (here.some((platformId) => !platformIds.includes(platformId))) state.asserts.add(userId, ctx.nowMs())
  const inOrder = [...platformIds].sort((a, b) => a - b)
  if (state.watches.has(userId) && !sameList(state.watches.viewOf(userId, here), inOrder)) {
    state.interests.add(userId, ctx.nowMs())
  }
  flushSoon(ctx, state)
}

export function onRewatchDue(ctx: Ctx, state: State): void {
  state.counts.antiEntropyFinds += state.finds.takeOverdue(ctx.nowMs())
  for (const userId of state.rewatches.due()) state.interests.addBackground(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

export function watchAllAgain(ctx: Ctx, state: State): void {
  for (const userId of state.watches.userIds) state.interests.addBackground(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

/** `asOfMs`: when the store was asked, or when its news came. `by`: whose change it is. */
export function learn(ctx: Ctx, state: State, snapshots: Snapshot[], asOfMs: number, by?: Holder): void {
  const learnt = snapshots.filter((snapshot) => state.watches.learn(snapshot, asOfMs, by))
  tellWatchers(
    ctx,
    state,
    learnt.map(({ userId }) => userId),
  )
  askDoubtedAgain(
    ctx,
    state,
    snapshots.map(({ userId }) => userId),
  )
}

/** Later, and all of them at once. Whoever held them can end the doubt before. */
function askDoubtedAgain(ctx: Ctx, state: State, userIds: Iterable<UserId>): void {
  const isAsked = state.doubted.size > 0
  const reminders = new Map<Holder, UserId[]>()
  for (const userId of userIds) {
    if (!state.watches.isInDoubt(userId) || state.doubted.has(userId)) continue
    state.doubted.add(userId)
    for (const holder of state.watches.holdersOf(userId)) {
      const list = reminders.get(holder)
      if (list === undefined) reminders.set(holder, [userId])
      else list.push(userId)
    }
  }
  for (const [to, list] of reminders)
    ctx.tell(state.addresses.presenceSync, { kind: 'remind', to, userIds: list })
  if (state.doubted.size > 0 && !isAsked) ctx.once('confirm', ASK_AGAIN_MS, { kind: 'confirmDue' })
}

/** Tell each io thread with watchers what changed for them. */
export function tellWatchers(ctx: Ctx, state: State, userIds: UserId[]): void {
  // Half a roster would show users as offline whose connections are only not announced yet.
  if (state.isRebuilding) return
  const outbox = new Outbox()
  for (const userId of userIds) {
    if (!state.watches.has(userId)) continue
    const news = state.watches.news(userId, state.roster.shownPlatforms(userId))
    if (news !== undefined) outbox.add(news.threads, { userId, platformIds: news.platformIds })
  }
  outbox.send(ctx, state)
}

/** The store is away: what this node knows, now, is better than no answer. */
export function tellPartially(ctx: Ctx, state: State, userIds: UserId[]): void {
  if (state.isRebuilding) return
  const outbox = new Outbox()
  for (const userId of userIds) {
    const platformIds = state.roster.shownPlatforms(userId)
    outbox.add(state.watches.threadsWithoutAnswer(userId), { userId, platformIds, isPartial: true })
  }
  outbox.send(ctx, state)
}

/** Statuses by io thread, so that each gets one message. */
class Outbox {
  readonly #perThread = new Map<ThreadSlot, Status[]>()

  add(threads: Iterable<ThreadSlot>, status: Status): void {
    for (const thread of threads) {
      const statuses = this.#perThread.get(thread)
      if (statuses === undefined) this.#perThread.set(thread, [status])
      else statuses.push(status)
    }
  }

  send(ctx: Ctx, state: State): void {
    for (const [thread, statuses] of this.#perThread) {
      const isTold = ctx.tryTell(state.addresses.fanOutOn(thread), { kind: 'statuses', statuses })
      if (!isTold) fallBehind(ctx, state, thread)
    }
  }
}
