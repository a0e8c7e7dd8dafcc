/**
 * Sync: the only actor that talks to the store.
 *
 * Thread  sync                        Owns   the PresenceStore, and the ledger of what each shard asserted
 * Hears   Sync.Command                Tells  PresenceShard.Command
 * Timers  open, lease
 * Fails   restarts with a new connection; the shards assert everything again
 *
 * A new life, or a lost lease, means a new epoch of this node.
 *
 * It keeps no presence. The ledger only says which users this node has in the store, so that a shard that starts
 * empty can withdraw those who left while it was gone.
 */
import type { Holder, PlatformId, Snapshot, UserId } from '../src/presence/types.js'
import type { Addresses } from '../src/protocol/addresses.js'
import type * as Sync from '../src/protocol/sync.js'
import { assertNever, type Context, defineActor, type Outcome, type ReplyTo } from '../src/runtime/index.js'
import type { AssertOutcome, PresenceStore, StoreEvents } from '../src/store/presence-store.js'

/** How things stand with the store; the sync thread's to show. */
export interface StoreHealth {
  isUp: boolean
  /** Why it is not up. */
  reason: string
  /** It never will be: wrong server or options. */
  unsuitable: Error | undefined
}

export interface SyncCounts {
  gaps: number
  flushSeconds: (seconds: number) => void
}

export interface Args {
  /** A store that is not open yet. */
  createStore: () => PresenceStore
  addresses: Addresses
  nodeLeaseMs: number
  health: StoreHealth
  counts: SyncCounts
  onUnsuitable: (error: Error) => void
}

// State

interface State extends Args {
  store: PresenceStore
  isOpen: boolean
  /** Per shard: the users that this node has in the store, or is about to, and where. */
  ledger: Map<UserId, PlatformId[]>[]
}

const REOPEN_MS = 1_000
const LEASE_RENEWALS = 3

// Protocol: what only we send ourselves.

type Private =
  | { kind: 'open' }
  | { kind: 'opened'; outcome: Outcome<Holder> }
  | { kind: 'renewLease' }
  | { kind: 'leaseRenewed'; outcome: Outcome<boolean> }
  | { kind: 'answered'; replyTo: ReplyTo<unknown>; outcome: Outcome<unknown> }
  | { kind: 'asserted'; question: Sync.Assert; replyTo: ReplyTo<unknown>; outcome: Outcome<AssertOutcome[]> }
  | { kind: 'storeChanged'; snapshots: Snapshot[] }
  | { kind: 'storeMissed'; reason: string }
  | { kind: 'storeNoticed'; userId: UserId; platformIds: PlatformId[] }
  | { kind: 'storeReachable'; up: boolean; reason: string }

type Ctx = Context<Sync.Command | Private>

export const sync = defineActor<Sync.Command | Private, State, Args>({ kind: 'sync', start, receive, onStop })

// Routing

function receive(ctx: Ctx, state: State, message: Sync.Command | Private): void {
  switch (message.kind) {
    case 'assert':
      return onAssert(ctx, state, message)
    case 'setInterest':
      return answerWith(ctx, setInterest(state, message))
    case 'held':
      return onHeld(ctx, state, message)
    case 'checkToken':
      return answerWith(ctx, state.store.tokenState(message.userId, message.platformId, message.token))
    case 'rememberToken':
      return answerWith(ctx, rememberToken(state, message))
    case 'asserted':
      return onAsserted(ctx, state, message)
    case 'answered':
      return answer(ctx, message.replyTo, message.outcome)
    case 'storeChanged':
      return onStoreChanged(ctx, state, message.snapshots)
    case 'storeMissed':
      return onStoreMissed(ctx, state, message.reason)
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
      return onOpened(ctx, state, message.outcome)
    case 'renewLease':
      return onRenewLease(ctx, state)
    case 'leaseRenewed':
      return onLeaseRenewed(ctx, state, message.outcome)
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
    ledger: args.addresses.shards.map(() => new Map()),
  }
  open(ctx, state)
  return state
}

function open(ctx: Ctx, state: State): void {
  const events: StoreEvents = {
    changed: (snapshots) => ctx.tell(ctx.self, { kind: 'storeChanged', snapshots }),
    missed: (reason) => ctx.tell(ctx.self, { kind: 'storeMissed', reason }),
    noticed: (userId, platformIds) => ctx.tell(ctx.self, { kind: 'storeNoticed', userId, platformIds }),
    reachable: (up, reason) => ctx.tell(ctx.self, { kind: 'storeReachable', up, reason }),
  }
  ctx.pipe(state.store.open(events), (outcome) => ({ kind: 'opened', outcome }))
}

