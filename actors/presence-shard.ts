/**
 * Presence shard: the single writer of what this node knows of a slice of users.
 *
 * Thread  shard                       Owns   Roster, WatchIndex, two AdaptiveBatches, two RenewalWheels
 * Hears   PresenceShard.Command       Tells  Sync.Command, FanOut.Command, Listener.Command
 * Timers  merge, grace, retry, renew, rewatch, rebuild
 * Fails   restarts empty: io threads announce their connections and watches, sync says what was asserted before
 *
 * The way of a change: socket or other node → roster or watch index → watchers here (at once) and, for what
 * changed here, a batch of assertions → sync → store.
 */
import { AdaptiveBatch } from '../src/presence/adaptive-batch.js'
import { RenewalWheel } from '../src/presence/renewal-wheel.js'
import { Roster } from '../src/presence/roster.js'
import type { Assertion, PlatformId, Snapshot, UserId } from '../src/presence/types.js'
import { sameList, WatchIndex } from '../src/presence/watch-index.js'
import type { Addresses } from '../src/protocol/addresses.js'
import type { Status } from '../src/protocol/fan-out.js'
import type * as PresenceShard from '../src/protocol/presence-shard.js'
import {
  assertNever,
  type Context,
  defineActor,
  type Outcome,
  type ReplyTo,
  refKey,
  type Signal,
  type ThreadSlot,
} from '../src/runtime/index.js'
import type { AssertOutcome } from '../src/store/presence-store.js'

export interface ShardSettings {
  nodeId: string
  batchSize: number
  mergeIntervalMs: number
  presenceTtlS: number
  offlineGraceMs: number
}

/** What a shard counts, for metrics. Each shard thread has one, shared by its shards. */
export interface ShardCounts {
  assertions: number
  assertionErrors: number
  assertFlights: number
  changesHeard: number
  statusesTold: number
}

export interface Args {
  shard: number
  settings: ShardSettings
  addresses: Addresses
  counts: ShardCounts
  /** The thread's list of gauges: how many users the shard holds and watches. */
  gauges: (() => { held: number; watched: number; isRebuilding: boolean })[]
}

// State

interface State extends Args {
  roster: Roster
  watches: WatchIndex
  /** Users whose state here the store must be told. */
  asserts: AdaptiveBatch
  /** Users who came to be watched here, or are no more. */
  interests: AdaptiveBatch
  renewals: RenewalWheel
  rewatches: RenewalWheel
  /** Io threads whose connections are not known yet. Until all are, nothing is asserted: it would be half. */
  unannounced: Set<ThreadSlot>
  /** What former lives asserted; undefined = sync has not said yet. */
  heldBefore: { userId: UserId; platformIds: PlatformId[] }[] | undefined
  isRebuilding: boolean
  isFlushDue: boolean
  /** After a failure: nothing is sent before the retry timer. */
  retryMs: number
  isPaused: boolean
  flushers: ReplyTo<null>[]
}

/** A third: a renewal lost to a fail-over leaves one more attempt with a third of the TTL still in hand. */
const RENEWALS_PER_TTL = 3
const FLIGHTS_MAX = 2
const STORE_DEADLINE_MS = 10_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 2_000
const REBUILD_ASK_MS = 250

// Protocol: what only we send ourselves.

type Private =
  | { kind: 'flushDue' }
  | { kind: 'graceDue' }
  | { kind: 'renewDue' }
  | { kind: 'rewatchDue' }
  | { kind: 'retryDue' }
  | { kind: 'rebuildDue' }
  | { kind: 'heldBefore'; outcome: Outcome<{ userId: UserId; platformIds: PlatformId[] }[]> }
  | { kind: 'asserted'; users: UserId[]; outcome: Outcome<AssertOutcome[]> }
  | { kind: 'interestSet'; users: UserId[]; outcome: Outcome<Snapshot[]> }

type Ctx = Context<PresenceShard.Command | Private>

export const presenceShard = defineActor<PresenceShard.Command | Private, State, Args>({
  kind: 'presence-shard',
  start,
  receive,
  onSignal,
})

// Routing

