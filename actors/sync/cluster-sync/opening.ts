/** The store is opened, under a new epoch, and again after a failure or when the lease was lost. Thread: sync. */
import { nodeOfHolder } from '../../../src/rules/cluster/holder.js'
import type { Outcome } from '../../../src/runtime/index.js'
import type { Incarnation, Lease } from '../../../src/store/ports/node-registry.js'
import type { Store } from '../../../src/store/ports/store.js'
import { eventsFor } from './events.js'
import { judgeWrites, noteTrouble, onStoreReachable, setRival, stopProbes } from './health.js'
import { onLeaseRenewed, renewLease, renewSoon, startLease } from './lease.js'
import type { Args, Ctx, State } from './state.js'

const REOPEN_MS = 1_000
/** Longer than any single step of opening may take. */
const OPEN_MS_MAX = 15_000

/** A store that is not open yet, which the others of this thread ask from now on. */
export function newStore({ createStore, access }: Args): Store {
  const store = createStore()
  access.store = store
  return store
}

export function open(ctx: Ctx, state: State): void {
  const attempt = ++state.attempts
  ctx.once('openLate', OPEN_MS_MAX, { kind: 'openLate' })
  ctx.pipe(state.store.open(eventsFor(ctx, state)), (outcome) => ({ kind: 'opened', attempt, outcome }))
}

/** An attempt that neither works nor fails is given up: what it waits for may never come. */
export function onOpenLate(ctx: Ctx, state: State): void {
  const seconds = OPEN_MS_MAX / 1_000
  failToOpen(ctx, state, `waited ${seconds} s in vain for ${state.store.openingStep}`)
}

export function onOpened(ctx: Ctx, state: State, attempt: number, outcome: Outcome<Incarnation>): void {
  // Given up meanwhile.
  if (attempt !== state.attempts) return
  ctx.cancel('openLate')
  if (outcome.ok) {
    const { holder } = outcome.value
    state.access.holder = holder
    ctx.log.info({ holder }, 'store open')
    return startLease(ctx, state, outcome.value)
  }
  if (outcome.error.retry === 'later') return failToOpen(ctx, state, outcome.error.message)
  state.serving.troubles.opening = outcome.error.message
  state.access.health.unsuitable = outcome.error
  state.onUnsuitable(outcome.error)
}

/**
 * Everything is then asserted again; what was not, ends with the old epoch. While the store is away the old one must be
 * kept: it holds everybody, and a lease that nobody renews may end for others before a new epoch can be taken.
 */
export function onLedgerLost(ctx: Ctx, state: State): void {
  // Otherwise an opening is under way, and comes to the same.
  if (!state.access.isOpen) return
  ctx.log.warn({}, 'presence-sync was restarted and lost its ledger; taking a new epoch')
  state.lease.nextEpoch = 'due'
  renewLease(ctx, state)
}

function failToOpen(ctx: Ctx, state: State, reason: string): void {
  state.attempts++
  if (state.lease.nextEpoch === 'under way') {
    state.lease.nextEpoch = 'due'
    ctx.log.warn({ reason }, 'cannot take a new epoch yet; retrying')
    return renewSoon(ctx, state)
  }
  state.access.isOpen = false
  stopProbes(ctx, state)
  noteTrouble(ctx, state, 'opening', reason)
  ctx.log.warn({ reason, againMs: REOPEN_MS }, 'store not reachable yet')
  void state.store.close(false)
  state.store = newStore(state)
  ctx.once('open', REOPEN_MS, { kind: 'open' })
}

export function onRenewed(ctx: Ctx, state: State, sentMs: number, outcome: Outcome<Lease>): void {
  const { lease } = state
  // Given up meanwhile, or sent for an earlier epoch.
  if (lease.sentMs !== sentMs) return
  lease.sentMs = undefined
  if (!outcome.ok) return onLeaseNotRenewed(ctx, state, outcome.error.message)
  lease.failure = undefined
  if (!onLeaseRenewed(ctx, state, sentMs, outcome.value)) return onLeaseLost(ctx, state, outcome.value)
  if (lease.nextEpoch === 'due') {
    lease.nextEpoch = 'under way'
    open(ctx, state)
  }
  if (lease.isNew) {
    lease.isNew = false
    state.access.isOpen = true
    if (state.access.health.nodeId !== undefined) ctx.log.info({}, 'this node has its NODE_ID again')
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

/** Other nodes may take a node that lost its lease for dead: they believe it again only under a new epoch. */
function onLeaseLost(ctx: Ctx, state: State, { rival }: Lease): void {
  const { lease, access } = state
  const { name } = lease
  const nowMs = ctx.nowMs()
  const wasAside = name.isAside
  const mayTake = name.mayTake(rival, nowMs - Math.max(lease.takenMs, lease.renewedMs), nowMs)
  access.isAside = name.isAside
  if (mayTake) {
    const reason =
      rival === undefined
        ? 'this node hung, or the store lost the lease'
        : `another process, ${rival.holder}, has its NODE_ID`
    ctx.log.warn({ reason }, 'the lease was lost; taking a new epoch')
    noteTrouble(ctx, state, 'lease', 'the lease was lost')
    return open(ctx, state)
  }
  // A node stands aside only for a rival.
  const { holder } = rival!
  const nodeId = nodeOfHolder(holder)
  if (!wasAside) ctx.log.error({ nodeId, rival: holder }, 'another process has the NODE_ID: standing aside')
  setRival(
    ctx,
    state,
    `another process has the NODE_ID ${nodeId} (as ${holder}); this one sends its clients away, and takes the name ` +
      'again when the other is gone. Set a NODE_ID of its own for each, or end one of the two',
  )
  for (const listener of state.addresses.listeners) ctx.tell(listener, { kind: 'standAside', isAside: true })
}