function onOpened(ctx: Ctx, state: State, outcome: Outcome<Holder>): void {
  if (outcome.ok) {
    state.isOpen = true
    ctx.log.info({ holder: outcome.value }, 'store open')
    ctx.every('lease', state.nodeLeaseMs / LEASE_RENEWALS, { kind: 'renewLease' })
    return onStoreReachable(ctx, state, true, 'open')
  }
  state.health.reason = outcome.error.message
  if (outcome.error.code === 'STORE_UNSUITABLE') {
    state.health.unsuitable = outcome.error
    return state.onUnsuitable(outcome.error)
  }
  state.isOpen = false
  ctx.log.warn({ reason: outcome.error.message, againMs: REOPEN_MS }, 'store not reachable yet')
  void state.store.close()
  state.store = state.createStore()
  ctx.once('open', REOPEN_MS, { kind: 'open' })
}

function onStop(_ctx: Ctx, state: State): void {
  state.health.isUp = false
  state.health.reason = 'sync restarts'
  void state.store.close()
}

function onRenewLease(ctx: Ctx, state: State): void {
  ctx.pipe(state.store.renewLease(), (outcome) => ({ kind: 'leaseRenewed', outcome }))
}

function onLeaseRenewed(ctx: Ctx, state: State, outcome: Outcome<boolean>): void {
  if (!outcome.ok) return ctx.log.warn({ reason: outcome.error.message }, 'lease not renewed')
  if (outcome.value) return
  // Whoever lost its lease may already be taken for dead: only a new epoch is believed again.
  ctx.log.warn({}, 'the lease of this node was lost; taking a new epoch')
  state.health.isUp = false
  open(ctx, state)
}

// Handlers: questions of shards, io and api threads

function onAssert(ctx: Ctx, state: State, question: Sync.Assert): void {
  const ledger = state.ledger[question.shard]!
  for (const { userId, platformIds } of question.batch) {
    if (platformIds.length > 0) ledger.set(userId, platformIds)
  }
  const replyTo = ctx.replyTo as ReplyTo<unknown>
  const sentMs = ctx.nowMs()
  ctx.pipe(state.store.assert(question.batch), (outcome) => {
    state.counts.flushSeconds((ctx.nowMs() - sentMs) / 1_000)
    return { kind: 'asserted', question, replyTo, outcome }
  })
}

function onAsserted(ctx: Ctx, state: State, done: Extract<Private, { kind: 'asserted' }>): void {
  const { question, replyTo, outcome } = done
  if (outcome.ok) {
    const ledger = state.ledger[question.shard]!
    outcome.value.forEach((result, at) => {
      // At most one assertion of a user is in flight, so what was just written is what the ledger holds.
      if (result.ok && question.batch[at]!.platformIds.length === 0) ledger.delete(result.userId)
    })
  }
  answer(ctx, replyTo, outcome)
}

async function setInterest(state: State, { watch, unwatch }: Sync.SetInterest): Promise<Snapshot[]> {
  const [snapshots] = await Promise.all([
    watch.length > 0 ? state.store.watch(watch) : [],
    unwatch.length > 0 ? state.store.unwatch(unwatch) : undefined,
  ])
  return snapshots
}

async function rememberToken(state: State, message: Sync.RememberToken): Promise<null> {
  await state.store.rememberToken(message.userId, message.platformId, message.token, message.ttlS)
  return null
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

function onStoreChanged(ctx: Ctx, state: State, snapshots: Snapshot[]): void {
  for (const [shard, list] of state.addresses.byShard(snapshots, ({ userId }) => userId)) {
    ctx.tell(shard, { kind: 'changes', snapshots: list })
  }
}

function onStoreMissed(ctx: Ctx, state: State, reason: string): void {
  state.counts.gaps++
  ctx.log.warn({ reason }, 'changes may have been lost; reading again what is watched')
  for (const shard of state.addresses.shards) ctx.tell(shard, { kind: 'changesMissed' })
}

function onStoreReachable(ctx: Ctx, state: State, up: boolean, reason: string): void {
  if (!state.isOpen) return
  state.health.isUp = up
  state.health.reason = up ? '' : reason
  ctx.log[up ? 'info' : 'warn']({ reason }, up ? 'store reachable' : 'store out of reach')
  // Also when it was never out of reach as a whole: a master of a Cluster that was replaced may have lost writes.
  if (up) for (const shard of state.addresses.shards) ctx.tell(shard, { kind: 'storeBack' })
}
