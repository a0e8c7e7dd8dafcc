/**
 * Who may stay. A login gets its number from the store with the assertion that brings it there, and removes whom the
 * policy says: here those who came before it, on other nodes those with a smaller number. Only nodes that hold a
 * claim in conflict hear of it.
 */

import type * as Connection from '../../../src/protocol/connection.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import { BY_HAND, type Eviction } from '../../../src/rules/logins/eviction.js'
import { type Login, lastOfEachDevice, OLD } from '../../../src/rules/presence/roster.js'
import type { LoginNumber, Snapshot, UserId } from '../../../src/rules/types.js'
import { refOfKey } from '../../../src/runtime/index.js'
import { holdersElsewhere, obey, onEvict, send } from './evictions.js'
import { startKicks } from './kicks.js'
import type { Ctx, State } from './state.js'

/** Of one user, while his number is on the way; what finds no room is asked again, or read from the store. */
const STASHED_MAX = 64

// Numbers

/** The store has recorded what this node holds of a user; `snapshot` says who else does, if it was asked or new. */
export function onRecorded(
  ctx: Ctx,
  state: State,
  userId: UserId,
  version: number,
  snapshot?: Snapshot,
): void {
  // Flags bear the number before: of those that got this one together, the last may have the token of the first.
  const newcomers = state.roster.recorded(userId, version)
  for (const newcomer of newcomers) {
    evictHere(ctx, state, userId, newcomer, version - 1)
    ctx.signal(refOfKey<Connection.Command>(newcomer.key), { kind: 'numbered', login: version })
  }
  if (snapshot === undefined) return
  if (snapshot.claims.length > 0) {
    const logins = state.roster.logins(userId).filter(({ number }) => number !== undefined)
    for (const login of lastOfEachDevice(logins)) {
      const isNew = newcomers.some(({ token }) => token === login.token)
      evictElsewhere(ctx, state, snapshot, login, isNew)
    }
  }
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
  for (const newcomer of state.roster.unrecorded(userId)) {
    evictHere(ctx, state, userId, newcomer, OLD)
  }
}

/** What a former life has begun is begun again. */
export function onRebuilt(ctx: Ctx, state: State, userId: UserId): void {
  state.contested.set(userId, 'wanted')
  for (const login of state.roster.logins(userId)) evictHere(ctx, state, userId, login, OLD)
}

function evictHere(ctx: Ctx, state: State, userId: UserId, newcomer: Login, by: LoginNumber): void {
  const removed = state.policy.removedBy(newcomer.platformId)
  obey(ctx, state, userId, state.roster.evictBefore(userId, newcomer.key, removed), by)
}

/** When a device comes, nodes that may hold former connections of it hear of it too, and probe them. */
function evictElsewhere(
  ctx: Ctx,
  state: State,
  { userId, claims }: Snapshot,
  login: Login & { number: LoginNumber | undefined },
  isNew: boolean,
): void {
  const platformIds = [...state.policy.removedBy(login.platformId)]
  const met = isNew ? [...platformIds, login.platformId] : platformIds
  const eviction: Eviction = { userId, before: login.number!, platformIds, newcomer: login.token }
  for (const to of holdersElsewhere(state, claims, met)) send(ctx, state, { to, eviction })
}

// Tokens

/** Tokens were kicked: so are the logins made with them, unless they came after the one that kicked. */
export function onWithdrawn(ctx: Ctx, state: State, message: PresenceShard.Withdrawn): void {
  const { userId, tokens, by } = message
  for (const login of state.roster.logins(userId)) {
    if (!tokens.includes(login.token)) continue
    const connection = refOfKey<Connection.Command>(login.key)
    if (login.number === undefined && by !== BY_HAND) stash(state, userId, message)
    else if ((login.number ?? OLD) < by) {
      state.roster.dismiss(userId, login.key)
      ctx.signal(connection, { kind: 'kick', by })
    } else if (login.number! > by) ctx.signal(connection, { kind: 'vouch', login: login.number! })
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

/** Something that cannot be judged before the user's logins have their numbers. */
export function stash(
  state: State,
  userId: UserId,
  message: PresenceShard.Evict | PresenceShard.Withdrawn,
): void {
  const waiting = state.stashed.get(userId)
  if (waiting === undefined) state.stashed.set(userId, [message])
  else if (waiting.length < STASHED_MAX) waiting.push(message)
}
