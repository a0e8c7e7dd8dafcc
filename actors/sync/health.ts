/**
 * Whether the store serves: what its connection says of itself, a circuit breaker for one that does not answer, and
 * whether it takes writes.
 *
 * A probe goes out each second. While one is not answered in time, or has failed, whatever is asked of the store fails
 * at once: callers need not wait for a dead store, and it is not hammered. A probe that succeeds ends that.
 *
 * A store that answers may refuse to be written to (a replica, a full disk, a right that was taken away). The renewal of
 * the lease is the write that must work: while none has for half a lease, the store does not serve, and says why.
 * Questions go on to it, for what it can answer it does.
 */
import type { Amiss, StoreFacts } from '../../src/health/store-parts.js'
import type { Outcome, ReplyTo } from '../../src/runtime/index.js'
import { probeChannelAnew } from './channel.js'
import { countDiscardsAnew } from './discards.js'
import { renewLease } from './lease.js'
import type { Ctx, State } from './state.js'
import { onStoreBackForTokens } from './tokens.js'

const PROBE_MS = 1_000
const FAILS_TOLD_MS = 500
/** No call of a store that is well takes so long. */
const SLOW_MS = 1_000
/** A thread that is busy hears an answer late: this is about a store that hangs. */
const PROBE_DEADLINE_MS = 2_000
/** Renewals come each third of a lease: one that fails once is no news yet. */
const WRITES_PER_LEASE = 2

/** What keeps the store from serving; the first that applies is told. */
const TROUBLES = ['silence', 'connection', 'lease', 'opening', 'writes'] as const
export type Trouble = (typeof TROUBLES)[number]
export type Troubles = Partial<Record<Trouble, string>>

/** How things stand with the store; the sync thread's to show. */
export interface StoreHealth extends StoreFacts {
  /** Nothing is wrong with the store, and this node may write to it. */
  isUp: boolean
  /** It never will be: wrong server or options. */
  unsuitable: Error | undefined
  /** Users whom this node has in the store, or is about to. */
  held: () => number
}

const NOT_REACHED: Amiss = { reason: 'not reached yet', sinceMs: 0 }

export function newHealth(): StoreHealth {
  return {
    isUp: false,
    store: NOT_REACHED,
    channel: undefined,
    nodeId: undefined,
    unsuitable: undefined,
    held: () => 0,
  }
}

export interface Breaker {
  /** Nothing is asked of the store. */
  isOpen: boolean
  /** When the probe that is under way was sent. */
  probedMs: number | undefined
}

export type FromHealth = { kind: 'probeDue' } | { kind: 'probed'; sentMs: number; outcome: Outcome<void> }

export function startProbes(ctx: Ctx, state: State): void {
  state.breaker = { isOpen: false, probedMs: undefined }
  ctx.every('probe', PROBE_MS, { kind: 'probeDue' })
}

export function onProbeDue(ctx: Ctx, state: State): void {
  judgeWrites(ctx, state)
  const { breaker, store } = state
  const nowMs = ctx.nowMs()
  if (breaker.probedMs === undefined) {
    breaker.probedMs = nowMs
    ctx.pipe(store.ping(), (outcome) => ({ kind: 'probed', sentMs: nowMs, outcome }))
  } else if (nowMs - breaker.probedMs >= PROBE_DEADLINE_MS) trip(ctx, state, 'the store does not answer')
}

export function onProbed(ctx: Ctx, state: State, sentMs: number, outcome: Outcome<void>): void {
  const { breaker } = state
  // Sent by an earlier life of the connection.
  if (breaker.probedMs !== sentMs) return
  breaker.probedMs = undefined
  if (!outcome.ok) return trip(ctx, state, outcome.error.message)
  if (!breaker.isOpen) return
  breaker.isOpen = false
  // What was pending is still pending; whether records were lost is for the connection to say.
  endTrouble(ctx, state, 'silence')
}

