/**
 * Which master serves which user. One server serves all; in a Cluster the slot table of the client tells, and it
 * may be old: answers that say so are recognised here, and the caller sends again after `refresh`.
 */
import slotOf from 'cluster-key-slot'
import { Cluster, type Redis } from 'ioredis'

/**
 * Whether an answer of a Cluster says that the slot table is old, that the slot is just moving, or that no master
 * serves it: read the table, then send again one by one.
 */
export function isMisrouted(error: string): boolean {
  return /^(MOVED|ASK|TRYAGAIN|CROSSSLOT|READONLY)\b|non local key/.test(error) || isUnserved(error)
}

/** Whether an answer says that no master serves the slot. A Cluster that is down as a whole is not meant. */
export function isUnserved(error: string): boolean {
  return error.includes('CLUSTERDOWN Hash slot not served')
}

/** A slot that its own master does not serve is left alone for so long: the tables of others go on naming that one. */
const UNSERVED_MS = 2_000
/** While slots are unserved the table is read again at most so often. */
const REFRESH_DISTANCE_MS = 1_000

export interface Routes<T> {
  groups: T[][]
  unserved: T[]
}

export class Router {
  readonly #client: Redis | Cluster
  /** Slots that were found unserved, and until when they are taken to be. */
  readonly #unserved = new Map<number, number>()

  #refreshedMs = Number.NEGATIVE_INFINITY

  constructor(client: Redis | Cluster) {
    this.#client = client
  }

  /** `host:port` of the master of a key; undefined when no master is known to serve its slot, or off a Cluster. */
  ownerOf(key: string): string | undefined {
    return this.#client instanceof Cluster ? this.#client.slots[slotOf(key)]?.[0] : undefined
  }

  /** See `isMisrouted`. One server has no other route. */
  isMisrouted(error: string): boolean {
    return this.#client instanceof Cluster && isMisrouted(error)
  }

  /** Items by the master of their key, each group in the order given; apart, those of slots that no master serves. */
  route<T>(items: readonly T[], keyOf: (item: T) => string): Routes<T> {
    const client = this.#client
    if (!(client instanceof Cluster)) return { groups: items.length === 0 ? [] : [[...items]], unserved: [] }
    const groups = new Map<string, T[]>()
    const unserved: T[] = []
    for (const item of items) {
      const slot = slotOf(keyOf(item))
      const owner = this.#ownerOfSlot(client, slot)
      const group = owner === undefined ? unserved : groups.get(owner)
      if (group) group.push(item)
      else groups.set(owner!, [item])
    }
    if (unserved.length > 0) this.#refreshSometimes()
    return { groups: [...groups.values()], unserved }
  }

  /** No master answered a call about this key: see `isUnserved`. */
  noteUnserved(key: string): void {
    this.#unserved.set(slotOf(key), performance.now() + UNSERVED_MS)
  }

  /** Before the table was read nothing is known: the call itself tells. */
  #ownerOfSlot({ slots, status }: Cluster, slot: number): string | undefined {
    const owner = slots[slot]?.[0]
    if (owner === undefined) return status === 'ready' ? undefined : ''
    if (this.#unserved.size === 0) return owner
    const untilMs = this.#unserved.get(slot)
    if (untilMs === undefined) return owner
    if (performance.now() < untilMs) return undefined
    this.#unserved.delete(slot)
    return owner
  }

  /** Slots without a master may have one by now. */
  #refreshSometimes(): void {
    const nowMs = performance.now()
    if (nowMs - this.#refreshedMs < REFRESH_DISTANCE_MS) return
    this.#refreshedMs = nowMs
    void this.refresh()
  }

  /** Read the slot table again. A failure leaves the old one: the sending that follows tells. */
  refresh(): Promise<void> {
    const client = this.#client
    if (!(client instanceof Cluster)) return Promise.resolve()
    return new Promise((resolve) => client.refreshSlotsCache(() => resolve()))
  }
}
