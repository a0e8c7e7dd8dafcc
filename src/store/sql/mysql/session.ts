/** One transaction on one connection. */
import type { PoolConnection } from 'mysql2/promise'
import { within } from './deadline.js'
import { failureOf, TransactionFailedError } from './failures.js'
import type { Parameter, Statement } from './statements.js'

/** What a statement answers: rows as lists of values. Of a statement that changes rows nothing is of use. */
export type Answer = readonly (readonly unknown[])[]

/** Statements of one packet, in bytes. Servers take 16 MiB and more, and each byte of a value is two of its text. */
const PACKET_BYTES_MAX = 4 * 1024 * 1024

/**
 * Statements without an answer wait for the next that has one, and go with it: so a batch of messages costs three or
 * four round trips, whatever it changes. After a failed statement the server carries out none of those that came with it.
 */
export class Session {
  readonly #connection: PoolConnection
  readonly #deadlineMs: number
  #waiting: Statement[]
  #waitingBytes = 0
  #isBegun = false
  #isCommitSent = false
  #isLost = false

  /** `begin`: the statement that begins the transaction. */
  constructor(connection: PoolConnection, begin: string, deadlineMs: number) {
    this.#connection = connection
    this.#deadlineMs = deadlineMs
    this.#waiting = [{ sql: begin, parameters: [] }]
  }

  async carryOut(statements: readonly Statement[]): Promise<void> {
    for (const statement of statements) {
      const bytes = bytesOf(statement)
      if (this.#waitingBytes + bytes > PACKET_BYTES_MAX) await this.#send()
      this.#waiting.push(statement)
      this.#waitingBytes += bytes
    }
  }

  /** The answers of all, one after another. */
  async ask(statements: readonly Statement[]): Promise<Answer> {
    const rows: (readonly unknown[])[] = []
    for (const statement of statements) {
      await this.carryOut([statement])
      const answers = await this.#send()
      rows.push(...answers.at(-1)!)
    }
    return rows
  }

  async commit(): Promise<void> {
    await this.carryOut([{ sql: 'COMMIT', parameters: [] }])
    this.#isCommitSent = true
    await this.#send()
    this.#connection.release()
  }

  /** Undo what is not committed. Never fails: a connection that is closed undoes it too. */
  async undo(): Promise<void> {
    try {
      if (this.#isLost) throw new Error('it is lost')
      if (this.#isBegun) await this.#query('ROLLBACK', [])
      this.#connection.release()
    } catch {
      this.#connection.destroy()
    }
  }

  async #send(): Promise<Answer[]> {
    const statements = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    this.#isBegun = true
    const sql = statements.map((statement) => statement.sql).join('; ')
    const parameters = statements.flatMap((statement) => statement.parameters)
    try {
      const answers = await this.#query(sql, parameters)
      return (statements.length === 1 ? [answers] : answers) as Answer[]
    } catch (cause) {
      const failure = failureOf(cause, this.#isCommitSent)
      this.#isLost = failure.isConnectionLost
      throw new TransactionFailedError(failure)
    }
  }

  async #query(sql: string, values: Parameter[]): Promise<unknown> {
    const answered = this.#connection.query({ sql, values, rowsAsArray: true })
    const [answers] = await within(this.#deadlineMs, answered)
    return answers
  }
}

function bytesOf({ sql, parameters }: Statement): number {
  const ofValues = parameters.reduce<number>(
    (sum, value) => sum + (Buffer.isBuffer(value) ? value.length : 0),
    0,
  )
  return sql.length + ofValues
}
