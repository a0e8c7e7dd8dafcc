/**
 * The right to migrate: one process has it at a time, for a while, by the clock of the database. A process that has died
 * loses it by time. One that was away for longer than that finds out before its next step.
 */
import { SchemaLeaseLostError } from '../../../errors/errors.js'
import type { Operation } from '../../ports/database.js'
import type { SchemaDatabase } from '../../ports/schema.js'
import { giveLeaseUp, holdLease, renewLease, type SchemaState, takeLease } from '../../schema/schema-state.js'

export const LEASE_MS = 15_000

export class SchemaLease {
  readonly #database: SchemaDatabase
  readonly #holder: string
  readonly #leaseMs: number
  readonly #timer: NodeJS.Timeout
  /** Renewals go one after another, and none follows the end. */
  #renewing: Promise<unknown> = Promise.resolve()

  private constructor(database: SchemaDatabase, holder: string, leaseMs: number) {
    this.#database = database
    this.#holder = holder
    this.#leaseMs = leaseMs
    // One that is lost leaves another before the lease is over. Whether it is lost is asked before each step.
    this.#timer = setInterval(() => {
      this.#renewing = this.renew().catch(() => {})
    }, leaseMs / 3)
    this.#timer.unref()
  }

  /** The lease, or the state of the schema, whose holder has it. */
  static async take(
    database: SchemaDatabase,
    holder: string,
    leaseMs: number,
  ): Promise<SchemaLease | SchemaState> {
    // Asked before it is used, so the lease ends a little sooner than it says, and is never taken too early.
    const nowMs = await database.clockMs()
    const state = await database.write(() => takeLease(holder, nowMs, nowMs + leaseMs))
    return state.holder === holder ? new SchemaLease(database, holder, leaseMs) : state
  }

  /** Carries out an operation while nobody else can take the lease. Rejects with SCHEMA_LEASE_LOST. */
  write<T>(begin: () => Operation<T>): Promise<T> {
    const holder = this.#holder
    return this.#database.write(function* () {
      if (!(yield* holdLease(holder))) throw new SchemaLeaseLostError('another process migrates the schema')
      return yield* begin()
    })
  }

  async renew(): Promise<void> {
    const nowMs = await this.#database.clockMs()
    await this.write(() => renewLease(nowMs + this.#leaseMs))
  }

  /** Others need not wait for its end. Never rejects. */
  async giveUp(): Promise<void> {
    clearInterval(this.#timer)
    await this.#renewing
    await this.write(giveLeaseUp).catch(() => {})
  }
}
