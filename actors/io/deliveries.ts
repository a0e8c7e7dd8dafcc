/**
 * Deliveries: brings messages to the sockets of this thread.
 *
 * Thread  io                          Owns   pushes to senders that wait for their turn
 * Hears   Deliveries.Command          Tells  Connection.Command (same thread)
 * Timers  own
 * Fails   restarts; the connections of the thread are closed, because some may lack a message
 *
 * A sender gets their own message too, after the answer and not in the same burst: a client that hears both at once takes
 * its own message for another's.
 */
import type { Hub } from '../../src/doors/websocket/hub.js'
import { PushFrame } from '../../src/openim/push-frame.js'
import type * as Deliveries from '../../src/protocol/deliveries.js'
import type { ConnectionReport } from '../../src/protocol/presence-shard.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import { assertNever, type Context, defineActor } from '../../src/runtime/index.js'

export interface DeliveryCounts {
  /** Messages given to sockets. */
  pushes: number
}

export interface Args {
  hub: Hub
  counts: DeliveryCounts
}

interface State extends Args {
  /** In order; later pushes to the same connections wait behind them. */
  own: { to: ConnectionReport; frame: PushFrame }[]
  /** Connections with a push in `own`. */
  waiting: Set<ConnectionReport>
}

type Private = { kind: 'ownDue' }
type Ctx = Context<Deliveries.Command | Private>

/** The shortest that is not now: a timer of a millisecond, and so another turn of the event loop. */
const OWN_MS = 1

export const deliveries = defineActor<Deliveries.Command | Private, State, Args>({
  kind: 'deliveries',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: Deliveries.Command | Private): void {
  switch (message.kind) {
    case 'deliver':
      for (const delivery of message.deliveries) deliver(ctx, state, delivery)
      return
    case 'ownDue':
      return onOwnDue(ctx, state)
    default:
      assertNever(message)
  }
}

// Handlers

function deliver(ctx: Ctx, state: State, delivery: Delivery): void {
  let frame: PushFrame | undefined
  for (const userId of delivery.userIds) {
    for (const to of state.hub.connectionsOf(userId)) {
      frame ??= new PushFrame(delivery)
      if (userId === delivery.senderId || state.waiting.has(to)) postpone(ctx, state, to, frame)
      else push(ctx, state, to, frame)
    }
  }
}

function postpone(ctx: Ctx, state: State, to: ConnectionReport, frame: PushFrame): void {
  if (state.own.length === 0) ctx.once('own', OWN_MS, { kind: 'ownDue' })
  state.own.push({ to, frame })
  state.waiting.add(to)
}

function onOwnDue(ctx: Ctx, state: State): void {
  const { own } = state
  state.own = []
  state.waiting.clear()
  for (const { to, frame } of own) push(ctx, state, to, frame)
}

/** A connection that has no room for a push is closed: it would lack a message, and not know. */
function push(ctx: Ctx, { counts }: State, { connection }: ConnectionReport, frame: PushFrame): void {
  counts.pushes++
  if (!ctx.tryTell(connection, { kind: 'push', frame })) ctx.signal(connection, { kind: 'dismiss' })
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  if (ctx.restarts > 0) {
    for (const { connection } of args.hub.connections.values()) ctx.signal(connection, { kind: 'dismiss' })
  }
  return { ...args, own: [], waiting: new Set() }
}
