/**
 * Presence-sync: the way of presence between this node's shards, the store and other nodes.
 *
 * Thread  sync                        Owns   the ledger of what each shard asserted, questions and calls on their way
 * Hears   PresenceSync.Command        Tells  PresenceShard.Command, ClusterSync.Command
 * Timers  missed
 * Fails   restarts with an empty ledger; cluster-sync takes a new epoch, the shards assert and watch everything again
 *
 * It keeps no presence. The ledger only says which users this node has in the store, so that a shard that starts
 * empty can withdraw those who left while it was gone.
 *
 * Notes between nodes about users pass through here both ways, not through cluster-sync: so a note keeps its place
 * among the assertions of its sender, and among the changes that its receiver hears, because all wait in one mailbox.
 */
import type * as PresenceSync from '../../src/protocol/presence-sync.js'
import { Ledger } from '../../src/rules/presence/ledger.js'
import { assertNever, defineActor } from '../../src/runtime/index.js'
import { onAssert, onAsserted } from './presence-sync/assertions.js'
import { Background } from './presence-sync/background.js'
import { onChanges, onMissedDue, onOpenimNotice } from './presence-sync/changes.js'
import { onHeld } from './presence-sync/held.js'
import { onInterestSet, onSetInterest } from './presence-sync/interests.js'
import { onEvict, onEvicted, onHolding, onNodeMessage, onRemind } from './presence-sync/notes.js'
import { onFound, onRead, onReadDue } from './presence-sync/reads.js'
import { onTakeSeat } from './presence-sync/seats.js'
import type { Args, Ctx, Private, State } from './presence-sync/state.js'

export const presenceSync = defineActor<PresenceSync.Command | Private, State, Args>({
  kind: 'presence-sync',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: PresenceSync.Command | Private): void {
  switch (message.kind) {
    case 'assert':
      return onAssert(ctx, state, message)
    case 'asserted':
      return onAsserted(ctx, state, message)
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
      return onTakeSeat(ctx, state, message)
    case 'evict':
      return onEvict(ctx, state, message)
    case 'evicted':
      return onEvicted(state, message)
    case 'remind':
      return onRemind(state, message)
    case 'holding':
      return onHolding(state, message)
    case 'nodeMessage':
      return onNodeMessage(ctx, state, message.note)
    case 'changes':
      return onChanges(ctx, state, message)
    case 'openimNotice':
      return onOpenimNotice(ctx, state, message)
    case 'missedDue':
      return onMissedDue(ctx, state)
    default:
      assertNever(message)
  }
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  const { access, addresses, gauges } = args
  const state: State = {
    ...args,
    ledger: addresses.shards.map(() => new Ledger()),
    background: new Background(),
    calls: { pending: new Map(), failsToldMs: Number.NEGATIVE_INFINITY },
    missed: new Set(),
    readings: [],
  }
  gauges.held = () => state.ledger.reduce((sum, users) => sum + users.size, 0)
  // Users that were asserted before the restart are in the store, but not in the new ledger.
  if (access.isOpen) ctx.signal(addresses.clusterSync, { kind: 'ledgerLost' })
  return state
}
