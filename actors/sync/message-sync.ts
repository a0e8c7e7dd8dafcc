/**
 * Message-sync: the way of messages between nodes.
 *
 * Thread  sync                        Owns   messages whose receivers are being located, parcels that no node confirmed
 * Hears   MessageSync.Command         Tells  Deliveries.Command, MessageWriter.Command
 * Timers  locate, again, repeat, confirm
 * Fails   restarts; the outbox still has each message that no node confirmed, and it is sent again after 15 s
 *
 * Receivers are located after the commit, by the record of the store and never from a cache. A login is recorded before
 * the device reads how far its conversations go. So a device that is not in the record yet will read the message itself.
 */

import type { Addresses } from '../../src/protocol/addresses.js'
import type * as MessageSync from '../../src/protocol/message-sync.js'
import { append } from '../../src/rules/append.js'
import { nodeOfHolder } from '../../src/rules/cluster/holder.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import { Ways } from '../../src/rules/messages/ways.js'
import type { Holder, UserId, Whereabouts } from '../../src/rules/types.js'
import { assertNever, type Context, defineActor, type Outcome } from '../../src/runtime/index.js'
import type { MessageCounts } from './counts.js'
import { askStore, type StoreAccess } from './store-access.js'

export interface Args {
  addresses: Addresses
  access: StoreAccess
  counts: MessageCounts
}

interface State extends Args {
  /** Not located yet, oldest first. */
  waiting: MessageSync.Spread[]
  isLocating: boolean
  ways: Ways
  /** Told while the store was uncertain, and to be told again. */
  doubtful: Delivery[]
  /** Parcels of other nodes to be confirmed. */
  unconfirmed: Map<Holder, number[]>
  /** Orders of this node that are done. */
  done: string[]
  isConfirming: boolean
  /** Until then the store may lack records of logins, so each message goes to all nodes. */
  uncertainUntilMs: number
}

type Private =
  | { kind: 'locateDue' }
  | { kind: 'located'; batch: MessageSync.Spread[]; outcome: Outcome<Located> }
  | { kind: 'againDue' }
  | { kind: 'repeatDue' }
  | { kind: 'confirmDue' }

interface Located {
  found: Whereabouts[]
  /** All nodes, where there are messages to groups. */
  living: Holder[]
}

type Ctx = Context<MessageSync.Command | Private>

/** Messages in one question to the store: those of a few orders, of 100 messages at most, for two users each. */
const BATCH_MAX = 300
/** Orders that wait for the store. */
const WAITING_MAX = 1_000
const RETRY_MS = 1_000
const REPEAT_LOOK_MS = 500
/** Shorter than the time after which the sender repeats a parcel. */
const CONFIRM_MS = 250
/** By then every node has asserted again what a store that came back has lost. */
const UNCERTAIN_MS = 30_000
/** By then every node whose lease has ended meanwhile has registered again. */
const AGAIN_MS = 10_000
/** So many messages are told again. Where there are more, the oldest are left out. */
const DOUBTFUL_MAX = 10_000