function receive(ctx: Ctx, state: State, message: PresenceShard.Command | Private): void {
  switch (message.kind) {
    case 'connected':
      return onConnected(ctx, state, message)
    case 'disconnected':
      return onDisconnected(ctx, state, message)
    case 'announced':
      return onAnnounced(ctx, state, message)
    case 'watch':
      return onWatch(ctx, state, message)
    case 'unwatch':
      return onUnwatch(ctx, state, message)
    case 'changes':
      return onChanges(ctx, state, message)
    case 'noticed':
      return onNoticed(ctx, state, message)
    case 'changesMissed':
      return watchAllAgain(ctx, state)
    case 'storeBack':
      return onStoreBack(ctx, state)
    case 'flush':
      return onFlush(ctx, state)
    case 'flushDue':
      state.isFlushDue = false
      return flush(ctx, state)
    case 'graceDue':
      return onGraceDue(ctx, state)
    case 'renewDue':
      return onRenewDue(ctx, state)
    case 'rewatchDue':
      return onRewatchDue(ctx, state)
    case 'retryDue':
      state.isPaused = false
      return flush(ctx, state)
    case 'rebuildDue':
      return askForTheLost(ctx, state)
    case 'heldBefore':
      return onHeldBefore(ctx, state, message.outcome)
    case 'asserted':
      return onAsserted(ctx, state, message.users, message.outcome)
    case 'interestSet':
      return onInterestSet(ctx, state, message.users, message.outcome)
    default:
      assertNever(message)
  }
}

function onSignal(ctx: Ctx, state: State, signal: Signal): void {
  const isSync = signal.thread === state.addresses.sync.thread
  if (signal.kind === 'linked') {
    if (isSync) onStoreBack(ctx, state)
    return
  }
  if (!isSync) onIoThreadLost(ctx, state, signal.thread)
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const { settings } = args
  const limits = {
    batchSize: settings.batchSize,
    mergeIntervalMs: settings.mergeIntervalMs,
    flightsMax: FLIGHTS_MAX,
  }
  const turnMs = (settings.presenceTtlS * 1_000) / RENEWALS_PER_TTL
  const state: State = {
    ...args,
    roster: new Roster(settings.offlineGraceMs),
    watches: new WatchIndex(settings.nodeId),
    asserts: new AdaptiveBatch(limits),
    interests: new AdaptiveBatch(limits),
    renewals: new RenewalWheel(turnMs),
    rewatches: new RenewalWheel(turnMs),
    unannounced: new Set(args.addresses.listeners.map((listener) => listener.thread)),
    heldBefore: undefined,
    isRebuilding: true,
    isFlushDue: false,
    retryMs: RETRY_MIN_MS,
    isPaused: false,
    flushers: [],
  }
  args.gauges[args.shard] = () => ({
    held: state.roster.size,
    watched: state.watches.size,
    isRebuilding: state.isRebuilding,
  })
  ctx.every('renew', state.renewals.tickMs, { kind: 'renewDue' })
  ctx.every('rewatch', state.rewatches.tickMs, { kind: 'rewatchDue' })
  for (const fanOut of args.addresses.fanOuts) ctx.tell(fanOut, { kind: 'watchAgain', shard: args.shard })
  askForTheLost(ctx, state)
  return state
}

/** Ask until everybody has answered: a question to a thread that is being hosted anew is lost. */
function askForTheLost(ctx: Ctx, state: State): void {
  if (!state.isRebuilding) return
  for (const listener of state.addresses.listeners) {
    if (state.unannounced.has(listener.thread)) ctx.tell(listener, { kind: 'announce', shard: state.shard })
  }
  if (state.heldBefore === undefined) {
    ctx.ask(state.addresses.sync, { kind: 'held', shard: state.shard }, REBUILD_ASK_MS, (outcome) => ({
      kind: 'heldBefore',
      outcome,
    }))
  }
  ctx.once('rebuild', REBUILD_ASK_MS, { kind: 'rebuildDue' })
}

function onAnnounced(ctx: Ctx, state: State, announced: PresenceShard.Announced): void {
  state.unannounced.delete(announced.thread)
  for (const report of announced.connections) onConnected(ctx, state, report)
  finishRebuilding(ctx, state)
}

function onHeldBefore(
  ctx: Ctx,
  state: State,
  outcome: Outcome<{ userId: UserId; platformIds: PlatformId[] }[]>,
): void {
  if (!outcome.ok || state.heldBefore !== undefined) return
  state.heldBefore = outcome.value
  finishRebuilding(ctx, state)
}

function finishRebuilding(ctx: Ctx, state: State): void {
  if (!state.isRebuilding || state.unannounced.size > 0 || state.heldBefore === undefined) return
  state.isRebuilding = false
  ctx.cancel('rebuild')
  const nowMs = ctx.nowMs()
  for (const { userId, platformIds } of state.heldBefore) {
    for (const platformId of platformIds) state.roster.hold(userId, platformId, nowMs)
  }
  state.heldBefore = []
  for (const userId of state.roster.userIds) {
    state.renewals.add(userId)
    state.asserts.add(userId, nowMs)
  }
  tellWatchers(ctx, state, [...state.watches.userIds])
  armGrace(ctx, state)
  flushSoon(ctx, state)
}

function onIoThreadLost(ctx: Ctx, state: State, thread: ThreadSlot): void {
  const changed = state.roster.loseThread(thread, ctx.nowMs())
  for (const userId of state.watches.loseThread(thread)) stopWatching(ctx, state, userId)
  platformsChanged(ctx, state, changed)
  armGrace(ctx, state)
  // A new thread in its place has no connections to announce.
  state.unannounced.delete(thread)
  finishRebuilding(ctx, state)
}

