/**
 * Whether the store serves: what its connection says of itself, and a circuit breaker for one that does not answer.
 *
 * A probe goes out each second. While one is not answered in time, or has failed, whatever is asked of the store fails
 * at once: callers need not wait for a dead store, and it is not hammered. A probe that succeeds ends that.
 */
import type { Outcome, ReplyTo } from '../../src/runtime/index.js'
import { countDiscardsAnew } from './discards.js'
import type { Ctx, State } from './state.js'
import { onStoreBackForTokens } from './tokens.js'

const PROBE_MS = 1_000
const FAILS_TOLD_MS = 500
/** No call of a store that is well takes so long. */
const SLOW_MS = 1_000
/** A thread that is busy hears an answer late: this is about a store that hangs. */
const PROBE_DEADLINE_MS = 2_000

/** How things stand with the store; the sync thread's to show. */
export interface StoreHealth {
  isUp: boolean
  /** Why it is not up, and since when by this thread's clock. */
  reason: string
  downSinceMs: number | undefined
  /** It never will be: wrong server or options. */
  unsuitable: Error | undefined
  /** Users whom this node has in the store, or is about to. */
  held: () => number
}

export function newHealth(): StoreHealth {
  return { isUp: false, reason: 'not reached yet', downSinceMs: 0, unsuitable: undefined, held: () => 0 }
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
  setUp(ctx, state, true, 'it answers again')
  onStoreBackForTokens(ctx, state)
}

function trip(ctx: Ctx, state: State, reason: string): void {
  if (state.breaker.isOpen) return
  state.breaker.isOpen = true
  setUp(ctx, state, false, reason)
}

export function onStoreReachable(ctx: Ctx, state: State, up: boolean, reason: string): void {
  if (!state.isOpen) return
  if (up) startProbes(ctx, state)
  setUp(ctx, state, up, reason)
  // Also when it was never out of reach as a whole: a master of a Cluster that was replaced may have lost writes.
  if (!up) return
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'storeBack' })
  onStoreBackForTokens(ctx, state)
  countDiscardsAnew(ctx, state)
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
export function markDown(ctx: Ctx, { health }: State, reason: string): void {
  health.downSinceMs ??= ctx.nowMs()
  health.isUp = false
  health.reason = reason
}

function markUp({ health }: State): void {
  health.downSinceMs = undefined
  health.isUp = true
  health.reason = ''
}

function setUp(ctx: Ctx, state: State, up: boolean, reason: string): void {
  if (up) markUp(state)
  else markDown(ctx, state, reason)
  ctx.log[up ? 'info' : 'warn']({ reason }, up ? 'store reachable' : 'store out of reach')
}