export const messageSync = defineActor<MessageSync.Command | Private, State, Args>({
  kind: 'message-sync',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: MessageSync.Command | Private): void {
  switch (message.kind) {
    case 'spread':
      return onSpread(ctx, state, message)
    case 'locateDue':
      return locate(ctx, state)
    case 'located':
      return onLocated(ctx, state, message)
    case 'nodeMessage':
      return onNodeMessage(ctx, state, message.note)
    case 'repeatDue':
      return onRepeatDue(ctx, state)
    case 'confirmDue':
      return onConfirmDue(ctx, state)
    case 'againDue':
      return onAgainDue(ctx, state)
    case 'storeBack':
      return doubt(ctx, state)
    default:
      assertNever(message)
  }
}

/** The store may lack what it knew. */
function doubt(ctx: Ctx, state: State): void {
  state.uncertainUntilMs = ctx.nowMs() + UNCERTAIN_MS
}

// Out

function onSpread(ctx: Ctx, state: State, spread: MessageSync.Spread): void {
  state.waiting.push(spread)
  // Its order stays in the outbox, and is carried out later.
  if (state.waiting.length > WAITING_MAX) state.waiting.shift()
  locate(ctx, state)
}

/** One question at a time: what comes meanwhile shares the next. */
function locate(ctx: Ctx, state: State): void {
  if (state.isLocating || state.waiting.length === 0) return
  state.isLocating = true
  const batch = takeBatch(state)
  const userIds = [
    ...new Set(batch.flatMap(({ deliveries }) => deliveries).flatMap((delivery) => delivery.userIds)),
  ]
  const isForGroups = batch.some(({ deliveries }) =>
    deliveries.some(({ audience }) => audience !== undefined),
  )
  const call = askStore(state.access, async ({ presence, registry }) => ({
    found: userIds.length === 0 ? [] : await presence.read(userIds),
    // Asked, not remembered: a node that has just come may have members already.
    living: isForGroups ? await registry.living() : [],
  }))
  ctx.pipe(call, (outcome) => ({ kind: 'located', batch, outcome }))
}

function takeBatch({ waiting }: State): MessageSync.Spread[] {
  let messages = 0
  let count = 0
  while (count < waiting.length && messages < BATCH_MAX) messages += waiting[count++]!.deliveries.length
  return waiting.splice(0, count)
}

function onLocated(ctx: Ctx, state: State, { batch, outcome }: Private & { kind: 'located' }): void {
  state.isLocating = false
  if (!outcome.ok) {
    // It may answer again before anybody has noticed that it was away.
    doubt(ctx, state)
    state.waiting.unshift(...batch)
    return ctx.once('locate', RETRY_MS, { kind: 'locateDue' })
  }
  const orders = batch.map(({ orderId }) => orderId)
  const all = batch.flatMap(({ deliveries }) => deliveries)
  if (ctx.nowMs() < state.uncertainUntilMs) tellAgainLater(ctx, state, all)
  for (const [to, deliveries] of byNode(ctx, state, all, outcome.value)) {
    tell(ctx, state, to, deliveries, orders)
  }
  finish(
    ctx,
    state,
    orders.filter((order) => !state.ways.isOpen(order)),
  )
  locate(ctx, state)
}

/** While the store was away, leases of nodes may have ended. Such a node was not told; it is told when it is back. */
function tellAgainLater(ctx: Ctx, state: State, deliveries: readonly Delivery[]): void {
  if (state.doubtful.length === 0) ctx.once('again', AGAIN_MS, { kind: 'againDue' })
  state.doubtful.push(...deliveries)
  if (state.doubtful.length > DOUBTFUL_MAX) state.doubtful.splice(0, state.doubtful.length - DOUBTFUL_MAX)
}

function onAgainDue(ctx: Ctx, state: State): void {
  const { members, holder } = state.access
  const deliveries = state.doubtful.splice(0)
  for (const to of members.living) {
    if (holder === undefined || nodeOfHolder(to) !== nodeOfHolder(holder))
      tell(ctx, state, to, deliveries, [])
  }
}

/** In parcels, which are repeated until they are confirmed. */
function tell(
  ctx: Ctx,
  state: State,
  to: Holder,
  deliveries: readonly Delivery[],
  orders: readonly string[],
): void {
  for (const { id, deliveries: part } of state.ways.tell(to, deliveries, orders, ctx.nowMs())) {
    say(state, to, (from) => ({ kind: 'deliver', id, from, deliveries: part }))
  }
  if (state.ways.openCount > 0) ctx.once('repeat', REPEAT_LOOK_MS, { kind: 'repeatDue' })
}

function finish(ctx: Ctx, state: State, orders: readonly string[]): void {
  if (orders.length === 0) return
  state.done.push(...orders)
  confirmSoon(ctx, state)
}

/** Other nodes with a device of a receiver; where records may be lost, all of them. */
function byNode(
  ctx: Ctx,
  { access, uncertainUntilMs }: State,
  batch: readonly Delivery[],
  { found, living }: Located,
): Map<Holder, Delivery[]> {
  const { members, holder } = access
  const isUncertain = ctx.nowMs() < uncertainUntilMs
  // Its sockets hear of it from the writer, after the answer; an earlier incarnation has the same ones.
  const isHere = (to: Holder) => holder !== undefined && nodeOfHolder(to) === nodeOfHolder(holder)
  const nodesOf = new Map<UserId, Set<Holder>>(
    found.map((one) => [one.userId, new Set(members.filter(one).claims.map((claim) => claim.holder))]),
  )
  const nodes = new Map<Holder, Delivery[]>()
  for (const delivery of batch) {
    // Members may be anywhere.
    const isForAll = isUncertain || delivery.audience !== undefined
    const told = new Set<Holder>(isForAll ? [...members.living, ...living] : [])
    // A user who could not be read may be anywhere. A node that has just come is in the record, and not yet in the registry.
    for (const userId of delivery.userIds)
      for (const to of nodesOf.get(userId) ?? members.living) told.add(to)
    for (const to of told) if (!isHere(to)) append(nodes, to, delivery)
  }
  return nodes
}

function onRepeatDue(ctx: Ctx, state: State): void {
  const { ways, access, counts } = state
  const { again, unreached } = ways.due(ctx.nowMs(), (holder) => access.members.isGone(holder))
  counts.messagesUnreached += unreached
  for (const { id, to, deliveries } of again) {
    counts.messagesRetold += deliveries.length
    say(state, to, (from) => ({ kind: 'deliver', id, from, deliveries }))
  }
  if (ways.openCount > 0) ctx.once('repeat', REPEAT_LOOK_MS, { kind: 'repeatDue' })
}

// In

function onNodeMessage(ctx: Ctx, state: State, note: MessageSync.MessageNote): void {
  switch (note.kind) {
    case 'deliver': {
      const { from, id, deliveries } = note
      const isTold = state.addresses.deliveries.map((to) => tellThread(ctx, to, deliveries)).every(Boolean)
      // Not confirmed, it comes again.
      if (!isTold) return
      append(state.unconfirmed, from, id)
      return confirmSoon(ctx, state)
    }
    case 'delivered':
      return finish(ctx, state, state.ways.confirmed(note.ids))
    default:
      assertNever(note)
  }
}

function tellThread(ctx: Ctx, deliveries: Addresses['deliveries'][number], batch: Delivery[]): boolean {
  return ctx.tryTell(deliveries, { kind: 'deliver', deliveries: batch })
}

/** Confirms together: to other nodes the parcels that came from them, to the writer the orders that are done. */
function confirmSoon(ctx: Ctx, state: State): void {
  if (state.isConfirming) return
  state.isConfirming = true
  ctx.once('confirm', CONFIRM_MS, { kind: 'confirmDue' })
}

function onConfirmDue(ctx: Ctx, state: State): void {
  const { unconfirmed, done, addresses } = state
  state.isConfirming = false
  for (const [to, ids] of unconfirmed) say(state, to, (from) => ({ kind: 'delivered', from, ids }))
  unconfirmed.clear()
  if (done.length > 0) ctx.tell(addresses.storage!.writer, { kind: 'spreadDone', orderIds: done })
  state.done = []
}

/** Say something to another node in this one's name. */
function say({ access }: State, to: Holder, noteOf: (from: Holder) => MessageSync.MessageNote): void {
  const { store, holder } = access
  if (holder !== undefined) store?.bus.send(to, noteOf(holder))
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  return {
    ...args,
    waiting: [],
    isLocating: false,
    ways: new Ways(),
    doubtful: [],
    unconfirmed: new Map(),
    done: [],
    isConfirming: false,
    uncertainUntilMs: ctx.restarts > 0 ? ctx.nowMs() + UNCERTAIN_MS : 0,
  }
}
