/**
 * Sync: the only actor that talks to the store.
 *
 * Thread  sync                        Owns   the PresenceStore, the ledger of what each shard asserted, the token desk
 * Hears   Sync.Command                Tells  PresenceShard.Command
 * Timers  open, lease, death, probe, discards, missed, writeKicks, checkUnchecked
 * Fails   restarts with a new connection; the shards assert everything again
 *
 * A new life, or a lost lease, means a new epoch of this node.
 *
 * It keeps no presence. The ledger only says which users this node has in the store, so that a shard that starts
 * empty can withdraw those who left while it was gone.
 */

import type * as Sync from '../../src/protocol/sync.js'
import { NodeName } from '../../src/rules/cluster/node-name.js'
import type { Note } from '../../src/rules/logins/eviction.js'
import type { Holder, Snapshot } from '../../src/rules/types.js'
import { assertNever, defineActor, type Outcome, type ReplyTo } from '../../src/runtime/index.js'
import type { Incarnation, Lease, PresenceStore, StoreEvents } from '../../src/store/ports/presence-store.js'
import { onAssert, onAsserted } from './assertions.js'
import { Background } from './background.js'
import { newChannel, onChannelProbed, probeChannel } from './channel.js'
import { countDiscards, onDiscardsCounted } from './discards.js'
import { judgeWrites, noteTrouble, onProbeDue, onProbed, onStoreReachable, setRival } from './health.js'
import {
  filterAll,
  newLease,
  onDeathDue,
  onDied,
  onLeaseRenewed,
  onSwept,
  renewLease,
  renewSoon,
  startLease,
} from './lease.js'
import { missSoon, onMissedDue } from './missed.js'
import { onFound, onRead, onReadDue } from './reads.js'
import { type Args, askStore, type Ctx, type Private, type State } from './state.js'
import {
  checkSome,
  distrustAll,
  newTokenDesk,
  onCheckToken,
  onKickTokens,
  onTokenFound,
  onTokensKicked,
  onUncheckedFound,
  onVouchForToken,
  onWithdraw,
  onWriteKicksDue,
} from './tokens.js'

export { newHealth, type StoreHealth } from './health.js'
export { newSyncCounts } from './state.js'

const REOPEN_MS = 1_000
/** Longer than any single step of it may take. */
const OPEN_MS_MAX = 15_000

export const sync = defineActor<Sync.Command | Private, State, Args>({ kind: 'sync', start, receive, onStop })

// Routing

