/**
 * Who may stay. A login gets its number from the store with the assertion that brings it there, and removes whom the
 * policy says: here those who came before it, on other nodes those with a smaller number. Only nodes that hold a
 * claim in conflict hear of it.
 *
 * An eviction is repeated until its node has answered, so that no lost message leaves two where one may be.
 */
import { KickUnconfirmedError } from '../../src/errors.js'
import { connectionIdOf } from '../../src/presence/connection-id.js'
import { BY_HAND, type Eviction, type LoginInfo } from '../../src/presence/eviction.js'
import { type Login, type Obeying, OLD } from '../../src/presence/roster.js'
import type { Holder, LoginNumber, Snapshot, UserId } from '../../src/presence/types.js'
import { nodeOf } from '../../src/presence/watch-index.js'
import type * as Connection from '../../src/protocol/connection.js'
import type * as PresenceShard from '../../src/protocol/presence-shard.js'
import { type ReplyTo, refOfKey } from '../../src/runtime/index.js'
import { onRoomMade } from './admissions.js'
import { platformsChanged } from './here.js'
import { type Ctx, flushSoon, type Kick, type SentEviction, type State } from './state.js'

const EVICT_AGAIN_MS = 500
/** With a pause that doubles each time: about four minutes. */
const EVICT_TRIES_MAX = 9

// Numbers

/** Whether logins are numbered at all: where none conflicts with another, their order does not matter. */
export function areNumbered({ policy }: State): boolean {
  return policy.policy !== 0
}

/** The store has recorded what this node holds of a user; `snapshot` says who else does, if it was asked or new. */
export function onRecorded(
  ctx: Ctx,
  state: State,
  userId: UserId,
  version: number,
  snapshot?: Snapshot,
): void {
  // Flags bear the number before: of those that got this one together, the last may have the token of the first.
  for (const newcomer of state.roster.giveNumbers(userId, version)) {
    evictHere(ctx, state, userId, newcomer, version - 1)
  }
  if (snapshot === undefined) return
  for (const login of standing(state, userId)) evictElsewhere(ctx, state, snapshot, login)
  if (state.contested.get(userId) === 'asked') {
    state.contested.delete(userId)
    startKicks(ctx, state, snapshot, version)
  }
  const waiting = state.stashed.get(userId)
  state.stashed.delete(userId)
  for (const message of waiting ?? []) {
    if (message.kind === 'evict') onEvict(ctx, state, message)
    else onWithdrawn(ctx, state, message)
  }
}

/** The store was not told. The order on this node is known without it. */
export function onUnrecorded(ctx: Ctx, state: State, userId: UserId): void {
  if (state.contested.has(userId)) state.contested.set(userId, 'wanted')
  for (const newcomer of state.roster.giveNumbers(userId, undefined)) {
    evictHere(ctx, state, userId, newcomer, OLD)
  }
}

/** Logins that were announced have no number, only an order. */
export function onRebuilt(ctx: Ctx, state: State, userId: UserId): void {
  if (!areNumbered(state)) return
  state.contested.set(userId, 'wanted')
  for (const login of state.roster.logins(userId)) evictHere(ctx, state, userId, login, OLD)
}

// Evictions of this shard's

function evictHere(ctx: Ctx, state: State, userId: UserId, newcomer: Login, by: LoginNumber): void {
  const removed = state.policy.removedBy(newcomer.platformId)
  if (removed.length > 0)
    obey(ctx, state, userId, state.roster.evictBefore(userId, newcomer.key, removed), by)
}

/** Logins here that no later one here removes. */
function standing(state: State, userId: UserId) {
  const logins = state.roster.logins(userId)
  return logins.filter(
    ({ platformId }, at) =>
      !logins.slice(at + 1).some((later) => state.policy.removedBy(later.platformId).includes(platformId)),
  )
}

function evictElsewhere(
  ctx: Ctx,
  state: State,
  { userId, claims }: Snapshot,
  login: Login & { number: LoginNumber | undefined },
): void {
  const platformIds = [...state.policy.removedBy(login.platformId)]
  if (platformIds.length === 0 || login.number === undefined) return
  const eviction: Eviction = { userId, before: login.number, platformIds, newcomer: login.token }
  for (const to of holdersElsewhere(state, claims, platformIds)) send(ctx, state, { to, eviction })
}

function holdersElsewhere(
  state: State,
  claims: Snapshot['claims'],
  platformIds: readonly number[] | undefined,
): Set<Holder> {
  const elsewhere = claims.filter(
    (claim) => nodeOf(claim) !== state.settings.nodeId && (platformIds?.includes(claim.platformId) ?? true),
  )
  return new Set(elsewhere.map(({ holder }) => holder))
}

