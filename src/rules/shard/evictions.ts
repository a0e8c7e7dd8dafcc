/**
 * Evictions to other nodes. Each is sent again until its node has answered, so that no lost message leaves two logins
 * where one may be.
 */
import type { Eviction, EvictionResult } from '../logins/eviction.js'
import type { Holder } from '../types.js'
import type { Asker, Due, Effects, WithoutNode } from './effects.js'

export const EVICT_AGAIN_MS = 500
/** With a pause that doubles each time: about four minutes. */
export const EVICT_TRIES_MAX = 9

const EVICT_AGAIN: Due = { timer: 'evictAgain' }

/** An eviction for one other node. `waiter`: the kick or login that waits for its outcome there. */
interface Order {
  to: Holder
  eviction: Eviction
  waiter: Asker | undefined
}

interface SentEviction extends Order {
  tries: number
  dueMs: number
}

export class Evictions {
  /** Sent and not answered yet, by id. */
  readonly #sent = new Map<number, SentEviction>()
  /** The same by what they say. */
  readonly #orders = new Set<string>()
  #lastId: number

  /** Ids come after `lastId`: a random start, so that answers to evictions from before a restart are not taken for ours. */
  constructor(lastId: number) {
    this.#lastId = lastId
  }

  /** What was sent already and is unanswered is not sent a second time. */
  send(to: Holder, eviction: Eviction, waiter: Asker | undefined, nowMs: number, out: Effects): void {
    const order: Order = { to, eviction, waiter }
    const key = keyOf(order)
    if (this.#orders.has(key)) return
    const id = ++this.#lastId
    this.#orders.add(key)
    this.#sent.set(id, { ...order, tries: 1, dueMs: nowMs + EVICT_AGAIN_MS })
    out.push({ kind: 'sendEviction', to, id, eviction })
    if (this.#sent.size === 1) out.push({ kind: 'arm', due: EVICT_AGAIN, delayMs: EVICT_AGAIN_MS })
  }

  /** Repeated answers, and those to evictions that are forgotten, are ignored. */
  answered(id: number, { gone, left }: EvictionResult, out: Effects): void {
    const sent = this.#sent.get(id)
    if (sent === undefined) return
    this.#forget(id, sent, out)
    const { waiter, to } = sent
    if (waiter !== undefined) out.push({ kind: 'evictionEnded', waiter, from: to, gone, left })
  }

  /** Nobody waits for them any more. */
  forget(asker: WithoutNode, out: Effects): void {
    const text = textOf(asker)
    for (const [id, sent] of this.#sent) {
      if (sent.waiter !== undefined && textOf(sent.waiter) === text) this.#forget(id, sent, out)
    }
  }

  againDue(nowMs: number, out: Effects): void {
    for (const [id, sent] of this.#sent) {
      if (sent.dueMs > nowMs) continue
      const { to, eviction, tries } = sent
      if (tries === EVICT_TRIES_MAX) {
        this.#forget(id, sent, out)
        out.push({ kind: 'evictionLost', to })
        continue
      }
      sent.dueMs = nowMs + EVICT_AGAIN_MS * 2 ** tries
      sent.tries++
      out.push({ kind: 'sendEviction', to, id, eviction })
    }
    if (this.#sent.size > 0) out.push({ kind: 'arm', due: EVICT_AGAIN, delayMs: EVICT_AGAIN_MS })
  }

  #forget(id: number, order: Order, out: Effects): void {
    this.#sent.delete(id)
    this.#orders.delete(keyOf(order))
    if (this.#sent.size === 0) out.push({ kind: 'disarm', due: EVICT_AGAIN })
  }
}

function keyOf({ to, eviction, waiter }: Order): string {
  const { userId, before, newcomer = '' } = eviction
  return `${to} ${userId} ${before} ${newcomer} ${waiter === undefined ? '' : textOf(waiter)}`
}

/** The same for all evictions that one waits for. */
function textOf(waiter: WithoutNode): string {
  return `${waiter.kind} ${waiter.kind === 'login' ? waiter.seat : waiter.id}`
}
