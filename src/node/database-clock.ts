/**
 * The time of the database on every thread of the node.
 *
 * `SharedDatabaseClock` lives on a SharedArrayBuffer with one number: how many µs the database is ahead of the monotonic
 * clock that all threads share. The writer measures and writes it, by Atomics; everyone reads it. Until it is measured, it
 * is what the machine's own clock was when the process began.
 */
import { betterReading, type ClockReading, readingOf } from '../rules/messages/database-clock.js'

const SAMPLES = 3
const US_PER_MS = 1_000

/** The clocks of the machine. */
export interface MachineClocks {
  /** Time of day; it may be set. */
  wallMs(): number
  /** Goes on evenly; it has the same beginning on all threads. */
  steadyMs(): number
}

const MACHINE: MachineClocks = { wallMs: Date.now, steadyMs: uptimeMs }

export function createDatabaseClock({ wallMs, steadyMs } = MACHINE): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)
  write(shared, wallMs() - steadyMs())
  return shared
}

export class SharedDatabaseClock {
  readonly #shared: SharedArrayBuffer
  readonly #offsetUs: BigInt64Array
  readonly #steadyMs: () => number
  /** Of the thread that measures. */
  #reading: ClockReading | undefined

  constructor(shared: SharedArrayBuffer, { steadyMs } = MACHINE) {
    this.#shared = shared
    this.#steadyMs = steadyMs
    this.#offsetUs = new BigInt64Array(shared)
  }

  /** The time of day by the clock of the database, in whole ms. */
  readonly nowMs = (): number => {
    return Math.floor(this.#steadyMs() + Number(Atomics.load(this.#offsetUs, 0)) / US_PER_MS)
  }

  /** What was measured last; undefined = this thread has not measured. */
  get reading(): ClockReading | undefined {
    return this.#reading
  }

  /** Asks a few times, since some answers take longer than others. Rejects where the database does not answer. */
  async measure(database: { clockMs(): Promise<number> }): Promise<void> {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const askedMs = this.#steadyMs()
      const databaseMs = await database.clockMs()
      this.#reading = betterReading(
        this.#reading,
        readingOf({ askedMs, answeredMs: this.#steadyMs(), databaseMs }),
      )
    }
    write(this.#shared, this.#reading!.offsetMs)
  }
}

/** `performance.now()` begins with its thread. */
function uptimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1_000 + nanoseconds / 1_000_000
}

function write(shared: SharedArrayBuffer, offsetMs: number): void {
  Atomics.store(new BigInt64Array(shared), 0, BigInt(Math.round(offsetMs * US_PER_MS)))
}