/** What is sent and unanswered is not sent a second time. */
export function send(ctx: Ctx, state: State, order: Omit<SentEviction, 'tries' | 'dueMs'>): void {
  for (const sent of state.evictions.values()) if (isSameOrder(sent, order)) return
  const id = ++state.lastId
  const { to, eviction } = order
  state.evictions.set(id, { ...order, tries: 1, dueMs: ctx.nowMs() + EVICT_AGAIN_MS })
  state.counts.evictionsSent++
  ctx.tell(state.addresses.sync, { kind: 'evict', to, id, isAgain: false, eviction })
  if (state.evictions.size === 1) ctx.once('evictAgain', EVICT_AGAIN_MS, { kind: 'evictAgainDue' })
}

function isSameOrder(
  a: Omit<SentEviction, 'tries' | 'dueMs'>,
  b: Omit<SentEviction, 'tries' | 'dueMs'>,
): boolean {
  if (a.to !== b.to || a.kick !== b.kick || a.admission !== b.admission) return false
  const { userId, before, newcomer } = a.eviction
  return b.eviction.userId === userId && b.eviction.before === before && b.eviction.newcomer === newcomer
}

export function onEvictAgainDue(ctx: Ctx, state: State): void {
  const nowMs = ctx.nowMs()
  for (const [id, sent] of state.evictions) {
    if (sent.dueMs > nowMs) continue
    if (sent.tries === EVICT_TRIES_MAX) {
      state.evictions.delete(id)
      ctx.log.warn({ node: sent.to }, 'an eviction was never answered')
      continue
    }
    sent.dueMs = nowMs + EVICT_AGAIN_MS * 2 ** sent.tries
    sent.tries++
    state.counts.evictionsSent++
    const { to, eviction } = sent
    ctx.tell(state.addresses.sync, { kind: 'evict', to, id, isAgain: true, eviction })
  }
  if (state.evictions.size > 0) ctx.once('evictAgain', EVICT_AGAIN_MS, { kind: 'evictAgainDue' })
}

export function onEvicted(ctx: Ctx, state: State, { id, gone, left }: PresenceShard.Evicted): void {
  const sent = state.evictions.get(id)
  if (sent === undefined) return
  state.evictions.delete(id)
  if (state.evictions.size === 0) ctx.cancel('evictAgain')
  if (sent.admission !== undefined) onRoomMade(ctx, sent.admission, sent.to, gone)
  if (sent.kick !== undefined) onKickAnswered(ctx, state, sent.kick, sent.to, { gone, left })
}

// Evictions of others'

export function onEvict(ctx: Ctx, state: State, message: PresenceShard.Evict): void {
  // Who asks while this shard does not know its own will ask again.
  if (state.isRebuilding) return
  const { id, from, eviction } = message
  const { gone, left, isWaiting } = carryOut(ctx, state, eviction)
  // Whose number is on the way may have come before or after.
  if (isWaiting) return stash(state, eviction.userId, message)
  if (eviction.newcomer !== undefined) contradict(ctx, state, from, eviction)
  ctx.tell(state.addresses.sync, { kind: 'evicted', to: from, id, userId: eviction.userId, gone, left })
}

/** A login here came after the one that wants it gone: it is the other that has to go. */
function contradict(ctx: Ctx, state: State, to: Holder, { userId, before, platformIds }: Eviction): void {
  for (const login of state.roster.logins(userId)) {
    if (!platformIds?.includes(login.platformId) || (login.number ?? OLD) <= before) continue
    const removed = [...state.policy.removedBy(login.platformId)]
    const eviction: Eviction = { userId, before: login.number!, platformIds: removed, newcomer: login.token }
    if (removed.length > 0) send(ctx, state, { to, eviction })
  }
}

/** Tokens were kicked: so are the logins made with them, unless they came after the one that kicked. */
export function onWithdrawn(ctx: Ctx, state: State, message: PresenceShard.Withdrawn): void {
  const { userId, tokens, by } = message
  for (const login of state.roster.logins(userId)) {
    if (!tokens.includes(login.token)) continue
    const connection = refOfKey<Connection.Command>(login.key)
    if (login.number === undefined && by !== BY_HAND) stash(state, userId, message)
    else if ((login.number ?? OLD) < by) ctx.tell(connection, { kind: 'kick', by })
    else if (login.number! > by) ctx.tell(connection, { kind: 'vouch', login: login.number! })
  }
}

export function rememberWithdrawn(ctx: Ctx, state: State, message: PresenceShard.Withdrawn): void {
  const nowMs = ctx.nowMs()
  for (const [token, { atMs }] of state.withdrawn) {
    if (nowMs - atMs < state.settings.handshakeTimeoutMs) break
    state.withdrawn.delete(token)
  }
  for (const token of message.tokens) {
    state.withdrawn.delete(token)
    state.withdrawn.set(token, { message, atMs: nowMs })
  }
}

/** A login whose token was good when it was checked, and kicked before it came here. */
export function onLateLogin(ctx: Ctx, state: State, { token }: PresenceShard.Connected): void {
  const late = state.withdrawn.get(token)
  if (late !== undefined) onWithdrawn(ctx, state, late.message)
}

