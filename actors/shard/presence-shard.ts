/**
 * Presence shard: the single writer of what this node knows of a slice of users.
 *
 * Thread  shard                       Owns   Roster, WatchIndex, two AdaptiveBatches, two RenewalWheels
 * Hears   PresenceShard.Command       Tells  PresenceSync.Command, FanOut.Command, Listener.Command, Connection.Command
 * Timers  merge, grace, leaving, retry, confirm, catchUp, renew, rewatch, rebuild, evictAgain, kick, seat, probing
 * Fails   restarts empty: io threads announce their connections and watches, presence-sync says what was asserted before
 *
 * The way of a change: socket or other node → roster or watch index → watchers here (at once) and, for what
 * changed here, a batch of assertions → sync → store.
 */

import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { AdaptiveBatch } from '../../src/rules/presence/adaptive-batch.js'
import { Finds } from '../../src/rules/presence/finds.js'
import { RenewalWheel } from '../../src/rules/presence/renewal-wheel.js'
import { Roster } from '../../src/rules/presence/roster.js'
import { WatchIndex } from '../../src/rules/presence/watch-index.js'
import { assertNever, defineActor, type Signal, type ThreadSlot } from '../../src/runtime/index.js'
import { onAdmit, onSeatAnswered, onSeatDue, onSeated, onUnseated } from './presence-shard/admissions.js'
import { onCatchUpDue } from './presence-shard/catch-up.js'
import { onEvict, onEvictAgainDue, onEvicted } from './presence-shard/evictions.js'
import {
  armGrace,
  onConnected,
  onDisconnected,
  onGraceDue,
  onLeavingDue,
  onRenewDue,
  platformsChanged,
} from './presence-shard/here.js'
import { onKick, onKickDue } from './presence-shard/kicks.js'
import { onLateLogin, onWithdrawn, rememberWithdrawn } from './presence-shard/logins.js'
import { onAnswered, onProbingDue } from './presence-shard/probes.js'
import { askForTheLost, finishRebuilding, onAnnounced, onHeldBefore } from './presence-shard/rebuild.js'
import type { Args, Ctx, Private, State } from './presence-shard/state.js'
import {
  flush,
  onAsserted,
  onConfirmDue,
  onFlush,
  onInterestSet,
  onRemind,
  onStoreBack,
  RETRY_MIN_MS,
} from './presence-shard/store-flights.js'
import {
  onChanges,
  onHolding,
  onNodesLost,
  onNoticed,
  onRewatchDue,
  onUnwatch,
  onWatch,
  stopWatching,
  watchAllAgain,
} from './presence-shard/watching.js'

export { type Args, newShardCounts, type Seating, type ShardCounts } from './presence-shard/state.js'

export const presenceShard = defineActor<PresenceShard.Command | Private, State, Args>({
  kind: 'presence-shard',
  start,
  receive,
  onSignal,
})

// Routing

function receive(ctx: Ctx, state: State, message: PresenceShard.Command | Private): void {
  switch (message.kind) {
    case 'admit':
      return onAdmit(ctx, state, message)
    case 'connected':
      onSeated(ctx, state, message)
      onConnected(ctx, state, message)
      return onLateLogin(ctx, state, message)
    case 'disconnected':
      onDisconnected(ctx, state, message)
      return onAnswered(ctx, state, message, true)
    case 'answered':
      return onAnswered(ctx, state, message, false)
    case 'unseated':
      return onUnseated(ctx, state, message)
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
    case 'evict':
      return onEvict(ctx, state, message)
    case 'evicted':
      return onEvicted(ctx, state, message)
    case 'withdrawn':
      rememberWithdrawn(ctx, state, message)
      return onWithdrawn(ctx, state, message)
    case 'kick':
      return onKick(ctx, state, message)
    case 'remind':
      return onRemind(ctx, state, message)
    case 'holding':
      return onHolding(ctx, state, message)
    case 'changesMissed':
      return watchAllAgain(ctx, state)
    case 'nodesLost':
      return onNodesLost(ctx, state, message)
    case 'storeBack':
      return onStoreBack(ctx, state)
    case 'storeFails':
      state.storeFailedMs = ctx.nowMs()
      return
    case 'flush':
      return onFlush(ctx, state, message)
    case 'flushDue':
      state.isFlushDue = false
      return flush(ctx, state)
    case 'graceDue':
      return onGraceDue(ctx, state)
    case 'leavingDue':
      return onLeavingDue(ctx, state)
    case 'renewDue':
      return onRenewDue(ctx, state)
    case 'rewatchDue':
      return onRewatchDue(ctx, state)
    case 'retryDue':
      state.isPaused = false
      return flush(ctx, state)
    case 'evictAgainDue':
      return onEvictAgainDue(ctx, state)
    case 'kickDue':
      return onKickDue(ctx, state, message.id)
    case 'seatAnswered':
      return onSeatAnswered(ctx, state, message.seat, message.outcome)
    case 'seatDue':
      return onSeatDue(ctx, state, message.seat)
    case 'probingDue':
      return onProbingDue(ctx, state, message.userId, message.id)
    case 'confirmDue':
      return onConfirmDue(ctx, state)
    case 'catchUpDue':
      return onCatchUpDue(ctx, state)
    case 'rebuildDue':
      return askForTheLost(ctx, state)
    case 'heldBefore':
      return onHeldBefore(ctx, state, message.outcome)
    case 'asserted':
      return onAsserted(ctx, state, message.users, message.outcome)
    case 'interestSet':
      return onInterestSet(ctx, state, message)
    default:
      assertNever(message)
  }
}

