/**
 * Deliveries: brings messages to the sockets of this thread.
 *
 * Thread  io                          Owns   the last number of each conversation, messages that wait for others, the
 *                                            members of groups who are here (in the hub)
 * Hears   Deliveries.Command          Tells  Connection.Command (same thread), MessageReader.Command
 * Timers  own, gap, members (one for each group that has to be asked for again)
 * Fails   restarts; the connections of the thread are closed, because some may lack a message
 *
 * A sender gets their own message too, after the answer and not in the same burst: a client that hears both at once takes
 * its own message for another's.
 */
import type { Hub } from '../../src/doors/websocket/hub.js'
import { PushFrame } from '../../src/openim/push-frame.js'
import type * as Deliveries from '../../src/protocol/deliveries.js'
import type * as MessageReader from '../../src/protocol/message-reader.js'
import type { ConnectionReport } from '../../src/protocol/presence-shard.js'
import type { MembersSince } from '../../src/rules/messages/audiences.js'
import type { ConversationId } from '../../src/rules/messages/conversation-id.js'
import { Cursors, type Passed } from '../../src/rules/messages/cursors.js'
import type { Late } from '../../src/rules/messages/late.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import type { UserId } from '../../src/rules/types.js'
import { assertNever, type Context, defineActor, type Outcome, type Ref } from '../../src/runtime/index.js'

export interface DeliveryCounts {
  /** Messages given to sockets. */
  pushes: number
}

export interface DeliveryGauges {
  /** Conversations whose messages wait for an earlier one. */
  held: () => number
}

export interface Args {
  hub: Hub
  reader: Ref<MessageReader.Command>
  /** The time of day, as messages have it. */
  wallMs(): number
  counts: DeliveryCounts
  gauges: DeliveryGauges
}

interface State extends Args {
  cursors: Cursors
  /** Conversations with a gap, and since when; infinite = it is being read. */
  gaps: Map<ConversationId, number>
  /** A look at the gaps is due. */
  isLooking: boolean
  /** Messages to groups whose members are being read again, by group and in order. */
  unsure: Map<string, Waiting[]>
  /** In order; later pushes to the same connections wait behind them. */
  own: Push[]
  /** Connections with a push in `own`. */
  waiting: Set<ConnectionReport>
}

/** A message whose receivers are not known yet. */
interface Waiting {
  delivery: Delivery
  isLate: boolean
}

interface Push {
  to: ConnectionReport
  frame: PushFrame
  /** Not for those who have read it; undefined = for all. */
  late: Late | undefined
}

type Private =
  | { kind: 'ownDue' }
  | { kind: 'gapDue' }
  | { kind: 'membersDue'; groupId: string }
  | { kind: 'membersRead'; groupId: string; outcome: Outcome<MembersSince> }
  /** `to`: the last number that was asked for. */
  | { kind: 'gapRead'; conversationId: ConversationId; to: number; outcome: Outcome<Delivery[]> }

type Ctx = Context<Deliveries.Command | Private>

/** The shortest that is not now: a timer of a millisecond, and so another turn of the event loop. */
const OWN_MS = 1
/** Messages of two nodes overtake each other by less. */
const GAP_MS = 50
const READ_MS = 5_000
/** A message that is older has been read by who logged in meanwhile. */
const LATE_MS = 5_000
/** A database that is away is asked again. */
const RETRY_MS = 1_000
/** Messages of one group that wait until its members are known. */
const UNSURE_MAX = 1_000

export const deliveries = defineActor<Deliveries.Command | Private, State, Args>({
  kind: 'deliveries',
  start,
  receive,
})

// Routing

function receive(ctx: Ctx, state: State, message: Deliveries.Command | Private): void {
  switch (message.kind) {
    case 'deliver':
      for (const delivery of message.deliveries) onDelivery(ctx, state, delivery)
      return
    case 'ownDue':
      return onOwnDue(ctx, state)
    case 'gapDue':
      return onGapDue(ctx, state)
    case 'gapRead':
      return onGapRead(ctx, state, message)
    case 'membersDue':
      return askMembers(ctx, state, message.groupId)
    case 'membersRead':
      return onMembersRead(ctx, state, message)
    default:
      assertNever(message)
  }
}

// Order

function onDelivery(ctx: Ctx, state: State, delivery: Delivery): void {
  passAll(ctx, state, delivery.conversationId, state.cursors.accept(delivery))
}

function passAll(ctx: Ctx, state: State, conversationId: ConversationId, passed: readonly Passed[]): void {
  for (const { delivery, isLate } of passed) {
    // What another node has left in its outbox comes as if it were new.
    deliver(ctx, state, delivery, isLate || state.wallMs() - delivery.sentMs > LATE_MS)
  }
  if (state.cursors.gapOf(conversationId) === undefined) state.gaps.delete(conversationId)
  else if (!state.gaps.has(conversationId)) {
    state.gaps.set(conversationId, ctx.nowMs())
    lookSoon(ctx, state)
  }
}

function lookSoon(ctx: Ctx, state: State): void {
  if (state.isLooking) return
  state.isLooking = true
  ctx.once('gap', GAP_MS, { kind: 'gapDue' })
}

