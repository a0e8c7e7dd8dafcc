/**
 * Probes that somebody waits for: whether the connections of one device answer, or go. The waiter, here or on another
 * node, is answered when all have.
 */
import { PROBE_MS } from '../presence/probe.js'
import type { ConnectionKey } from '../presence/roster.js'
import type { UserId } from '../types.js'
import type { Due, Effects, Waiter } from './effects.js'

/** A verdict that is lost with its thread is not waited for. */
export const OVERDUE_MS = PROBE_MS + 500

/** Probes of one device's connections here. */
interface Probing {
  id: number
  userId: UserId
  waiter: Waiter
  unanswered: Set<ConnectionKey>
  gone: number
}

export class Probes {
  readonly #byUser = new Map<UserId, Probing[]>()
  readonly #byId = new Map<number, Probing>()
  #lastId: number

  constructor(lastId: number) {
    this.#lastId = lastId
  }

  /** `keys`: the device's connections. A waiter that asks again while it waits is not heard twice. */
  start(userId: UserId, keys: readonly ConnectionKey[], waiter: Waiter, out: Effects): void {
    const ofUser = this.#byUser.get(userId) ?? []
    if (ofUser.some((probing) => isSame(probing.waiter, waiter))) return
    const probing: Probing = { id: ++this.#lastId, userId, waiter, unanswered: new Set(keys), gone: 0 }
    if (keys.length === 0) return answer(probing, out)
    this.#byUser.set(userId, [...ofUser, probing])
    this.#byId.set(probing.id, probing)
    for (const key of keys) out.push({ kind: 'signal', key, order: { kind: 'probe' } })
    out.push({ kind: 'arm', due: dueOf(probing), delayMs: OVERDUE_MS })
  }

  /** A connection has answered its probe, or is gone. */
  answered(userId: UserId, key: ConnectionKey, isGone: boolean, out: Effects): void {
    for (const probing of this.#byUser.get(userId) ?? []) {
      if (!probing.unanswered.delete(key)) continue
      if (isGone) probing.gone++
      if (probing.unanswered.size === 0) this.#end(probing, out)
    }
  }

  due(id: number, out: Effects): void {
    const probing = this.#byId.get(id)
    if (probing !== undefined) this.#end(probing, out)
  }

  #end(probing: Probing, out: Effects): void {
    const { id, userId } = probing
    const left = this.#byUser.get(userId)!.filter((one) => one !== probing)
    if (left.length > 0) this.#byUser.set(userId, left)
    else this.#byUser.delete(userId)
    this.#byId.delete(id)
    out.push({ kind: 'disarm', due: dueOf(probing) })
    answer(probing, out)
  }
}

function answer({ userId, waiter, gone }: Probing, out: Effects): void {
  if (waiter.kind === 'node') {
    out.push({ kind: 'answerEviction', to: waiter.holder, id: waiter.id, userId, gone, left: [] })
  } else out.push({ kind: 'evictionEnded', waiter, gone, left: [] })
}

function isSame(a: Waiter, b: Waiter): boolean {
  if (a.kind === 'node' && b.kind === 'node') return a.holder === b.holder && a.id === b.id
  return a.kind === 'login' && b.kind === 'login' && a.holder === b.holder && a.seat === b.seat
}

function dueOf({ id }: Probing): Due {
  return { timer: 'probing', id }
}