function stash(state: State, userId: UserId, message: PresenceShard.Evict | PresenceShard.Withdrawn): void {
  const waiting = state.stashed.get(userId)
  if (waiting === undefined) state.stashed.set(userId, [message])
  else if (waiting.length < STASHED_MAX) waiting.push(message)
}

/** Of one user, while his number is on the way; what finds no room is asked again, or read from the store. */
const STASHED_MAX = 64

/** Apply an eviction to the logins here. */
function carryOut(ctx: Ctx, state: State, eviction: Eviction): PresenceShard.Kicked & { isWaiting: boolean } {
  const { userId, connectionId } = eviction
  const logins = state.roster.logins(userId)
  const named = logins.find((login) => infoOf(state, login).connectionId === connectionId)
  if (connectionId !== undefined && named === undefined) {
    return { gone: 0, left: logins.map((login) => infoOf(state, login)), isWaiting: false }
  }
  const obeying = state.roster.evict({ ...eviction, key: named?.key })
  obey(ctx, state, userId, obeying, eviction.before)
  const left = state.roster.logins(userId).map((login) => infoOf(state, login))
  return { gone: obeying.leaving.length, left, isWaiting: obeying.isWaiting }
}

export function obey(ctx: Ctx, state: State, userId: UserId, obeying: Obeying, by: LoginNumber): void {
  for (const { key, isReplaced } of obeying.leaving) {
    ctx.tell(refOfKey<Connection.Command>(key), isReplaced ? { kind: 'replace' } : { kind: 'kick', by })
  }
  if (obeying.isChanged) platformsChanged(ctx, state, [userId])
}

function infoOf(state: State, { key, platformId, background, token }: Login): LoginInfo {
  const { nodeId } = state.settings
  return { connectionId: connectionIdOf(nodeId, key, token), platformId, nodeId, background }
}

// Kicks by hand

/** A kick takes a number as a login does: who comes after it stays. */
export function onKick(ctx: Ctx, state: State, { eviction, timeoutMs }: PresenceShard.Kick): void {
  const kick: Kick = {
    id: ++state.lastId,
    replyTo: ctx.replyTo as ReplyTo<PresenceShard.Kicked>,
    eviction,
    result: { gone: 0, left: [] },
    unanswered: undefined,
  }
  state.kicks.set(kick.id, kick)
  state.contested.set(eviction.userId, 'wanted')
  state.asserts.add(eviction.userId, ctx.nowMs())
  ctx.once(`kick ${kick.id}`, timeoutMs, { kind: 'kickDue', id: kick.id })
  flushSoon(ctx, state)
}

function startKicks(ctx: Ctx, state: State, { userId, claims }: Snapshot, version: number): void {
  for (const kick of state.kicks.values()) {
    if (kick.eviction.userId !== userId || kick.unanswered !== undefined) continue
    // A login that got its number with this one came before it was known.
    const eviction = { ...kick.eviction, before: isListing(kick) ? OLD : version + 1 }
    // Others first: the flags that follow from the kick here would else overtake it, and end what it should count.
    kick.unanswered = holdersElsewhere(state, claims, undefined)
    for (const to of kick.unanswered) send(ctx, state, { to, eviction, kick })
    const { gone, left } = carryOut(ctx, state, eviction)
    kick.result.gone += gone
    kick.result.left.push(...left)
    answerKick(ctx, state, kick)
  }
}

function onKickAnswered(
  ctx: Ctx,
  state: State,
  kick: Kick,
  from: Holder,
  { gone, left }: PresenceShard.Kicked,
) {
  kick.result.gone += gone
  kick.result.left.push(...left)
  kick.unanswered?.delete(from)
  answerKick(ctx, state, kick)
}

/** Nobody is meant: the caller only wants to know who is there. */
function isListing({ eviction }: Kick): boolean {
  return eviction.platformIds?.length === 0
}

function answerKick(ctx: Ctx, state: State, kick: Kick): void {
  if (kick.unanswered === undefined || kick.unanswered.size > 0) return
  endKick(ctx, state, kick)
  ctx.reply(kick.replyTo, kick.result)
}

export function onKickDue(ctx: Ctx, state: State, id: number): void {
  const kick = state.kicks.get(id)
  if (kick === undefined) return
  endKick(ctx, state, kick)
  const silent = kick.unanswered === undefined ? 'the store' : [...kick.unanswered].join(', ')
  ctx.fail(kick.replyTo, new KickUnconfirmedError(`${silent} did not answer in time`))
}

function endKick(ctx: Ctx, state: State, kick: Kick): void {
  state.kicks.delete(kick.id)
  ctx.cancel(`kick ${kick.id}`)
  for (const [id, sent] of state.evictions) if (sent.kick === kick) state.evictions.delete(id)
}
