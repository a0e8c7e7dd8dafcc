/** A map with a bound, for what may be forgotten: the entry that was set longest ago goes first. */
export class RecentMap<K, V> {
  readonly #countMax: number
  /** Longest ago first. */
  readonly #entries = new Map<K, V>()

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get size(): number {
    return this.#entries.size
  }

  /** Leaves the order as it is: a cache that keeps what is used sets the entry again. */
  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#countMax) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  /** Longest ago first. */
  values(): Iterable<V> {
    return this.#entries.values()
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
