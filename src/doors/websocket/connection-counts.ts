/**
 * How many connections there are, counted across io threads.
 *
 * `SharedConnectionCounts` lives on a SharedArrayBuffer of 32-bit counters: per io thread one row, of one counter
 * for all its connections and `BUCKETS` for its connections by hash of their address. A thread writes its own row
 * only, by Atomics; everyone reads all rows. So the count of a thread that died is taken back by clearing its row.
 * Two addresses in one bucket are counted together: with 4,096 buckets that is rare, and errs to the safe side.
 */
import { limitKeyOf } from '../../net/address.js'
import { hashOf } from '../../rules/placement.js'

const BUCKETS = 4096
const ROW = 1 + BUCKETS

export function createConnectionCounts(ioThreads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(ioThreads * ROW * Int32Array.BYTES_PER_ELEMENT)
}

export class SharedConnectionCounts {
  readonly #counts: Int32Array
  readonly #row: number
  readonly #prefixV6: number

  /**
   * The view of io thread `index`, whose row is cleared: it has no connection yet. IPv6 addresses that share their
   * first `prefixV6` bits are counted as one.
   */
  constructor(shared: SharedArrayBuffer, index: number, prefixV6: number) {
    this.#prefixV6 = prefixV6
    this.#counts = new Int32Array(shared)
    this.#row = index * ROW
    for (let at = 0; at < ROW; at++) Atomics.store(this.#counts, this.#row + at, 0)
  }

  /** Connections of the process. */
  get total(): number {
    return this.#sum(0)
  }

  ofAddress(address: string): number {
    return this.#sum(this.#bucketOf(address))
  }

  add(address: string): void {
    Atomics.add(this.#counts, this.#row, 1)
    Atomics.add(this.#counts, this.#row + this.#bucketOf(address), 1)
  }

  remove(address: string): void {
    Atomics.sub(this.#counts, this.#row, 1)
    Atomics.sub(this.#counts, this.#row + this.#bucketOf(address), 1)
  }

  #bucketOf(address: string): number {
    return 1 + (hashOf(limitKeyOf(address, this.#prefixV6)) % BUCKETS)
  }

  #sum(column: number): number {
    let sum = 0
    for (let at = column; at < this.#counts.length; at += ROW) sum += Atomics.load(this.#counts, at)
    return sum
  }
}