function trip(ctx: Ctx, state: State, reason: string): void {
  state.breaker.isOpen = true
  setTrouble(ctx, state, 'silence', reason)
}

/** To be asked when a renewal has failed or worked, and each second. */
export function judgeWrites(ctx: Ctx, state: State): void {
  const { lease, nodeLeaseMs } = state
  if (lease.failure === undefined) return endTrouble(ctx, state, 'writes')
  if (ctx.nowMs() - lease.renewedMs > nodeLeaseMs / WRITES_PER_LEASE) {
    setTrouble(ctx, state, 'writes', lease.failure)
  }
}

export function onStoreReachable(ctx: Ctx, state: State, up: boolean, reason: string): void {
  if (!state.isOpen) return
  if (!up) return setTrouble(ctx, state, 'connection', reason)
  startProbes(ctx, state)
  const wasUp = state.health.isUp
  if (wasUp) ctx.log.info({ reason }, 'store reachable')
  for (const trouble of ['connection', 'silence', 'lease', 'opening'] as const)
    endTrouble(ctx, state, trouble)
  // Also when it was never out of reach as a whole: a master of a Cluster that was replaced may have lost writes.
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'storeBack' })
  if (wasUp || !state.health.isUp) onStoreBackForTokens(ctx, state)
  countDiscardsAnew(ctx, state)
  probeChannelAnew(ctx, state)
  // Whether it takes writes is to be known at once.
  if (state.lease.failure !== undefined) renewLease(ctx, state)
}

/** A master of a Cluster that dies does not fail what it was asked: its calls wait for the one that follows it. */
export function noteCall(ctx: Ctx, state: State, call: ReplyTo<unknown>, nowMs: number): void {
  const [oldestMs = nowMs] = state.calls.values()
  if (nowMs - oldestMs > SLOW_MS) onStoreFails(ctx, state)
  state.calls.set(call, nowMs)
}

/** Something that was asked of it has no answer, or none in time. Other nodes may wait for it too. */
export function onStoreFails(ctx: Ctx, state: State): void {
  const nowMs = ctx.nowMs()
  if (nowMs - state.failsToldMs < FAILS_TOLD_MS) return
  state.failsToldMs = nowMs
  for (const shard of state.addresses.shards) ctx.tell(shard, { kind: 'storeFails' })
}

/** The store does not serve this node, whether it answers or not. */
export function setTrouble(ctx: Ctx, state: State, trouble: Trouble, reason: string): void {
  const isNews = state.troubles[trouble] === undefined
  noteTrouble(ctx, state, trouble, reason)
  if (isNews) ctx.log.warn({ trouble, reason }, 'the store does not serve')
}

/** The same of what is told in the log already. */
export function noteTrouble(ctx: Ctx, state: State, trouble: Trouble, reason: string): void {
  state.troubles[trouble] = reason
  reassess(ctx, state)
}

export function endTrouble(ctx: Ctx, state: State, trouble: Trouble): void {
  if (state.troubles[trouble] === undefined) return
  delete state.troubles[trouble]
  const wasUp = state.health.isUp
  reassess(ctx, state)
  if (wasUp || !state.health.isUp) return
  ctx.log.info({}, 'the store serves')
  onStoreBackForTokens(ctx, state)
}

/** Another process has the name of this node; undefined = none. */
export function setRival(ctx: Ctx, state: State, reason: string | undefined): void {
  const { health } = state
  health.nodeId =
    reason === undefined ? undefined : { reason, sinceMs: health.nodeId?.sinceMs ?? ctx.nowMs() }
  reassess(ctx, state)
}

function reassess(ctx: Ctx, { health, troubles }: State): void {
  const reason = TROUBLES.map((trouble) => troubles[trouble]).find((one) => one !== undefined)
  health.store = reason === undefined ? undefined : { reason, sinceMs: health.store?.sinceMs ?? ctx.nowMs() }
  health.isUp = health.store === undefined && health.nodeId === undefined
}