/** What has not come by now is read. */
function onGapDue(ctx: Ctx, state: State): void {
  const { gaps, cursors, reader } = state
  state.isLooking = false
  for (const [conversationId, sinceMs] of gaps) {
    if (ctx.nowMs() - sinceMs < GAP_MS) continue
    // Its answer, or the end of its question, sets it again.
    gaps.set(conversationId, Number.POSITIVE_INFINITY)
    const { from, to } = cursors.gapOf(conversationId)!
    ctx.ask(reader, { kind: 'readMissed', conversationId, from, to }, READ_MS, (outcome) => ({
      kind: 'gapRead',
      conversationId,
      to,
      outcome,
    }))
  }
  if ([...gaps.values()].some(Number.isFinite)) lookSoon(ctx, state)
}

function onGapRead(
  ctx: Ctx,
  state: State,
  { conversationId, to, outcome }: Private & { kind: 'gapRead' },
): void {
  const { gaps, cursors } = state
  if (!gaps.has(conversationId)) return
  if (outcome.ok) {
    gaps.delete(conversationId)
    return passAll(ctx, state, conversationId, cursors.fill(conversationId, outcome.value, to))
  }
  gaps.set(conversationId, ctx.nowMs() + RETRY_MS)
  lookSoon(ctx, state)
}

// Pushes

function deliver(ctx: Ctx, state: State, delivery: Delivery, isLate: boolean): void {
  const { audience } = delivery
  if (audience === undefined) return pushTo(ctx, state, delivery.userIds, delivery, isLate)
  const behind = state.unsure.get(audience.groupId)
  if (behind !== undefined) return wait(ctx, state, audience.groupId, behind, { delivery, isLate })
  const members = state.hub.audiences.membersFor(audience)
  if (members === undefined) {
    state.unsure.set(audience.groupId, [{ delivery, isLate }])
    return askMembers(ctx, state, audience.groupId)
  }
  pushTo(ctx, state, members, delivery, isLate)
  const others = delivery.userIds.filter((userId) => !members.has(userId))
  pushTo(ctx, state, others, delivery, isLate)
}

function pushTo(
  ctx: Ctx,
  state: State,
  userIds: Iterable<UserId>,
  delivery: Delivery,
  isLate: boolean,
): void {
  let frame: PushFrame | undefined
  for (const userId of userIds) {
    for (const to of state.hub.connectionsOf(userId)) {
      frame ??= new PushFrame(delivery)
      const push = { to, frame, late: isLate ? delivery : undefined }
      if (userId === delivery.senderId || state.waiting.has(to)) postpone(ctx, state, push)
      else give(ctx, state, push)
    }
  }
}

// Groups whose members are read again

/** Where too much waits, the members who are here come again, and read it. */
function wait(ctx: Ctx, { hub }: State, groupId: string, behind: Waiting[], one: Waiting): void {
  behind.push(one)
  if (behind.length <= UNSURE_MAX) return
  behind.length = 0
  for (const userId of hub.audiences.knownMembers(groupId))
    for (const { connection } of hub.connectionsOf(userId)) ctx.signal(connection, { kind: 'dismiss' })
}

function askMembers(ctx: Ctx, { hub, reader }: State, groupId: string): void {
  const since = hub.audiences.sinceOf(groupId)
  ctx.ask(reader, { kind: 'readMembers', groupId, since }, READ_MS, (outcome) => ({
    kind: 'membersRead',
    groupId,
    outcome,
  }))
}

function onMembersRead(
  ctx: Ctx,
  state: State,
  { groupId, outcome }: Private & { kind: 'membersRead' },
): void {
  if (!outcome.ok) return ctx.once(`members ${groupId}`, RETRY_MS, { kind: 'membersDue', groupId })
  state.hub.audiences.learn(groupId, outcome.value)
  const behind = state.unsure.get(groupId) ?? []
  state.unsure.delete(groupId)
  for (const { delivery, isLate } of behind) deliver(ctx, state, delivery, isLate)
}

function postpone(ctx: Ctx, state: State, push: Push): void {
  if (state.own.length === 0) ctx.once('own', OWN_MS, { kind: 'ownDue' })
  state.own.push(push)
  state.waiting.add(push.to)
}

function onOwnDue(ctx: Ctx, state: State): void {
  const { own } = state
  state.own = []
  state.waiting.clear()
  for (const push of own) give(ctx, state, push)
}

/** A connection that has no room for a push is closed: it would lack a message, and not know. */
function give(ctx: Ctx, { counts }: State, { to: { connection }, frame, late }: Push): void {
  counts.pushes++
  if (!ctx.tryTell(connection, { kind: 'push', frame, late })) ctx.signal(connection, { kind: 'dismiss' })
}

// Lifecycle

function start(ctx: Ctx, args: Args): State {
  if (ctx.restarts > 0) {
    for (const { connection } of args.hub.connections.values()) ctx.signal(connection, { kind: 'dismiss' })
  }
  const state: State = {
    ...args,
    cursors: new Cursors(args.wallMs()),
    gaps: new Map(),
    isLooking: false,
    unsure: new Map(),
    own: [],
    waiting: new Set(),
  }
  args.gauges.held = () => state.gaps.size
  return state
}
