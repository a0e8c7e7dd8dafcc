/**
 * A database that may be away, at the start or later: a circuit breaker. While it is away calls fail at once, and it is
 * looked for each second. While it is there it is tended each minute.
 */
import { DatabaseUnavailableError, hasCode } from '../../errors/errors.js'
import type { Database, Operation } from '../ports/database.js'

const LOOK_MS = 1_000
const TEND_MS = 60_000

export interface DatabaseFault {
  reason: string
  /** Unix ms. */
  sinceMs: number
}

/** The time of day, and a timer, which ends with what it returns. */
export interface Clock {
  nowMs(): number
  wake(ms: number, run: () => void): () => void
}

const SYSTEM_CLOCK: Clock = {
  nowMs: Date.now,
  wake: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}

export interface GuardOptions<D> {
  /** Called when the database has been opened or is back, and each minute; when it fails, the database counts as away. */
  tend?: (database: D) => Promise<void>
  clock?: Clock
}

export class GuardedDatabase<D extends Database = Database> implements Database {
  readonly #open: () => Promise<D>
  readonly #changed: (fault: DatabaseFault | undefined) => void
  readonly #tend: (database: D) => Promise<void>
  readonly #clock: Clock
  #database: D | undefined
  #fault: DatabaseFault | undefined
  #stopLooking = () => {}
  #stopTending = () => {}
  #isClosed = false

  /** `open` is called until it succeeds once. `changed` hears when the database is away, and when it is back. */
  constructor(
    open: () => Promise<D>,
    changed: (fault: DatabaseFault | undefined) => void,
    { tend = async () => {}, clock = SYSTEM_CLOCK }: GuardOptions<D> = {},
  ) {
    this.#open = open
    this.#changed = changed
    this.#tend = tend
    this.#clock = clock
  }

  /** Why it is away; undefined = it is there, as far as is known. */
  get fault(): DatabaseFault | undefined {
    return this.#fault
  }

  /** Resolves when it was looked for once, whether it is there or not. */
  async start(): Promise<void> {
    this.#tendLater()
    await this.#look()
  }

  write<T>(begin: () => Operation<T>): Promise<T> {
    return this.#call((database) => database.write(begin))
  }

  read<T>(begin: () => Operation<T>): Promise<T> {
    return this.#call((database) => database.read(begin))
  }

  clockMs(): Promise<number> {
    return this.#call((database) => database.clockMs())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopLooking()
    this.#stopTending()
    await this.#database?.close()
  }

  async #call<T>(call: (database: D) => Promise<T>): Promise<T> {
    const database = this.#database
    if (database === undefined || this.#fault !== undefined) {
      throw new DatabaseUnavailableError(this.#fault?.reason ?? 'the database is being opened')
    }
    try {
      return await call(database)
    } catch (error) {
      if (hasCode(error, 'DATABASE_UNAVAILABLE')) this.#isAway(error.message)
      throw error
    }
  }

  #tendLater(): void {
    this.#stopTending = this.#clock.wake(TEND_MS, () => {
      this.#tendLater()
      if (this.#database === undefined || this.#fault !== undefined) return
      this.#tend(this.#database).catch((error: Error) => this.#isAway(error.message))
    })
  }

  #isAway(reason: string): void {
    if (this.#isClosed) return
    if (this.#fault === undefined) {
      this.#fault = { reason, sinceMs: this.#clock.nowMs() }
      this.#changed(this.#fault)
    } else this.#fault = { ...this.#fault, reason }
    this.#stopLooking()
    this.#stopLooking = this.#clock.wake(LOOK_MS, () => void this.#look())
  }

  async #look(): Promise<void> {
    try {
      this.#database ??= await this.#open()
      await this.#database.read(function* () {})
      await this.#tend(this.#database)
    } catch (error) {
      return this.#isAway((error as Error).message)
    }
    if (this.#isClosed) return this.#database.close()
    if (this.#fault === undefined) return
    this.#fault = undefined
    this.#changed(undefined)
  }
}