function receive(ctx: Ctx, state: State, message: Sync.Command | Private): void {
  switch (message.kind) {
    case 'assert':
      return onAssert(ctx, state, message)
    case 'setInterest':
      return onSetInterest(ctx, state, message)
    case 'interestSet':
      return onInterestSet(ctx, state, message.replyTo, message.outcome)
    case 'read':
      return onRead(ctx, state, message)
    case 'readDue':
      return onReadDue(ctx, state)
    case 'found':
      return onFound(ctx, state, message.readings, message.outcome)
    case 'held':
      return onHeld(ctx, state, message)
    case 'takeSeat':
      return answerWith(
        ctx,
        askStore(state, (store) => store.takeSeat(message.request, message.onlyLiving)),
      )
    case 'evict':
      return onEvict(ctx, state, message)
    case 'evicted':
      return onEvicted(state, message)
    case 'remind':
      return send(state, message.to, (from) => ({ kind: 'remind', from, userIds: message.userIds }))
    case 'holding':
      return send(state, message.to, (from) => ({ kind: 'holding', from, users: message.users }))
    case 'checkToken':
      return onCheckToken(ctx, state, message)
    case 'kickTokens':
      return onKickTokens(ctx, state, message)
    case 'vouchForToken':
      return onVouchForToken(ctx, state, message)
    case 'callStore':
      return answerWith(ctx, callStore(state, message))
    case 'asserted':
      return onAsserted(ctx, state, message)
    case 'tokenFound':
      return onTokenFound(ctx, state, message.digest, message.outcome)
    case 'tokensKicked':
      return onTokensKicked(ctx, state, message)
    case 'writeKicksDue':
      return onWriteKicksDue(ctx, state)
    case 'checkUncheckedDue':
      return checkSome(ctx, state)
    case 'uncheckedFound':
      return onUncheckedFound(ctx, state, message.digest, message.outcome)
    case 'answered':
      return answer(ctx, message.replyTo, message.outcome)
    case 'storeChanged':
      return onStoreChanged(ctx, state, message.snapshots, message.by)
    case 'storeMissed':
      return onStoreMissed(ctx, state, message.reason)
    case 'missedDue':
      return onMissedDue(ctx, state)
    case 'storeNoted':
      return onNoted(ctx, state, message.note)
    case 'storeNoticed':
      return ctx.tell(state.addresses.shardFor(message.userId), {
        kind: 'noticed',
        userId: message.userId,
        platformIds: message.platformIds,
      })
    case 'storeReachable':
      return onStoreReachable(ctx, state, message.up, message.reason)
    case 'open':
      return open(ctx, state)
    case 'opened':
      return onOpened(ctx, state, message.attempt, message.outcome)
    case 'openLate':
      return onOpenLate(ctx, state)
    case 'renewLease':
      return renewLease(ctx, state)
    case 'leaseRenewed':
      return onRenewed(ctx, state, message.sentMs, message.outcome)
    case 'deathDue':
      return onDeathDue(ctx, state)
    case 'probeDue':
      return onProbeDue(ctx, state)
    case 'probed':
      return onProbed(ctx, state, message.sentMs, message.outcome)
    case 'probeChannel':
      return probeChannel(ctx, state)
    case 'channelProbed':
      return onChannelProbed(ctx, state, message.outcome)
    case 'countDiscards':
      return countDiscards(ctx, state)
    case 'discardsCounted':
      return onDiscardsCounted(ctx, state, message.outcome)
    case 'swept':
      return onSwept(ctx, state, message.dead, message.outcome)
    default:
      assertNever(message)
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const state: State = {
    ...args,
    store: args.createStore(),
    isOpen: false,
    holder: undefined,
    ledger: args.addresses.shards.map(() => new Map()),
    background: new Background(),
    openings: 0,
    troubles: { opening: 'not reached yet' },
    breaker: { isOpen: false, probedMs: undefined },
    channel: newChannel(),
    discards: undefined,
    calls: new Map(),
    failsToldMs: Number.NEGATIVE_INFINITY,
    desk: newTokenDesk(),
    lease: newLease(),
    name: new NodeName(args.nodeLeaseMs),
    missed: new Set(),
    readings: [],
  }
  state.health.held = () => state.ledger.reduce((sum, users) => sum + users.size, 0)
  open(ctx, state)
  return state
}

function open(ctx: Ctx, state: State): void {
  const events: StoreEvents = {
    changed: (snapshots, by) => {
      const isTold = ctx.tryTell(ctx.self, { kind: 'storeChanged', snapshots, by })
      if (!isTold) missSoon(ctx, state, state.addresses.shards)
    },
    missed: (reason) => ctx.signal(ctx.self, { kind: 'storeMissed', reason }),
    noted: (note) => ctx.signal(ctx.self, { kind: 'storeNoted', note }),
    noticed: (userId, platformIds) => ctx.tell(ctx.self, { kind: 'storeNoticed', userId, platformIds }),
    reachable: (up, reason) => ctx.signal(ctx.self, { kind: 'storeReachable', up, reason }),
  }
  const attempt = ++state.openings
  ctx.once('openLate', OPEN_MS_MAX, { kind: 'openLate' })
  ctx.pipe(state.store.open(events), (outcome) => ({ kind: 'opened', attempt, outcome }))
}

/** An attempt that neither works nor fails is given up: whatever it waits for may never come. */
function onOpenLate(ctx: Ctx, state: State): void {
  const seconds = OPEN_MS_MAX / 1_000
  failToOpen(ctx, state, `waited ${seconds} s in vain for ${state.store.openingStep}`)
}

function onOpened(ctx: Ctx, state: State, attempt: number, outcome: Outcome<Incarnation>): void {
  // Given up meanwhile.
  if (attempt !== state.openings) return
  ctx.cancel('openLate')
  if (outcome.ok) {
    const { holder } = outcome.value
    state.holder = holder
    ctx.log.info({ holder }, 'store open')
    return startLease(ctx, state, outcome.value)
  }
  if (outcome.error.retry === 'later') return failToOpen(ctx, state, outcome.error.message)
  state.troubles.opening = outcome.error.message
  state.health.unsuitable = outcome.error
  state.onUnsuitable(outcome.error)
}

function failToOpen(ctx: Ctx, state: State, reason: string): void {
  state.openings++
  state.isOpen = false
  noteTrouble(ctx, state, 'opening', reason)
  ctx.log.warn({ reason, againMs: REOPEN_MS }, 'store not reachable yet')
  void state.store.close(false)
  state.store = state.createStore()
  ctx.once('open', REOPEN_MS, { kind: 'open' })
}

function onStop(ctx: Ctx, state: State): void {
  noteTrouble(ctx, state, 'opening', 'sync restarts')
  void state.store.close(false)
}

function onRenewed(ctx: Ctx, state: State, sentMs: number, outcome: Outcome<Lease>): void {
  const { lease } = state
  // Given up meanwhile, or sent for an earlier epoch.
  if (lease.sentMs !== sentMs) return
  lease.sentMs = undefined
  if (!outcome.ok) return onLeaseNotRenewed(ctx, state, outcome.error.message)
  lease.failure = undefined
  if (!onLeaseRenewed(ctx, state, sentMs, outcome.value)) return onLeaseLost(ctx, state, outcome.value)
  if (lease.isNew) {
    lease.isNew = false
    state.isOpen = true
    if (state.health.nodeId !== undefined) ctx.log.info({}, 'this node has its name again')
    setRival(ctx, state, undefined)
    for (const listener of state.addresses.listeners)
      ctx.tell(listener, { kind: 'standAside', isAside: false })
    onStoreReachable(ctx, state, true, 'open')
  }
  judgeWrites(ctx, state)
}

function onLeaseNotRenewed(ctx: Ctx, state: State, reason: string): void {
  const { lease } = state
  ctx.log.warn({ reason }, 'lease not renewed')
  lease.failure = reason
  renewSoon(ctx, state)
  if (lease.isNew) noteTrouble(ctx, state, 'opening', reason)
  else judgeWrites(ctx, state)
}

/** Whoever lost its lease may already be taken for dead: only a new epoch is believed again. */
function onLeaseLost(ctx: Ctx, state: State, { rival }: Lease): void {
  const { lease, name } = state
  const nowMs = ctx.nowMs()
  const wasAside = name.isAside
  if (name.mayTake(rival, nowMs - Math.max(lease.takenMs, lease.renewedMs), nowMs)) {
    const reason =
      rival === undefined
        ? 'this node hung, or the store lost the lease'
        : `another process, ${rival.holder}, has its NODE_ID`
    ctx.log.warn({ reason }, 'the lease was lost; taking a new epoch')
    noteTrouble(ctx, state, 'lease', 'the lease was lost')
    return open(ctx, state)
  }
  // Nobody stands aside for nobody.
  const { holder } = rival!
  const nodeId = holder.slice(0, holder.lastIndexOf('#'))
  if (!wasAside) ctx.log.error({ nodeId, rival: holder }, 'another process has the NODE_ID: standing aside')
  setRival(
    ctx,
    state,
    `another process has the NODE_ID ${nodeId} (as ${holder}); this one sends its clients away, and takes the name ` +
      'again when the other is gone. Set a NODE_ID of its own for each, or end one of the two',
  )
  for (const listener of state.addresses.listeners) ctx.tell(listener, { kind: 'standAside', isAside: true })
}

// Handlers: questions of shards, io and api threads

function onSetInterest(ctx: Ctx, state: State, question: Sync.SetInterest): void {
  const replyTo = ctx.replyTo as ReplyTo<Snapshot[]>
  const call = () => askStore(state, (store) => setInterest(store, question))
  ctx.pipe(question.isBackground ? state.background.run(call) : call(), (outcome) => ({
    kind: 'interestSet',
    replyTo,
    outcome,
  }))
}

function onInterestSet(
  ctx: Ctx,
  state: State,
  replyTo: ReplyTo<Snapshot[]>,
  outcome: Outcome<Snapshot[]>,
): void {
  // Now, and not when the store answered: a death of which the shards know already must not be undone.
  if (outcome.ok) ctx.reply(replyTo, filterAll(ctx, state, outcome.value))
  else ctx.fail(replyTo, outcome.error)
}

async function setInterest(store: PresenceStore, { watch, unwatch }: Sync.SetInterest): Promise<Snapshot[]> {
  const [snapshots] = await Promise.all([
    watch.length > 0 ? store.watch(watch) : [],
    unwatch.length > 0 ? store.unwatch(unwatch) : undefined,
  ])
  return snapshots
}

function callStore(state: State, { method, args }: Sync.CallStore): Promise<unknown> {
  return askStore(state, (store) => (store[method] as (...args: unknown[]) => Promise<unknown>)(...args))
}

function onEvict(ctx: Ctx, state: State, { to, id, eviction }: Sync.Evict): void {
  const { userId } = eviction
  if (state.lease.members.isGone(to)) {
    ctx.tell(state.addresses.shardFor(userId), { kind: 'evicted', id, userId, gone: 0, left: [] })
  } else send(state, to, (from) => ({ kind: 'evict', id, from, eviction }))
}

/** Say something to another node in this one's name. */
function send({ store, holder }: State, to: Holder, noteOf: (from: Holder) => Note): void {
  if (holder !== undefined) store.send(to, noteOf(holder))
}

function onEvicted({ store }: State, { to, id, userId, gone, left }: Sync.Evicted): void {
  store.send(to, { kind: 'evicted', id, userId, gone, left })
}

function onHeld(ctx: Ctx, state: State, { shard }: Sync.Held): void {
  const held = [...state.ledger[shard]!].map(([userId, platformIds]) => ({ userId, platformIds }))
  ctx.reply(ctx.replyTo as ReplyTo<unknown>, held)
}

function answerWith(ctx: Ctx, promise: Promise<unknown>): void {
  const replyTo = ctx.replyTo as ReplyTo<unknown>
  ctx.pipe(promise, (outcome) => ({ kind: 'answered', replyTo, outcome }))
}

function answer(ctx: Ctx, replyTo: ReplyTo<unknown>, outcome: Outcome<unknown>): void {
  if (outcome.ok) ctx.reply(replyTo, outcome.value)
  else ctx.fail(replyTo, outcome.error)
}

// Handlers: news from the store

function onStoreChanged(ctx: Ctx, state: State, snapshots: Snapshot[], by: Holder): void {
  const living = filterAll(ctx, state, snapshots)
  for (const [shard, list] of state.addresses.byShard(living, ({ userId }) => userId)) {
    if (!ctx.tryTell(shard, { kind: 'changes', snapshots: list, by })) missSoon(ctx, state, [shard])
  }
}

function onNoted(ctx: Ctx, state: State, note: Note): void {
  switch (note.kind) {
    case 'evict':
      return ctx.tell(state.addresses.shardFor(note.eviction.userId), note)
    case 'evicted':
      return ctx.tell(state.addresses.shardFor(note.userId), note)
    case 'remind':
      for (const [shard, userIds] of state.addresses.byShard(note.userIds, (userId) => userId)) {
        ctx.tell(shard, { kind: 'remind', from: note.from, userIds })
      }
      return
    case 'died':
      return onDied(ctx, state, note.dead)
    case 'holding':
      for (const [shard, users] of state.addresses.byShard(note.users, ({ userId }) => userId)) {
        ctx.tell(shard, { kind: 'holding', from: note.from, users })
      }
      return
    case 'withdraw':
      return onWithdraw(ctx, state, note.userId, note.platformId, note.tokens, note.by)
    default:
      assertNever(note)
  }
}

function onStoreMissed(ctx: Ctx, state: State, reason: string): void {
  distrustAll(ctx, state)
  state.counts.gaps++
  ctx.log.warn({ reason }, 'changes may have been lost; reading again what is watched')
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'changesMissed' })
}
