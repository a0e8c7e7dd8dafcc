/**
 * Cluster-sync: opens the store and keeps it open, and keeps this node among the others.
 *
 * Thread  sync                        Owns   the store's connection, the node's lease and name, what StoreAccess says
 * Hears   ClusterSync.Command         Tells  PresenceShard.Command, Listener.Command, PresenceSync.Command,
 *                                            TokenSync.Command, MessageSync.Command
 * Timers  open, openLate, lease, renewAgain, death, probe, channel, discards, refused
 * Fails   restarts with a new connection and a new epoch; the shards assert everything again
 *
 * A new life, or a lost lease, means a new epoch of this node.
 */
import type * as ClusterSync from '../../src/protocol/cluster-sync.js'
import { assertNever, defineActor } from '../../src/runtime/index.js'
import { newChannel, onChannelProbed, probeChannel } from './cluster-sync/channel.js'
import { countDiscards, onDiscardsCounted } from './cluster-sync/discards.js'
import { noteTrouble, onProbeDue, onProbed, onStoreReachable } from './cluster-sync/health.js'
import {
  newLease,
  onDeathDue,
  onDied,
  onSwept,
  onUnregisteredSeen,
  renewLease,
} from './cluster-sync/lease.js'
import { onChangesMissed, onRefusedDue } from './cluster-sync/losses.js'
import { newStore, onLedgerLost, onOpened, onOpenLate, onRenewed, open } from './cluster-sync/opening.js'
import type { Args, Ctx, Private, State } from './cluster-sync/state.js'

export const clusterSync = defineActor<ClusterSync.Command | Private, State, Args>({
  kind: 'cluster-sync',
  start,
  receive,
  onStop,
})

// Routing

function receive(ctx: Ctx, state: State, message: ClusterSync.Command | Private): void {
  switch (message.kind) {
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
    case 'ledgerLost':
      return onLedgerLost(ctx, state)
    case 'unregisteredSeen':
      return onUnregisteredSeen(ctx, state, message.holders)
    case 'died':
      return onDied(ctx, state, message.dead)
    case 'deathDue':
      return onDeathDue(ctx, state)
    case 'swept':
      return onSwept(ctx, state, message.dead, message.outcome)
    case 'storeReachable':
      return onStoreReachable(ctx, state, message.up, message.reason)
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
    case 'changesMissed':
      return onChangesMissed(ctx, state, message.reason)
    case 'refusedDue':
      return onRefusedDue(ctx, state)
    default:
      assertNever(message)
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const { access, settings } = args
  const state: State = {
    ...args,
    store: newStore(args),
    attempts: 0,
    serving: { troubles: { opening: 'not reached yet' }, probedMs: undefined },
    channel: newChannel(),
    losses: { discards: undefined, isRefused: false },
    lease: newLease(settings.nodeLeaseMs),
  }
  access.isOpen = false
  access.isAway = false
  access.isAside = false
  access.holder = undefined
  access.members = state.lease.members
  open(ctx, state)
  return state
}

function onStop(ctx: Ctx, state: State): void {
  noteTrouble(ctx, state, 'opening', 'cluster-sync restarts')
  void state.store.close(false)
}
