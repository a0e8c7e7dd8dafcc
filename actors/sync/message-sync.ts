/**
 * Message-sync: the way of messages between nodes.
 *
 * Thread  sync                        Owns   messages whose receivers are being located, parcels that no node confirmed
 * Hears   MessageSync.Command         Tells  Deliveries.Command
 * Timers  locate, repeat, confirm
 * Fails   restarts; what was on its way is found by the numbers, at the next message or login
 *
 * Receivers are located after the commit, by the record of the store and never from a cache. A login is recorded before
 * it reads how far its conversations go. So a device is either in the record, and is told, or it reads the message.
 */

import type { Addresses } from '../../src/protocol/addresses.js'
import type * as MessageSync from '../../src/protocol/message-sync.js'
import { append } from '../../src/rules/append.js'
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
  waiting: Delivery[]
  isLocating: boolean
  ways: Ways
  /** Parcels of other nodes to be confirmed. */
  unconfirmed: Map<Holder, number[]>
  /** Until then records may be lost: all nodes are told. */
  uncertainUntilMs: number
}

type Private =
  | { kind: 'locateDue' }
  | { kind: 'located'; batch: Delivery[]; outcome: Outcome<Whereabouts[]> }
  | { kind: 'repeatDue' }
  | { kind: 'confirmDue' }

type Ctx = Context<MessageSync.Command | Private>

/** Messages in one question to the store, which takes 1,000 users. */
const BATCH_MAX = 500
/** Beyond, the oldest are not pushed to other nodes; their receivers find them by their numbers. */
const WAITING_MAX = 50_000
const RETRY_MS = 1_000
const REPEAT_LOOK_MS = 500
/** Within the time after which a parcel is told again. */
const CONFIRM_MS = 250
/** By then every node has asserted again what a store that came back has lost. */
const UNCERTAIN_MS = 30_000

export const messageSync = defineActor<MessageSync.Command | Private, State, Args>({
  kind: 'message-sync',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: MessageSync.Command | Private): void {
  switch (message.kind) {
    case 'spread':
      return onSpread(ctx, state, message.deliveries)
    case 'locateDue':
      return locate(ctx, state)
    case 'located':
      return onLocated(ctx, state, message)
    case 'nodeMessage':
      return onNodeMessage(ctx, state, message.note)
    case 'repeatDue':
      return onRepeatDue(ctx, state)
    case 'confirmDue':
      return onConfirmDue(state)
    case 'storeBack':
      state.uncertainUntilMs = ctx.nowMs() + UNCERTAIN_MS
      return
    default:
      assertNever(message)
  }
}

// Out

function onSpread(ctx: Ctx, state: State, deliveries: Delivery[]): void {
  state.waiting.push(...deliveries)
  const excess = state.waiting.length - WAITING_MAX
  if (excess > 0) {
    state.waiting.splice(0, excess)
    state.counts.messagesUnreached += excess
  }
  locate(ctx, state)
}

/** One question at a time: what comes meanwhile shares the next. */
function locate(ctx: Ctx, state: State): void {
  if (state.isLocating || state.waiting.length === 0) return
  state.isLocating = true
  const batch = state.waiting.splice(0, BATCH_MAX)
  const userIds = [...new Set(batch.flatMap((delivery) => delivery.userIds))]
  const call = askStore(state.access, ({ presence }) => presence.read(userIds))
  ctx.pipe(call, (outcome) => ({ kind: 'located', batch, outcome }))
}

function onLocated(ctx: Ctx, state: State, { batch, outcome }: Private & { kind: 'located' }): void {
  state.isLocating = false
  if (!outcome.ok) {
    state.waiting.unshift(...batch)
    return ctx.once('locate', RETRY_MS, { kind: 'locateDue' })
  }
  for (const [to, deliveries] of byNode(ctx, state, batch, outcome.value)) {
    for (const { id, deliveries: part } of state.ways.tell(to, deliveries, ctx.nowMs())) {
      say(state, to, (from) => ({ kind: 'deliver', id, from, deliveries: part }))
    }
  }
  if (state.ways.openCount > 0) ctx.once('repeat', REPEAT_LOOK_MS, { kind: 'repeatDue' })
  locate(ctx, state)
}

/** Other nodes with a device of a receiver; where records may be lost, all of them. */
function byNode(
  ctx: Ctx,
  { access, uncertainUntilMs }: State,
  batch: readonly Delivery[],
  found: readonly Whereabouts[],
): Map<Holder, Delivery[]> {
  const { members, holder } = access
  const isUncertain = ctx.nowMs() < uncertainUntilMs
  const nodesOf = new Map<UserId, Set<Holder>>(
    found.map((one) => [one.userId, new Set(members.filter(one).claims.map((claim) => claim.holder))]),
  )
  const nodes = new Map<Holder, Delivery[]>()
  for (const delivery of batch) {
    const told = new Set<Holder>()
    for (const userId of delivery.userIds) {
      const own = isUncertain ? undefined : nodesOf.get(userId)
      for (const to of own ?? members.living) told.add(to)
    }
    for (const to of told) if (to !== holder) append(nodes, to, delivery)
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
      if (state.unconfirmed.size === 0) ctx.once('confirm', CONFIRM_MS, { kind: 'confirmDue' })
      return append(state.unconfirmed, from, id)
    }
    case 'delivered':
      return state.ways.confirmed(note.ids)
    default:
      assertNever(note)
  }
}

function tellThread(ctx: Ctx, deliveries: Addresses['deliveries'][number], batch: Delivery[]): boolean {
  return ctx.tryTell(deliveries, { kind: 'deliver', deliveries: batch })
}

function onConfirmDue(state: State): void {
  for (const [to, ids] of state.unconfirmed) say(state, to, (from) => ({ kind: 'delivered', from, ids }))
  state.unconfirmed.clear()
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
    unconfirmed: new Map(),
    uncertainUntilMs: ctx.restarts > 0 ? ctx.nowMs() + UNCERTAIN_MS : 0,
  }
}
