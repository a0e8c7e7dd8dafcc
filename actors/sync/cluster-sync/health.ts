/**
 * Whether the store serves: is the connection up, does the store answer (a circuit breaker), does it take writes.
 *
 * A probe goes out each second. After a probe that failed, or was not answered in time, every call of the store fails
 * at once: callers need not wait for a dead store, and it is not flooded. A probe that succeeds ends that.
 *
 * A store that answers may refuse writes (a replica, a full disk, a missing right). The renewal of the lease is a
 * write: when none has succeeded for half a lease, the store counts as not serving. It may still answer reads, so calls
 * go on. Thread: sync.
 */
import type { Outcome } from '../../../src/runtime/index.js'
import { probeChannelAnew } from './channel.js'
import { countDiscardsAnew } from './discards.js'
import { renewLease } from './lease.js'
import { tellOthersStoreBack } from './losses.js'
import type { Ctx, State, Trouble } from './state.js'

const PROBE_MS = 1_000
/** Long enough that a busy sync thread is not taken for a store that hangs. */
const PROBE_DEADLINE_MS = 2_000
/** No renewal within lease / 2 = writes fail. Renewals come each third of a lease, so one may fail. */
const WRITES_PER_LEASE = 2

/** Why the store does not serve. Where several apply, `/readyz` shows the first of this list. */
const TROUBLES: readonly Trouble[] = ['silence', 'connection', 'lease', 'opening', 'writes']

function startProbes(ctx: Ctx, state: State): void {
  stopProbes(ctx, state)
  ctx.every('probe', PROBE_MS, { kind: 'probeDue' })
}

/** The store is being closed or opened anew: its silence says nothing about the next connection. */
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
  // Pending calls are still pending. Lost records are reported by the connection.
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
  const { access, lease } = state
  const { health, isOpen } = access
  if (!isOpen) return
  if (!up) return setTrouble(ctx, state, 'connection', reason)
  startProbes(ctx, state)
  const wasUp = health.isUp
  // A server that refused a write is connected to anew, and may refuse the next one too: one must work first.
  if (!wasUp && lease.failure !== undefined) noteTrouble(ctx, state, 'writes', lease.failure)
  if (wasUp) ctx.log.info({ reason }, 'store reachable')
  for (const trouble of ['connection', 'silence', 'lease', 'opening'] as const)
    endTrouble(ctx, state, trouble)
  // Before the shards: logins that they assert again then wait until token-sync has reviewed the loss.
  if (wasUp || !health.isUp) tellOthersStoreBack(ctx, state)
  // Also when it was never out of reach as a whole: a master of a Cluster that was replaced may have lost writes.
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'storeBack' })
  countDiscardsAnew(ctx, state)
  probeChannelAnew(ctx, state)
  // Now, to know at once whether the store takes writes.
  if (lease.failure !== undefined) renewLease(ctx, state)
}

/** Note the trouble, and log it when it is new. */
function setTrouble(ctx: Ctx, state: State, trouble: Trouble, reason: string): void {
  const isNews = state.serving.troubles[trouble] === undefined
  noteTrouble(ctx, state, trouble, reason)
  if (isNews) ctx.log.warn({ trouble, reason }, 'the store does not serve')
}

/** Note a trouble that the caller has logged. */
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
  tellOthersStoreBack(ctx, state)
}

/** `reason`: another process has the name of this node; undefined = none has. */
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
