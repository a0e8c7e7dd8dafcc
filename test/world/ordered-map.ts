/** A map whose keys are kept in order, for models of databases. */
import type { Value } from '../../src/store/ports/database.js'

export class OrderedMap<V> {
  readonly #keys: string[] = []
  readonly #values = new Map<string, V>()

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#placeOf(key), 0, key)
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#placeOf(key), 1)
  }

  /** Those whose keys begin so, in order. */
  *startingWith(prefix: string): Iterable<[string, V]> {
    for (let i = this.#placeOf(prefix); this.#keys[i]?.startsWith(prefix); i++) {
      const key = this.#keys[i]!
      yield [key, this.#values.get(key)!]
    }
  }

  /** Where a key is, or would be. */
  #placeOf(key: string): number {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

const DIGITS = 16

/**
 * Values as one text, a character a byte. Texts sort as a database sorts the values: null first, numbers by size, ids
 * and bytes by their bytes. The text of the first values begins that of all.
 */
export function encode(values: readonly Value[]): string {
  return values.map(encodeOne).join('')
}

function encodeOne(value: Value): string {
  if (value === null) return '0'
  if (typeof value === 'number') {
    // Below 0 the distance to the least, so that no sum is beyond 2^53.
    const [sign, distance] = value < 0 ? ['1', value + 2 ** 53] : ['2', value]
    return `${sign}${String(distance).padStart(DIGITS, '0')}`
  }
  const text = Buffer.from(value as string).toString('latin1')
  return `3${text.replaceAll('\0', '\0\xff')}\0\0`
}
