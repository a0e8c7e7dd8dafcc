/**
 * A database that may be away, at the start or later: a circuit breaker. While it is away calls fail at once, and it is
 * looked for each second. While it is there it is tended each minute.
 */
import { DatabaseUnavailableError, hasCode } from '../../errors/errors.js'
import type { Database, Operation } from '../ports/database.js'

const LOOK_MS = 1_000
const TEND_MS = 60_000

type Tend<D> = (database: D) => Promise<void>

export interface DatabaseFault {
  reason: string
  /** Unix ms. */
  sinceMs: number
}

export class GuardedDatabase<D extends Database = Database> implements Database {
  readonly #open: () => Promise<D>
  readonly #tend: Tend<D>
  readonly #changed: (fault: DatabaseFault | undefined) => void
  #database: D | undefined
  #fault: DatabaseFault | undefined
  #timer: NodeJS.Timeout | undefined
  #tending: NodeJS.Timeout | undefined
  #isClosed = false

  /**
   * `open` is called until it succeeds once. `changed` hears when the database is away, and when it is back. `tend` is called
   * when it has been opened or is back, and each minute; when it fails, the database counts as away.
   */
  constructor(
    open: () => Promise<D>,
    changed: (fault: DatabaseFault | undefined) => void,
    tend: Tend<D> = async () => {},
  ) {
    this.#open = open
    this.#changed = changed
    this.#tend = tend
  }

  /** Why it is away; undefined = it is there, as far as is known. */
  get fault(): DatabaseFault | undefined {
    return this.#fault
  }

  /** Resolves when it was looked for once, whether it is there or not. */
  async start(): Promise<void> {
    this.#tending = setInterval(() => void this.#tendOrMiss(), TEND_MS).unref()
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
    clearTimeout(this.#timer)
    clearInterval(this.#tending)
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

  async #tendOrMiss(): Promise<void> {
    if (this.#database === undefined || this.#fault !== undefined) return
    await this.#tend(this.#database).catch((error: Error) => this.#isAway(error.message))
  }

  #isAway(reason: string): void {
    if (this.#isClosed) return
    if (this.#fault === undefined) {
      this.#fault = { reason, sinceMs: Date.now() }
      this.#changed(this.#fault)
    } else this.#fault = { ...this.#fault, reason }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), LOOK_MS)
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
