/**
 * Kicks by an admin: logins of a user end on every node that holds them. The caller hears when all nodes have
 * confirmed, or which have not. With an empty list of platforms nobody is kicked, and the user's logins are listed.
 */
import { nodeOfHolder } from '../cluster/holder.js'
import type { Eviction, EvictionResult } from '../logins/eviction.js'
import { UNNUMBERED } from '../presence/roster.js'
import type { Holder, UserId } from '../types.js'
import type { Caller, Due, Effects } from './effects.js'

/** What an admin wants gone; the kick takes its number from the store. */
export type KickOrder = Omit<Eviction, 'before'>

interface PendingKick {
  id: number
  caller: Caller
  order: KickOrder
  result: EvictionResult
  /** Nodes that have not answered; undefined = the store has not. */
  unanswered: Set<Holder> | undefined
}

export class AdminKicks {
  readonly #kicks = new Map<number, PendingKick>()
  #lastId: number

  constructor(lastId: number) {
    this.#lastId = lastId
  }

  /** Wait for the store. A kick takes a number as a login does, so a login that comes after it stays. */
  start(caller: Caller, order: KickOrder, timeoutMs: number, out: Effects): void {
    const id = ++this.#lastId
    this.#kicks.set(id, { id, caller, order, result: { gone: 0, left: [] }, unanswered: undefined })
    out.push({ kind: 'arm', due: dueOf(id), delayMs: timeoutMs })
  }

  /** The store has given the user's kicks a version, and said who else holds the user. */
  begin(userId: UserId, version: number, holders: readonly Holder[], out: Effects): void {
    for (const kick of this.#kicks.values()) {
      const { id, order } = kick
      if (order.userId !== userId || kick.unanswered !== undefined) continue
      const waiter = { kind: 'kick', id } as const
      // A login that got its number together with the kick came before it: hence the next number.
      const eviction = { ...order, before: isListing(order) ? UNNUMBERED : version + 1 }
      kick.unanswered = new Set(holders)
      // Other nodes first. Otherwise the tokens that the kick flags here overtake it, and end what it should count.
      for (const to of holders) out.push({ kind: 'evictElsewhere', to, eviction, waiter })
      out.push({ kind: 'evictHere', eviction, waiter })
    }
  }

  /** Logins have ended on one node; `from`: undefined = here. */
  answered(id: number, from: Holder | undefined, { gone, left }: EvictionResult, out: Effects): void {
    const kick = this.#kicks.get(id)
    if (kick === undefined) return
    kick.result.gone += gone
    kick.result.left.push(...left)
    if (from !== undefined) kick.unanswered?.delete(from)
    if (kick.unanswered?.size === 0) this.#end(kick, [], out)
  }

  /** The time is over. What is known by now is of use all the same. */
  due(id: number, out: Effects): void {
    const kick = this.#kicks.get(id)
    if (kick === undefined) return
    const unanswered = kick.unanswered && [...kick.unanswered].map(nodeOfHolder).sort()
    this.#end(kick, unanswered, out)
  }

  #end({ id, caller, result }: PendingKick, unanswered: string[] | undefined, out: Effects): void {
    this.#kicks.delete(id)
    out.push(
      { kind: 'disarm', due: dueOf(id) },
      { kind: 'stopWaiting', waiter: { kind: 'kick', id } },
      { kind: 'answerKick', caller, unanswered, ...result },
    )
  }
}

/** Nobody is meant: the caller only wants to know who is there. */
function isListing({ platformIds }: KickOrder): boolean {
  return platformIds?.length === 0
}

function dueOf(id: number): Due {
  return { timer: 'kick', id }
}
