/**
 * Whether the store serves: what its connection says of itself, a circuit breaker for one that does not answer, and
 * whether it takes writes.
 *
 * A probe goes out each second. While one is not answered in time, or has failed, every call of the store fails
 * at once: callers need not wait for a dead store, and it is not hammered. A probe that succeeds ends that.
 *
 * A store that answers may refuse to be written to (a replica, a full disk, a right that was taken away). The renewal of
 * the lease is the write that must work: while none has for half a lease, the store does not serve, and says why.
 * Questions go on to it, for what it can answer it does. Thread: sync.
 */
import type { Outcome } from '../../../src/runtime/index.js'
import { probeChannelAnew } from './channel.js'
import { countDiscardsAnew } from './discards.js'
import { renewLease } from './lease.js'
import { tellTokensStoreBack } from './losses.js'
import type { Ctx, State } from './state.js'

const PROBE_MS = 1_000
/** A thread that is busy hears an answer late: this is about a store that hangs. */
const PROBE_DEADLINE_MS = 2_000
/** Renewals come each third of a lease: one that fails once is no news yet. */
const WRITES_PER_LEASE = 2

/** What keeps the store from serving; the first that applies is told. */
const TROUBLES = ['silence', 'connection', 'lease', 'opening', 'writes'] as const
export type Trouble = (typeof TROUBLES)[number]
export type Troubles = Partial<Record<Trouble, string>>

/** Whether the store serves; the circuit breaker itself is `StoreAccess.isAway`. */
export interface Serving {
  /** What keeps the store from serving. */
  troubles: Troubles
  /** When the probe that is under way was sent. */
  probedMs: number | undefined
}

export type FromHealth = { kind: 'probeDue' } | { kind: 'probed'; sentMs: number; outcome: Outcome<void> }

function startProbes(ctx: Ctx, state: State): void {
  state.access.isAway = false
  state.serving.probedMs = undefined
  ctx.every('probe', PROBE_MS, { kind: 'probeDue' })
}

/** A store that is not open cannot answer, which says nothing of the one that follows. */
export function stopProbes(ctx: Ctx, state: State): void {
  ctx.cancel('probe')
  state.access.isAway = false
  state.serving.probedMs = undefined
}

export function onProbeDue(ctx: Ctx, state: State): void {
  judgeWrites(ctx, state)
  const { serving, store } = state
  const nowMs = ctx.nowMs()
  if (serving.probedMs === undefined) {
    serving.probedMs = nowMs
    ctx.pipe(store.ping(), (outcome) => ({ kind: 'probed', sentMs: nowMs, outcome }))
  } else if (nowMs - serving.probedMs >= PROBE_DEADLINE_MS) trip(ctx, state, 'the store does not answer')
}

export function onProbed(ctx: Ctx, state: State, sentMs: number, outcome: Outcome<void>): void {
  const { serving, access } = state
  // Sent by an earlier life of the connection.
  if (serving.probedMs !== sentMs) return
  serving.probedMs = undefined
  if (!outcome.ok) return trip(ctx, state, outcome.error.message)
  if (!access.isAway) return
  access.isAway = false
  // What was pending is still pending; whether records were lost is for the connection to say.
  endTrouble(ctx, state, 'silence')
}

function trip(ctx: Ctx, state: State, reason: string): void {
  state.access.isAway = true
  setTrouble(ctx, state, 'silence', reason)
}

/** To be called when a renewal has failed or worked, and each second. */
export function judgeWrites(ctx: Ctx, state: State): void {
  const { lease, settings } = state
  if (lease.failure === undefined) return endTrouble(ctx, state, 'writes')
  if (ctx.nowMs() - lease.renewedMs > settings.nodeLeaseMs / WRITES_PER_LEASE) {
    setTrouble(ctx, state, 'writes', lease.failure)
  }
}

export function onStoreReachable(ctx: Ctx, state: State, up: boolean, reason: string): void {
  const { health, isOpen } = state.access
  if (!isOpen) return
  if (!up) return setTrouble(ctx, state, 'connection', reason)
  startProbes(ctx, state)
  const wasUp = health.isUp
  if (wasUp) ctx.log.info({ reason }, 'store reachable')
  for (const trouble of ['connection', 'silence', 'lease', 'opening'] as const)
    endTrouble(ctx, state, trouble)
  // Before the shards: logins that they assert again then wait until token-sync has reviewed the loss.
  if (wasUp || !health.isUp) tellTokensStoreBack(ctx, state)
  // Also when it was never out of reach as a whole: a master of a Cluster that was replaced may have lost writes.
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'storeBack' })
  countDiscardsAnew(ctx, state)
  probeChannelAnew(ctx, state)
  // Whether it takes writes is to be known at once.
  if (state.lease.failure !== undefined) renewLease(ctx, state)
}

/** The store does not serve this node, whether it answers or not. */
function setTrouble(ctx: Ctx, state: State, trouble: Trouble, reason: string): void {
  const isNews = state.serving.troubles[trouble] === undefined
  noteTrouble(ctx, state, trouble, reason)
  if (isNews) ctx.log.warn({ trouble, reason }, 'the store does not serve')
}

/** The same of what is told in the log already. */
export function noteTrouble(ctx: Ctx, state: State, trouble: Trouble, reason: string): void {
  state.serving.troubles[trouble] = reason
  reassess(ctx, state)
}

function endTrouble(ctx: Ctx, state: State, trouble: Trouble): void {
  if (state.serving.troubles[trouble] === undefined) return
  delete state.serving.troubles[trouble]
  const { health } = state.access
  const wasUp = health.isUp
  reassess(ctx, state)
  if (wasUp || !health.isUp) return
  ctx.log.info({}, 'the store serves')
  tellTokensStoreBack(ctx, state)
}

/** Another process has the name of this node; undefined = none. */
export function setRival(ctx: Ctx, state: State, reason: string | undefined): void {
  const { health } = state.access
  health.nodeId =
    reason === undefined ? undefined : { reason, sinceMs: health.nodeId?.sinceMs ?? ctx.nowMs() }
  reassess(ctx, state)
}

function reassess(ctx: Ctx, { access: { health }, serving: { troubles } }: State): void {
  const reason = TROUBLES.map((trouble) => troubles[trouble]).find((one) => one !== undefined)
  health.store = reason === undefined ? undefined : { reason, sinceMs: health.store?.sinceMs ?? ctx.nowMs() }
  health.isUp = health.store === undefined && health.nodeId === undefined
}
