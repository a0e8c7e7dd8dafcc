/**
 * Places on the REST port: how many connections there may be, in all and from one address, and which of them yields to
 * a newcomer when there are no more.
 *
 * Nobody is kept out by connections that only wait: the longest-waiting one of the address that has the most goes
 * first. A connection whose call is being answered never yields.
 */

/** One connection, as the server sees it. */
export interface Place {
  /** Connections with the same key, their client's address, share a limit. Undefined = a proxy, which has many clients. */
  readonly key: string | undefined
  /** No call is being answered on it: it is idle, or still has to send the rest of a request. */
  mayYield(): boolean
  yield(): void
}

/** Above this part of all places answers end their connections, so that few have to be cut. */
const CROWDED = 0.8

/** The address of all proxies: only the limit of all places holds for it. */
const PROXIES = ''

export class ConnectionPlaces {
  readonly #max: number
  readonly #perKeyMax: number
  /** By key, the longest-waiting first. */
  readonly #places = new Map<string, Set<Place>>()
  #count = 0
  readonly #report: (reason: 'yielded' | 'refused') => void
  /** Connections closed for newcomers, and newcomers refused because none could be closed. */
  readonly counts = { yielded: 0, refused: 0 }

  constructor(limits: { max: number; perKeyMax: number; report(reason: 'yielded' | 'refused'): void }) {
    this.#max = limits.max
    this.#perKeyMax = limits.perKeyMax
    this.#report = limits.report
  }

  get count(): number {
    return this.#count
  }

  get isCrowded(): boolean {
    return this.#count > this.#max * CROWDED
  }

  /** Give a newcomer a place. False = there is none, for everybody in its way is being answered. */
  take(newcomer: Place): boolean {
    const own = this.#places.get(newcomer.key ?? PROXIES)
    const isAtItsLimit = newcomer.key !== undefined && (own?.size ?? 0) >= this.#perKeyMax
    if (isAtItsLimit && !this.#makeRoomAmong([own!])) return this.#refuse()
    if (!isAtItsLimit && this.#count >= this.#max && !this.#makeRoomAmong(this.#largestFirst())) {
      return this.#refuse()
    }
    this.#add(newcomer)
    return true
  }

  /** The connection has gone. Harmless when it has no place. */
  release(place: Place): void {
    const key = place.key ?? PROXIES
    const places = this.#places.get(key)
    if (places === undefined || !places.delete(place)) return
    this.#count--
    if (places.size === 0) this.#places.delete(key)
  }

  /** The connection begins to wait: it is the last of its address to yield. */
  waitsAnew(place: Place): void {
    const places = this.#places.get(place.key ?? PROXIES)
    if (places?.delete(place)) places.add(place)
  }

  #add(place: Place): void {
    const key = place.key ?? PROXIES
    const places = this.#places.get(key)
    if (places === undefined) this.#places.set(key, new Set([place]))
    else places.add(place)
    this.#count++
  }

  #refuse(): false {
    this.counts.refused++
    this.#report('refused')
    return false
  }

  #largestFirst(): Set<Place>[] {
    return [...this.#places.values()].sort((a, b) => b.size - a.size)
  }

  #makeRoomAmong(groups: Iterable<Set<Place>>): boolean {
    for (const places of groups) {
      for (const place of places) {
        if (!place.mayYield()) continue
        this.release(place)
        this.counts.yielded++
        place.yield()
        this.#report('yielded')
        return true
      }
    }
    return false
  }
}
