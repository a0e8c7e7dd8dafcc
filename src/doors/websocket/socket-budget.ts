/**
 * How many TCP connections the WebSocket port may hold, counted from the accept on: also those that have not said a word.
 *
 * Each costs a file descriptor, and a process without any spins in accept, cannot answer its health, and loses its store.
 * So the main thread works out how many fit (`health/descriptors.ts`), and io threads count what they hold. On a
 * SharedArrayBuffer of 32-bit counters: the bound, and one counter for each io thread, which it alone writes.
 */

const BOUND = 0
const FIRST_COUNT = 1

export function createSocketBudget(ioThreads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((FIRST_COUNT + ioThreads) * Int32Array.BYTES_PER_ELEMENT)
}

/** What everybody may read, and the main thread sets. */
export class SocketBudget {
  protected readonly counters: Int32Array

  constructor(shared: SharedArrayBuffer) {
    this.counters = new Int32Array(shared)
  }

  get max(): number {
    return Atomics.load(this.counters, BOUND)
  }

  set max(sockets: number) {
    Atomics.store(this.counters, BOUND, Math.max(0, Math.min(sockets, 2 ** 31 - 1)))
  }

  /** Of all io threads. */
  get open(): number {
    let sum = 0
    for (let at = FIRST_COUNT; at < this.counters.length; at++) sum += Atomics.load(this.counters, at)
    return sum
  }
}

/** The share of one io thread, which begins with none. */
export class ThreadSockets extends SocketBudget {
  readonly #at: number

  constructor(shared: SharedArrayBuffer, index: number) {
    super(shared)
    this.#at = FIRST_COUNT + index
    Atomics.store(this.counters, this.#at, 0)
  }

  add(): void {
    Atomics.add(this.counters, this.#at, 1)
  }

  remove(): void {
    Atomics.sub(this.counters, this.#at, 1)
  }
}