function onStoreBack(ctx: Ctx, state: State): void {
  state.isPaused = false
  state.retryMs = RETRY_MIN_MS
  const nowMs = ctx.nowMs()
  for (const userId of state.roster.userIds) state.asserts.add(userId, nowMs)
  watchAllAgain(ctx, state)
}

// Handlers: what happens here

function onConnected(ctx: Ctx, state: State, report: PresenceShard.ConnectionReport): void {
  const { userId, platformId, background, connection } = report
  const key = refKey(connection)
  const changed = state.roster.connect(userId, key, platformId, background, connection.thread)
  state.renewals.add(userId)
  if (changed) platformsChanged(ctx, state, [userId])
}

function onDisconnected(ctx: Ctx, state: State, gone: PresenceShard.Disconnected): void {
  const changed = state.roster.disconnect(gone.userId, refKey(gone.connection), gone.clean, ctx.nowMs())
  if (changed) platformsChanged(ctx, state, [gone.userId])
  else armGrace(ctx, state)
}

function onGraceDue(ctx: Ctx, state: State): void {
  platformsChanged(ctx, state, state.roster.endGrace(ctx.nowMs()))
  armGrace(ctx, state)
}

function onRenewDue(ctx: Ctx, state: State): void {
  for (const userId of state.renewals.due()) state.asserts.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

function platformsChanged(ctx: Ctx, state: State, userIds: UserId[]): void {
  for (const userId of userIds) state.asserts.add(userId, ctx.nowMs())
  tellWatchers(ctx, state, userIds)
  flushSoon(ctx, state)
}

// Handlers: who watches, and what happens elsewhere

function onWatch(ctx: Ctx, state: State, { thread, userIds }: PresenceShard.Watch): void {
  const statuses: Status[] = []
  for (const userId of userIds) {
    const isNew = state.watches.watch(userId, thread)
    const platformIds = state.watches.toldOf(userId)
    if (platformIds !== undefined) statuses.push({ userId, platformIds })
    else if (isNew) state.interests.add(userId, ctx.nowMs())
  }
  if (statuses.length > 0) ctx.tell(state.addresses.fanOutOn(thread), { kind: 'statuses', statuses })
  flushSoon(ctx, state)
}

function onUnwatch(ctx: Ctx, state: State, { thread, userIds }: PresenceShard.Unwatch): void {
  for (const userId of userIds) {
    if (state.watches.unwatch(userId, thread)) stopWatching(ctx, state, userId)
  }
}

function stopWatching(ctx: Ctx, state: State, userId: UserId): void {
  state.rewatches.remove(userId)
  state.interests.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

function onChanges(ctx: Ctx, state: State, { snapshots }: PresenceShard.Changes): void {
  state.counts.changesHeard += snapshots.length
  learn(ctx, state, snapshots)
}

function onNoticed(ctx: Ctx, state: State, { userId, platformIds }: PresenceShard.Noticed): void {
  const here = state.roster.shownPlatforms(userId)
  // The echo: whoever wrote this list overlooked a device that is here.
  if (here.some((platformId) => !platformIds.includes(platformId))) state.asserts.add(userId, ctx.nowMs())
  const inOrder = [...platformIds].sort((a, b) => a - b)
  if (state.watches.has(userId) && !sameList(state.watches.viewOf(userId, here), inOrder)) {
    state.interests.add(userId, ctx.nowMs())
  }
  flushSoon(ctx, state)
}

function onRewatchDue(ctx: Ctx, state: State): void {
  for (const userId of state.rewatches.due()) state.interests.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

function watchAllAgain(ctx: Ctx, state: State): void {
  for (const userId of state.watches.userIds) state.interests.add(userId, ctx.nowMs())
  flushSoon(ctx, state)
}

function learn(ctx: Ctx, state: State, snapshots: Snapshot[]): void {
  tellWatchers(
    ctx,
    state,
    snapshots.filter((snapshot) => state.watches.learn(snapshot)).map(({ userId }) => userId),
  )
}

/** Tell each io thread with watchers what changed for them; one message a thread. */
function tellWatchers(ctx: Ctx, state: State, userIds: UserId[], evenIfUnknown = false): void {
  // Half a roster would show users as offline whose connections are only not announced yet.
  if (state.isRebuilding) return
  const perThread = new Map<ThreadSlot, Status[]>()
  for (const userId of userIds) {
    const news = state.watches.news(userId, state.roster.shownPlatforms(userId), evenIfUnknown)
    if (news === undefined) continue
    const status: Status = { userId, platformIds: news.platformIds }
    for (const thread of news.threads) {
      const statuses = perThread.get(thread)
      if (statuses === undefined) perThread.set(thread, [status])
      else statuses.push(status)
    }
  }
  for (const [thread, statuses] of perThread) {
    state.counts.statusesTold += statuses.length
    ctx.tell(state.addresses.fanOutOn(thread), { kind: 'statuses', statuses })
  }
}

// Handlers: to the store and back

/** After the messages that wait already: what they change goes in the same batch. */
function flushSoon(ctx: Ctx, state: State): void {
  if (state.isFlushDue) return
  state.isFlushDue = true
  ctx.tell(ctx.self, { kind: 'flushDue' })
}

function flush(ctx: Ctx, state: State): void {
  if (state.isRebuilding || state.isPaused) return
  const nowMs = ctx.nowMs()
  for (let users = state.asserts.take(nowMs); users !== undefined; users = state.asserts.take(nowMs)) {
    sendAssertions(ctx, state, users)
  }
  for (let users = state.interests.take(nowMs); users !== undefined; users = state.interests.take(nowMs)) {
    sendInterests(ctx, state, users)
  }
  const dueMs = Math.min(state.asserts.dueMs() ?? Infinity, state.interests.dueMs() ?? Infinity)
  if (dueMs !== Infinity) ctx.once('merge', dueMs - nowMs, { kind: 'flushDue' })
  answerFlushers(ctx, state)
}

function sendAssertions(ctx: Ctx, state: State, users: UserId[]): void {
  const batch = users.map(
    (userId): Assertion => ({
      userId,
      platformIds: state.roster.shownPlatforms(userId),
      versionSeen: Math.max(state.roster.versionOf(userId), state.watches.versionOf(userId)),
    }),
  )
  state.counts.assertions += batch.length
  state.counts.assertFlights++
  ctx.ask(
    state.addresses.sync,
    { kind: 'assert', shard: state.shard, batch },
    STORE_DEADLINE_MS,
    (outcome) => ({ kind: 'asserted', users, outcome }),
  )
}

function onAsserted(ctx: Ctx, state: State, users: UserId[], outcome: Outcome<AssertOutcome[]>): void {
  const failed = new Set<UserId>(outcome.ok ? [] : users)
  const changed: Snapshot[] = []
  for (const result of outcome.ok ? outcome.value : []) {
    if (!result.ok) failed.add(result.userId)
    else {
      state.roster.saw(result.userId, result.version)
      if (result.changed !== undefined) changed.push(result.changed)
    }
  }
  state.asserts.land(users, failed, ctx.nowMs())
  for (const userId of users) {
    if (!state.asserts.has(userId) && state.roster.forgetIfGone(userId)) state.renewals.remove(userId)
  }
  learn(ctx, state, changed)
  state.counts.assertionErrors += failed.size
  afterFlight(ctx, state, failed.size === 0)
}

function sendInterests(ctx: Ctx, state: State, users: UserId[]): void {
  const watch = users.filter((userId) => state.watches.has(userId))
  const unwatch = users.filter((userId) => !state.watches.has(userId))
  ctx.ask(state.addresses.sync, { kind: 'setInterest', watch, unwatch }, STORE_DEADLINE_MS, (outcome) => ({
    kind: 'interestSet',
    users,
    outcome,
  }))
}

function onInterestSet(ctx: Ctx, state: State, users: UserId[], outcome: Outcome<Snapshot[]>): void {
  const snapshots = outcome.ok ? outcome.value : []
  const read = new Set(snapshots.map(({ userId }) => userId))
  const failed = new Set(
    outcome.ok ? users.filter((userId) => state.watches.has(userId) && !read.has(userId)) : users,
  )
  state.interests.land(users, failed, ctx.nowMs())
  for (const userId of read) if (state.watches.has(userId)) state.rewatches.add(userId)
  learn(ctx, state, snapshots)
  // Whoever waits for an answer gets this node's own truth rather than none; the store's follows when it is back.
  tellWatchers(ctx, state, [...failed], true)
  afterFlight(ctx, state, failed.size === 0)
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

function onFlush(ctx: Ctx, state: State): void {
  state.flushers.push(ctx.replyTo as ReplyTo<null>)
  platformsChanged(ctx, state, state.roster.endGrace(Number.POSITIVE_INFINITY))
  flushSoon(ctx, state)
}

function answerFlushers(ctx: Ctx, state: State): void {
  if (state.asserts.size > 0) return
  for (const replyTo of state.flushers) ctx.reply(replyTo, null)
  state.flushers = []
}

// Timers

function armGrace(ctx: Ctx, state: State): void {
  const dueMs = state.roster.graceDueMs()
  if (dueMs !== undefined) ctx.once('grace', dueMs - ctx.nowMs(), { kind: 'graceDue' })
}
