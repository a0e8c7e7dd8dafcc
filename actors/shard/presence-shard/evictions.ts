/**
 * Evictions: orders to end logins, to other nodes and from them.
 *
 * One that was sent is repeated until its node has answered, so that no lost message leaves two where one may be.
 */

import type * as Connection from '../../../src/protocol/connection.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { connectionIdOf } from '../../../src/rules/logins/connection-id.js'
import type { Eviction, LoginInfo } from '../../../src/rules/logins/eviction.js'
import { type Login, lastOfEachDevice, type Obeying, OLD } from '../../../src/rules/presence/roster.js'
import { nodeOf } from '../../../src/rules/presence/watch-index.js'
import type { Holder, LoginNumber, PlatformId, Snapshot, UserId } from '../../../src/rules/types.js'
import { refOfKey } from '../../../src/runtime/index.js'
import { onRoomMade } from './admissions.js'
import { platformsChanged } from './here.js'
import { onKickAnswered } from './kicks.js'
import { stash } from './logins.js'
import { probe, probeFor } from './probes.js'
import type { Ctx, Order, State } from './state.js'

const EVICT_AGAIN_MS = 500
/** With a pause that doubles each time: about four minutes. */
const EVICT_TRIES_MAX = 9

// To other nodes

/** Nodes that hold the user, on these platforms or on any. */
export function holdersElsewhere(
  state: State,
  claims: Snapshot['claims'],
  platformIds: readonly PlatformId[] | undefined,
): Set<Holder> {
  const elsewhere = claims.filter(
    (claim) => nodeOf(claim) !== state.settings.nodeId && (platformIds?.includes(claim.platformId) ?? true),
  )
  return new Set(elsewhere.map(({ holder }) => holder))
}

/** What is sent and unanswered is not sent a second time. */
export function send(ctx: Ctx, state: State, order: Order): void {
  const key = keyOf(order)
  if (state.orders.has(key)) return
  const id = ++state.lastId
  state.orders.add(key)
  state.evictions.set(id, { ...order, tries: 1, dueMs: ctx.nowMs() + EVICT_AGAIN_MS })
  state.counts.evictionsSent++
  ctx.tell(state.addresses.presenceSync, {
    kind: 'evict',
    to: order.to,
    id,
    eviction: order.eviction,
  })
  if (state.evictions.size === 1) ctx.once('evictAgain', EVICT_AGAIN_MS, { kind: 'evictAgainDue' })
}

function keyOf({ to, eviction, kick, admission }: Order): string {
  const { userId, before, newcomer = '' } = eviction
  return `${to} ${userId} ${before} ${newcomer} ${kick?.id ?? admission?.seat ?? ''}`
}

/** No answer is waited for any more. */
export function forgetOrders(ctx: Ctx, state: State, isMeant: (order: Order) => boolean): void {
  for (const [id, sent] of state.evictions) if (isMeant(sent)) forgetOrder(ctx, state, id, sent)
}

function forgetOrder(ctx: Ctx, state: State, id: number, order: Order): void {
  state.evictions.delete(id)
  state.orders.delete(keyOf(order))
  if (state.evictions.size === 0) ctx.cancel('evictAgain')
}

export function onEvictAgainDue(ctx: Ctx, state: State): void {
  const nowMs = ctx.nowMs()
  for (const [id, sent] of state.evictions) {
    if (sent.dueMs > nowMs) continue
    const { to, eviction, tries } = sent
    if (tries === EVICT_TRIES_MAX) {
      forgetOrder(ctx, state, id, sent)
      ctx.log.warn({ node: to }, 'an eviction was never answered')
      continue
    }
    sent.dueMs = nowMs + EVICT_AGAIN_MS * 2 ** tries
    sent.tries++
    state.counts.evictionsSent++
    ctx.tell(state.addresses.presenceSync, { kind: 'evict', to, id, eviction })
  }
  if (state.evictions.size > 0) ctx.once('evictAgain', EVICT_AGAIN_MS, { kind: 'evictAgainDue' })
}

export function onEvicted(ctx: Ctx, state: State, { id, gone, left }: PresenceShard.Evicted): void {
  const sent = state.evictions.get(id)
  if (sent === undefined) return
  forgetOrder(ctx, state, id, sent)
  if (sent.admission !== undefined) onRoomMade(ctx, sent.admission, sent.to, gone)
  if (sent.kick !== undefined) onKickAnswered(ctx, state, sent.kick, sent.to, { gone, left })
}

// From other nodes

export function onEvict(ctx: Ctx, state: State, message: PresenceShard.Evict): void {
  // Who asks while this shard does not know its own will ask again.
  if (state.isRebuilding) return
  const { id, from, eviction } = message
  if (eviction.probes !== undefined) {
    return probeFor(ctx, state, eviction.userId, eviction.probes, { at: from, id })
  }
  const { gone, left, isWaiting } = carryOut(ctx, state, eviction)
  // Whose number is on the way may have come before or after.
  if (isWaiting) return stash(state, eviction.userId, message)
  if (eviction.newcomer !== undefined) contradict(ctx, state, from, eviction)
  ctx.tell(state.addresses.presenceSync, {
    kind: 'evicted',
    to: from,
    id,
    userId: eviction.userId,
    gone,
    left,
  })
}

/** A login here came after the one that wants it gone: it is the other that has to go. */
function contradict(ctx: Ctx, state: State, to: Holder, { userId, before, platformIds }: Eviction): void {
  for (const login of lastOfEachDevice(state.roster.logins(userId))) {
    if (!platformIds?.includes(login.platformId) || (login.number ?? OLD) <= before) continue
    const removed = [...state.policy.removedBy(login.platformId)]
    const eviction: Eviction = { userId, before: login.number!, platformIds: removed, newcomer: login.token }
    if (removed.length > 0) send(ctx, state, { to, eviction })
  }
}

// Here

/** Apply an eviction to the logins here. */
export function carryOut(
  ctx: Ctx,
  state: State,
  eviction: Eviction,
): PresenceShard.Kicked & { isWaiting: boolean } {
  const { userId, connectionId } = eviction
  const logins = state.roster.logins(userId)
  const named = logins.find((login) => infoOf(state, login).connectionId === connectionId)
  if (connectionId !== undefined && named === undefined) {
    return { gone: 0, left: logins.map((login) => infoOf(state, login)), isWaiting: false }
  }
  const obeying = state.roster.evict({ ...eviction, key: named?.key })
  obey(ctx, state, userId, obeying, eviction.before)
  // A login does not ask who is left, and a device may have many connections.
  const isAsked = eviction.newcomer === undefined
  const left = isAsked ? state.roster.logins(userId).map((login) => infoOf(state, login)) : []
  return { gone: obeying.leaving.length, left, isWaiting: obeying.isWaiting }
}

export function obey(ctx: Ctx, state: State, userId: UserId, obeying: Obeying, by: LoginNumber): void {
  for (const key of obeying.leaving) ctx.signal(refOfKey<Connection.Command>(key), { kind: 'kick', by })
  for (const key of obeying.probed) probe(ctx, key)
  if (obeying.isChanged) platformsChanged(ctx, state, [userId])
}

function infoOf(state: State, { key, platformId, background, token }: Login): LoginInfo {
  const { nodeId } = state.settings
  return { connectionId: connectionIdOf(nodeId, key, token), platformId, nodeId, background }
}
