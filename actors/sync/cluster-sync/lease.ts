/**
 * The lease of this node, and which other nodes count. Thread: sync.
 *
 * The registry decides which nodes are dead; a node that hears of a death with a renewal tells the others. A death is
 * noted in `access.members`, by which presence-sync filters every snapshot, in the step in which the shards are told:
 * in whatever order changes and deaths come, none of them shows a dead node's users.
 */
import { StoreUnavailableError } from '../../../src/errors/errors.js'
import { RENEWALS_PER_LEASE } from '../../../src/rules/cluster/lease-times.js'
import { Membership, type Registry } from '../../../src/rules/cluster/membership.js'
import { NodeName } from '../../../src/rules/cluster/node-name.js'
import { Suspicions } from '../../../src/rules/cluster/suspicions.js'
import type { Holder } from '../../../src/rules/types.js'
import type { Outcome } from '../../../src/runtime/index.js'
import type { Incarnation, Lease, LeaseRenewal } from '../../../src/store/ports/node-registry.js'
import { AWAY } from '../store-access.js'
import { tellShards } from './losses.js'
import type { Ctx, LeaseState, State } from './state.js'

/** All users have been asserted under a new epoch after so long. */
const HANDOVER_MS = 60_000
/** A renewal without an answer for so long is given up, and sent again. */
const RENEWAL_DEADLINES_PER_LEASE = 2
/** After one that failed. */
const RENEW_AGAIN_MS = 1_000

export function newLease(nodeLeaseMs: number): LeaseState {
  return {
    name: new NodeName(nodeLeaseMs),
    members: new Membership(),
    isNew: false,
    nextEpoch: 'none',
    sentMs: undefined,
    failure: undefined,
    suspicions: new Suspicions(nodeLeaseMs),
    takenMs: Number.NEGATIVE_INFINITY,
    renewedMs: Number.NEGATIVE_INFINITY,
    previousIncarnations: [],
    keptUntilMs: Number.NEGATIVE_INFINITY,
    sweeping: undefined,
  }
}

/** The store was opened: read the registry before anything else is asked of it. */
export function startLease(ctx: Ctx, state: State, { previousIncarnations }: Incarnation): void {
  const { lease } = state
  lease.isNew = true
  lease.nextEpoch = 'none'
  lease.takenMs = ctx.nowMs()
  lease.sentMs = undefined
  lease.previousIncarnations = previousIncarnations
  lease.keptUntilMs = ctx.nowMs() + HANDOVER_MS
  ctx.every('lease', state.settings.nodeLeaseMs / RENEWALS_PER_LEASE, { kind: 'renewLease' })
  renewLease(ctx, state)
}

export function renewLease(ctx: Ctx, state: State): void {
  const { lease } = state
  const sentMs = ctx.nowMs()
  if (lease.sentMs !== undefined) {
    if (sentMs - lease.sentMs < state.settings.nodeLeaseMs / RENEWAL_DEADLINES_PER_LEASE) return
    lease.failure = 'a renewal of the lease has no answer'
  }
  lease.sentMs = sentMs
  if (sentMs >= lease.keptUntilMs) lease.previousIncarnations = []
  const renewal = {
    known: lease.members.version,
    suspects: lease.suspicions.overdue(sentMs),
    previousIncarnations: lease.previousIncarnations,
    unregistered: lease.members.takeUnregistered(),
    sweeping: lease.sweeping,
  }
  const call = renew(state, renewal)
  ctx.pipe(call, (outcome) => ({ kind: 'leaseRenewed', sentMs, outcome }))
}

/** Also while this node stands aside: a renewal then says whether the other process is gone. */
async function renew({ store, access }: State, renewal: LeaseRenewal): Promise<Lease> {
  if (access.isAway) throw new StoreUnavailableError(AWAY)
  return store.registry.renewLease(renewal)
}

/** One has failed. */
export function renewSoon(ctx: Ctx, state: State): void {
  ctx.once('renewAgain', Math.min(RENEW_AGAIN_MS, state.settings.nodeLeaseMs / RENEWALS_PER_LEASE), {
    kind: 'renewLease',
  })
}

/** True = the lease is held. */
export function onLeaseRenewed(ctx: Ctx, state: State, sentMs: number, { isHeld, ...told }: Lease): boolean {
  const { lease } = state
  if (!isHeld) return false
  lease.renewedMs = sentMs
  lease.suspicions.told(told.suspects, sentMs)
  if (told.registry !== undefined) {
    const isRevived = lease.members.isRevivedBy(told.registry)
    const dead = lease.members.unknownDeaths(told.registry)
    announceDeaths(ctx, state, lease.members.learn(told.registry, ctx.nowMs()))
    // What it holds was taken for void here, and nothing else would bring it back soon.
    if (isRevived) tellShards(ctx, state)
    if (dead.length > 0) tellOthers(state, dead)
  }
  if (told.toSweep !== undefined) startSweep(ctx, state, told.toSweep)
  return true
}

/** They would hear of it with their next renewal. */
function tellOthers({ lease, store, access }: State, dead: Registry['dead']): void {
  for (const other of lease.members.living) {
    if (other !== access.holder) store.bus.send(other, { kind: 'died', dead })
  }
}

export function onDied(ctx: Ctx, state: State, dead: Registry['dead']): void {
  announceDeaths(ctx, state, state.lease.members.applyGossip(dead, ctx.nowMs()))
}

export function onDeathDue(ctx: Ctx, state: State): void {
  announceDeaths(ctx, state, state.lease.members.expire(ctx.nowMs()))
}

function announceDeaths(ctx: Ctx, state: State, holders: Holder[]): void {
  const dueMs = state.lease.members.dueMs()
  if (dueMs !== undefined) ctx.once('death', dueMs - ctx.nowMs(), { kind: 'deathDue' })
  if (holders.length === 0) return
  state.counts.nodesLost += holders.length
  ctx.log.warn({ holders }, 'nodes are dead; their claims are void')
  for (const shard of state.addresses.shards) ctx.signal(shard, { kind: 'nodesLost', holders })
}

function startSweep(ctx: Ctx, state: State, dead: Holder): void {
  state.lease.sweeping = dead
  ctx.log.info({ dead }, 'sweeping the records of a dead node')
  ctx.pipe(state.store.registry.sweep(dead), (outcome) => ({ kind: 'swept', dead, outcome }))
}

export function onSwept(ctx: Ctx, state: State, dead: Holder, outcome: Outcome<number>): void {
  state.lease.sweeping = undefined
  // What is not finished is given to somebody again.
  if (!outcome.ok)
    return ctx.log.warn(
      { dead, reason: outcome.error.message },
      'sweep aborted; another node will be given it',
    )
  state.counts.usersSwept += outcome.value
  ctx.log.info({ dead, users: outcome.value }, 'swept')
}

/** Claims of these holders were read. */
export function onUnregisteredSeen(ctx: Ctx, { lease }: State, holders: Holder[]): void {
  lease.members.observe(holders, ctx.nowMs())
}
