/**
 * Message-writer: the one actor that changes the database.
 *
 * Thread  storage                     Owns   the connection to the database that writes
 * Hears   MessageWriter.Command       Tells  Deliveries.Command, MessageSync.Command
 * Timers  retell, drop, look, janitor, followUps, housekeeping, slice
 * Fails   restarts; what was not answered is asked again, and found if it was stored
 *
 * One transaction at a time. What arrives while one is under way shares the next: a commit costs the same for one message
 * as for a hundred. A message is answered when it is on disk, and then pushed.
 */

import type * as MessageWriter from '../../src/protocol/message-writer.js'
import { assertNever, defineActor, type Signal } from '../../src/runtime/index.js'
import { beginBatch, onSend } from './message-writer/batches.js'
import { beginCall, onCall } from './message-writer/calls.js'
import { beginChore, onChoreDone } from './message-writer/chores.js'
import { onCommitted, onLookDue } from './message-writer/commits.js'
import { forgetThread, onRetellDue } from './message-writer/deliveries.js'
import { onFollowUpsDue } from './message-writer/follow-ups.js'
import { onHousekeepingDue, onSliceDue, startHousekeeping } from './message-writer/housekeeping.js'
import { onDropDue, onJanitorDue, onSpreadDone } from './message-writer/outbox.js'
import type { Args, Ctx, Private, State } from './message-writer/state.js'

export type { WriterCounts } from './message-writer/state.js'

/** How often it is looked for orders and follow-ups that others, or an earlier life, have left. */
const JANITOR_MS = 5_000

export const messageWriter = defineActor<MessageWriter.Command | Private, State, Args>({
  kind: 'message-writer',
  start,
  receive,
  onSignal,
})

// Routing

function receive(ctx: Ctx, state: State, message: MessageWriter.Command | Private): void {
  switch (message.kind) {
    case 'send':
      return onSend(ctx, state, message)
    case 'call':
      return onCall(ctx, state, message)
    case 'spreadDone':
      return onSpreadDone(ctx, state, message.orderIds)
    case 'turn':
      return onTurn(ctx, state)
    case 'committed':
      return onCommitted(ctx, state, message)
    case 'lookDue':
      return onLookDue(ctx, state, message.commit)
    case 'choreDone':
      return onChoreDone(ctx, state, message.chore, message.outcome)
    case 'retellDue':
      return onRetellDue(ctx, state)
    case 'dropDue':
      return onDropDue(ctx, state)
    case 'janitorDue':
      return onJanitorDue(ctx, state)
    case 'followUpsDue':
      return onFollowUpsDue(ctx, state)
    case 'housekeepingDue':
      return onHousekeepingDue(ctx, state)
    case 'sliceDue':
      return onSliceDue(ctx, state)
    default:
      assertNever(message)
  }
}

function onSignal(_: Ctx, state: State, signal: Signal): void {
  forgetThread(state, signal.thread)
}

// Turns

function onTurn(ctx: Ctx, state: State): void {
  for (let tried = 0; tried < QUEUES.length; tried++) {
    const queue = QUEUES[state.nextQueue]!
    state.nextQueue = (state.nextQueue + 1) % QUEUES.length
    if (queue(ctx, state)) return
  }
  state.isBusy = false
}

/** Each begins a transaction, if anything waits in it. */
const QUEUES = [beginBatch, beginCall, beginChore]

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  // Where no other nodes are, whoever was connected when a message was stored has gone with the process.
  if (args.messageSync !== undefined) ctx.every('janitor', JANITOR_MS, { kind: 'janitorDue' })
  ctx.every('followUps', JANITOR_MS, { kind: 'followUpsDue' })
  startHousekeeping(ctx)
  return {
    ...args,
    waiting: [],
    calls: [],
    halves: [],
    isBusy: false,
    chores: [],
    doneOrders: [],
    nextQueue: 0,
    untold: new Map(),
    followUps: new Set(),
    passes: [],
  }
}
