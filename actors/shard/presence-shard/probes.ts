/**
 * Probes that somebody waits for: whether connections of one device answer or go. Whoever asks, here or on another
 * node, is answered when all have.
 */

import type * as Connection from '../../../src/protocol/connection.js'
import type * as PresenceShard from '../../../src/protocol/presence-shard.js'
import type { TokenDigest } from '../../../src/rules/logins/token-digest.js'
import { PROBE_MS } from '../../../src/rules/presence/probe.js'
import type { ConnectionKey } from '../../../src/rules/presence/roster.js'
import type { UserId } from '../../../src/rules/types.js'
import { refKey, refOfKey } from '../../../src/runtime/index.js'
import { onRoomMade } from './admissions.js'
import type { Asker, Ctx, Probing, State } from './state.js'

/** A verdict that is lost with its thread is not waited for. */
const OVERDUE_MS = PROBE_MS + 500

export function probe(ctx: Ctx, key: ConnectionKey): void {
  ctx.signal(refOfKey<Connection.Command>(key), { kind: 'probe' })
}

export function probeFor(ctx: Ctx, state: State, userId: UserId, token: TokenDigest, asker: Asker): void {
  const ofUser = state.probings.get(userId) ?? []
  // Who asks again is not heard twice.
  if (ofUser.some((probing) => isSame(probing.asker, asker))) return
  const keys = state.roster.socketsOf(userId, token)
  const probing: Probing = { id: ++state.lastId, asker, unanswered: new Set(keys), gone: 0 }
  if (keys.length === 0) return answer(ctx, state, userId, probing)
  state.probings.set(userId, [...ofUser, probing])
  for (const key of keys) probe(ctx, key)
  ctx.once(`probing ${probing.id}`, OVERDUE_MS, { kind: 'probingDue', userId, id: probing.id })
}

function isSame(a: Asker, b: Asker): boolean {
  return a.at === b.at && a.id === b.id
}

export function onAnswered(
  ctx: Ctx,
  state: State,
  { connection, userId }: PresenceShard.Answered | PresenceShard.Disconnected,
  isGone: boolean,
): void {
  const key = refKey(connection)
  for (const probing of state.probings.get(userId) ?? []) {
    if (!probing.unanswered.delete(key)) continue
    if (isGone) probing.gone++
    if (probing.unanswered.size === 0) end(ctx, state, userId, probing)
  }
}

export function onProbingDue(ctx: Ctx, state: State, userId: UserId, id: number): void {
  const probing = state.probings.get(userId)?.find((one) => one.id === id)
  if (probing !== undefined) end(ctx, state, userId, probing)
}

function end(ctx: Ctx, state: State, userId: UserId, probing: Probing): void {
  const left = state.probings.get(userId)!.filter((one) => one !== probing)
  if (left.length > 0) state.probings.set(userId, left)
  else state.probings.delete(userId)
  ctx.cancel(`probing ${probing.id}`)
  answer(ctx, state, userId, probing)
}

function answer(ctx: Ctx, state: State, userId: UserId, { asker, gone }: Probing): void {
  const { at, id } = asker
  if (typeof id === 'number') {
    return ctx.tell(state.addresses.presenceSync, { kind: 'evicted', to: at, id, userId, gone, left: [] })
  }
  const admission = state.admissions.get(id)
  if (admission !== undefined) onRoomMade(ctx, admission, at, gone)
}
