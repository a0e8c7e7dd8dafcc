/**
 * A database that may be away, at the start or later: a circuit breaker. While it is away calls fail at once, and it is
 * looked for each second.
 */
import { DatabaseUnavailableError, hasCode } from '../../errors/errors.js'
import type { Database, Operation } from '../ports/database.js'

const LOOK_MS = 1_000

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

export class GuardedDatabase implements Database {
  readonly #open: () => Promise<Database>
  readonly #changed: (fault: DatabaseFault | undefined) => void
  readonly #clock: Clock
  #database: Database | undefined
  #fault: DatabaseFault | undefined
  #stopTimer = () => {}
  #isClosed = false

  /** `open` is called until it succeeds once. `changed` hears when the database is away, and when it is back. */
  constructor(
    open: () => Promise<Database>,
    changed: (fault: DatabaseFault | undefined) => void,
    clock = SYSTEM_CLOCK,
  ) {
    this.#open = open
    this.#changed = changed
    this.#clock = clock
  }

  /** Why it is away; undefined = it is there, as far as is known. */
  get fault(): DatabaseFault | undefined {
    return this.#fault
  }

  /** Resolves when it was looked for once, whether it is there or not. */
  async start(): Promise<void> {
    await this.#look()
  }

  write<T>(begin: () => Operation<T>): Promise<T> {
    return this.#call((database) => database.write(begin))
  }

  read<T>(begin: () => Operation<T>): Promise<T> {
    return this.#call((database) => database.read(begin))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopTimer()
    await this.#database?.close()
  }

  async #call<T>(call: (database: Database) => Promise<T>): Promise<T> {
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

  #isAway(reason: string): void {
    if (this.#isClosed) return
    if (this.#fault === undefined) {
      this.#fault = { reason, sinceMs: this.#clock.nowMs() }
      this.#changed(this.#fault)
    } else this.#fault = { ...this.#fault, reason }
    this.#stopTimer()
    this.#stopTimer = this.#clock.wake(LOOK_MS, () => void this.#look())
  }

  async #look(): Promise<void> {
    try {
      this.#database ??= await this.#open()
      await this.#database.read(function* () {})
    } catch (error) {
      return this.#isAway((error as Error).message)
    }
    if (this.#isClosed) return this.#database.close()
    if (this.#fault === undefined) return
    this.#fault = undefined
    this.#changed(undefined)
  }
}
