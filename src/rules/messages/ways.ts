/**
 * Parcels of messages that other nodes have not confirmed. A note between nodes may be lost, so its sender repeats it; a
 * receiver that gets it twice passes it on once.
 */
import type { Holder } from '../types.js'
import type { Delivery } from './types.js'

/** Messages that go to one node together. */
export interface Parcel {
  /** Chosen by the sender; the confirmation bears it. */
  id: number
  to: Holder
  deliveries: Delivery[]
}

/** What a parcel belongs to: it is done when all of its parcels are confirmed. */
type OrderId = string

interface Open extends Parcel {
  bytes: number
  dueMs: number
  /** How often it was sent. */
  tries: number
  orders: readonly OrderId[]
}

/** An unconfirmed parcel is repeated after the first of these, then after the second, then after the third. */
const REPEAT_MS = [1_000, 2_000, 4_000]
/** Of one parcel: a part of what a message between nodes may hold. */
const PARCEL_BYTES_MAX = 1_048_576
/** Of all unconfirmed parcels. Beyond, new ones are sent once and not repeated. */
const OPEN_BYTES_MAX = 64 * 1_048_576

export class Ways {
  readonly #open = new Map<number, Open>()
  /** Unconfirmed parcels of each order. */
  readonly #orders = new Map<OrderId, number>()
  #bytes = 0
  #lastId = 0

  get openCount(): number {
    return this.#open.size
  }

  /** The parcels in which these go to a node, in order. */
  tell(to: Holder, deliveries: readonly Delivery[], orders: readonly OrderId[], nowMs: number): Parcel[] {
    return inParcels(deliveries).map((part) => {
      const id = ++this.#lastId
      const bytes = part.reduce((sum, { body }) => sum + body.length, 0)
      const parcel = { id, to, deliveries: part }
      if (this.#bytes + bytes <= OPEN_BYTES_MAX) {
        this.#open.set(id, { ...parcel, bytes, dueMs: nowMs + REPEAT_MS[0]!, tries: 1, orders })
        this.#bytes += bytes
      }
      // One that is sent once stays unconfirmed, and so does its order.
      for (const order of orders) this.#orders.set(order, (this.#orders.get(order) ?? 0) + 1)
      return parcel
    })
  }

  isOpen(order: OrderId): boolean {
    return this.#orders.has(order)
  }

  /** Returns the orders that are done. */
  confirmed(ids: readonly number[]): OrderId[] {
    const done: OrderId[] = []
    for (const id of ids) {
      const orders = this.#open.get(id)?.orders ?? []
      this.#close(id)
      for (const order of orders) {
        const left = this.#orders.get(order)
        if (left === undefined) continue
        if (left > 1) this.#orders.set(order, left - 1)
        else {
          this.#orders.delete(order)
          done.push(order)
        }
      }
    }
    return done
  }

  /** Parcels to be repeated. Those that were repeated often enough are given up: `unreached` counts their messages. */
  due(nowMs: number, isGone: (holder: Holder) => boolean): { again: Parcel[]; unreached: number } {
    const again: Parcel[] = []
    let unreached = 0
    for (const parcel of this.#open.values()) {
      if (parcel.dueMs > nowMs) continue
      const waitMs = REPEAT_MS[parcel.tries]
      if (waitMs === undefined || isGone(parcel.to)) {
        unreached += parcel.deliveries.length
        this.#close(parcel.id)
        // Not done: it stays in the outbox, and is sent anew later.
        for (const order of parcel.orders) this.#orders.delete(order)
      } else {
        parcel.tries++
        parcel.dueMs = nowMs + waitMs
        again.push(parcel)
      }
    }
    return { again, unreached }
  }

  #close(id: number): void {
    this.#bytes -= this.#open.get(id)?.bytes ?? 0
    this.#open.delete(id)
  }
}

function inParcels(deliveries: readonly Delivery[]): Delivery[][] {
  const parcels: Delivery[][] = []
  let bytes = PARCEL_BYTES_MAX
  for (const delivery of deliveries) {
    bytes += delivery.body.length
    if (bytes > PARCEL_BYTES_MAX) {
      parcels.push([])
      bytes = delivery.body.length
    }
    parcels.at(-1)!.push(delivery)
  }
  return parcels
}