function onSignal(ctx: Ctx, state: State, signal: Signal): void {
  const isSync = signal.thread === state.addresses.presenceSync.thread
  if (signal.kind === 'linked') {
    if (isSync) onStoreBack(ctx, state)
    return
  }
  if (!isSync) onIoThreadLost(ctx, state, signal.thread)
}

// Lifecycle

/** A third: a renewal lost to a fail-over leaves one more attempt with a third of the TTL still in hand. */
const RENEWALS_PER_TTL = 3
const FLIGHTS_MAX = 2
/** Ids start anywhere, so that what belongs to a former life of this shard is not taken for this one's. */
const FIRST_IDS = 2 ** 40

function start(ctx: Ctx, args: Args): State {
  const { settings } = args
  const limits = {
    batchSize: settings.batchSize,
    mergeIntervalMs: settings.mergeIntervalMs,
    flightsMax: FLIGHTS_MAX,
  }
  const turnMs = (ttlS: number) => (ttlS * 1_000) / RENEWALS_PER_TTL
  const state: State = {
    ...args,
    roster: new Roster(settings.offlineGraceMs),
    watches: new WatchIndex(settings.nodeId),
    asserts: new AdaptiveBatch(limits),
    interests: new AdaptiveBatch(limits),
    untold: new Set(),
    departed: new Map(),
    storeFailedMs: Number.NEGATIVE_INFINITY,
    leaving: new Map(),
    renewals: new RenewalWheel(turnMs(settings.presenceTtlS)),
    rewatches: new RenewalWheel(turnMs(settings.watchTtlS)),
    finds: new Finds(),
    behind: new Set(),
    unannounced: new Set(args.addresses.listeners.map((listener) => listener.thread)),
    heldBefore: undefined,
    isRebuilding: true,
    isFlushDue: false,
    retryMs: RETRY_MIN_MS,
    isPaused: false,
    flushers: [],
    doubted: new Set(),
    contested: new Map(),
    evictions: new Map(),
    orders: new Set(),
    lastId: Math.floor(ctx.random() * FIRST_IDS),
    admissions: new Map(),
    probings: new Map(),
    kicks: new Map(),
    stashed: new Map(),
    withdrawn: new Map(),
  }
  args.gauges[args.shard] = () => ({
    held: state.roster.size,
    watched: state.watches.size,
    waiting: state.asserts.size,
    isRebuilding: state.isRebuilding,
  })
  ctx.every('renew', state.renewals.tickMs, { kind: 'renewDue' })
  ctx.every('rewatch', state.rewatches.tickMs, { kind: 'rewatchDue' })
  for (const fanOut of args.addresses.fanOuts) ctx.signal(fanOut, { kind: 'watchAgain', shard: args.shard })
  askForTheLost(ctx, state)
  return state
}

function onIoThreadLost(ctx: Ctx, state: State, thread: ThreadSlot): void {
  const changed = state.roster.loseThread(thread, ctx.nowMs())
  for (const userId of state.watches.loseThread(thread)) stopWatching(ctx, state, userId)
  platformsChanged(ctx, state, changed)
  armGrace(ctx, state)
  // A new thread in its place has no connections to announce.
  state.unannounced.delete(thread)
  state.behind.delete(thread)
  finishRebuilding(ctx, state)
}
