/**
 * A database server that speaks MySQL: MySQL 8, MariaDB.
 *
 * Writes are transactions at READ COMMITTED, so that rows which are not there are not locked either; reads see the state
 * of one moment. What the server gives up in a conflict is begun again from the start, since some of its errors undo
 * the statement alone and some the transaction.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DuplicateKeyError } from '../../../errors/errors.js'
import type { MysqlUrl } from '../../../net/mysql-url.js'
import type { Operation, Row, Step, Table, Wanted } from '../../ports/database.js'
import type { SchemaDatabase, SchemaStep } from '../../ports/schema.js'
import { checkStep } from '../check-step.js'
import { TransactionFailedError } from './failures.js'
import { SessionPool } from './pool.js'
import { changeTables } from './schema-changes.js'
import type { Answer, Session } from './session.js'
import {
  changeRows,
  countRange,
  createTable,
  insertRows,
  keyOf,
  putRows,
  removeRows,
  rowOf,
  selectMany,
  selectRange,
} from './statements.js'

export interface MysqlOptions {
  address: MysqlUrl
  /** Connections that write, and others that read. */
  writersMax: number
  readersMax: number
  /** What the server has not answered after this long is given up, and its connection closed. At least 2,000. */
  statementMs: number
}

/** And none begins later than a statement may take: who has waited in vain so long does not wait again. */
const ATTEMPTS_MAX = 8
/** Between two attempts: doubled for each, and of that a random part, so that the two of a deadlock do not meet again. */
const PAUSE_MIN_MS = 10
const PAUSE_MAX_MS = 500
/** A lock is given up before the statement that waits for it is, so that the connection stays. */
const LOCK_WAIT_PART = 0.5

export class MysqlDatabase implements SchemaDatabase {
  readonly #writers: SessionPool
  readonly #readers: SessionPool
  readonly #options: MysqlOptions

  private constructor(options: MysqlOptions) {
    const { address, writersMax, readersMax, statementMs } = options
    this.#options = options
    // Without strictness the server cuts what is too long, and says nothing.
    const strict = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1"
    const lockWaitS = Math.max(1, Math.floor((statementMs * LOCK_WAIT_PART) / 1_000))
    const isolation = (level: string) => `SET SESSION TRANSACTION ISOLATION LEVEL ${level}`
    this.#writers = new SessionPool({
      address,
      connectionsMax: writersMax,
      deadlineMs: statementMs,
      settings: [strict, isolation('READ COMMITTED'), `SET SESSION innodb_lock_wait_timeout = ${lockWaitS}`],
      begin: 'START TRANSACTION',
    })
    this.#readers = new SessionPool({
      address,
      connectionsMax: readersMax,
      deadlineMs: statementMs,
      settings: [strict, isolation('REPEATABLE READ')],
      begin: 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
    })
  }

  /** Rejects with DATABASE_UNAVAILABLE where the server cannot be reached, or does not let us in. */
  static async open(options: MysqlOptions): Promise<MysqlDatabase> {
    const database = new MysqlDatabase(options)
    try {
      await database.read(function* () {})
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }

  /** Make the tables that are absent. */
  async create(tables: readonly Table[]): Promise<void> {
    // The server commits before and after each such statement.
    const statements = tables.map((table) => ({ sql: createTable(table), parameters: [] }))
    await transact(this.#writers, (session) => session.carryOut(statements))
  }

  async hasTable(name: string): Promise<boolean> {
    const where = `table_schema = DATABASE() AND table_name = '${name}'`
    const rows = await this.#readers.ask(`SELECT 1 FROM information_schema.tables WHERE ${where}`)
    return rows.length > 0
  }

  async change(step: SchemaStep): Promise<void> {
    const { address, statementMs } = this.#options
    await changeTables(address, statementMs, step)
  }

  /** UTC, because an hour of local time comes twice in autumn. */
  async clockMs(): Promise<number> {
    const now = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000"
    const [[nowMs] = []] = await this.#readers.ask(`SELECT ${now}`)
    return nowMs as number
  }

  async write<T>(begin: () => Operation<T>): Promise<T> {
    return transact(this.#writers, (session) => drive(session, begin()))
  }

  async read<T>(begin: () => Operation<T>): Promise<T> {
    return transact(this.#readers, (session) => drive(session, begin()))
  }

  async close(): Promise<void> {
    await Promise.all([this.#writers.close(), this.#readers.close()])
  }
}

async function transact<T>(pool: SessionPool, act: (session: Session) => Promise<T>): Promise<T> {
  const endMs = performance.now() + pool.deadlineMs
  for (let attempt = 1; ; attempt++) {
    const session = await pool.open()
    try {
      const result = await act(session)
      await session.commit()
      return result
    } catch (error) {
      await session.undo()
      if (!(error instanceof TransactionFailedError)) throw error
      const { failure } = error
      if (!failure.isRepeatable || attempt === ATTEMPTS_MAX || performance.now() > endMs) throw failure.error
    }
    await sleep(Math.random() * Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** attempt))
  }
}

async function drive<T>(session: Session, operation: Operation<T>): Promise<T> {
  let next = operation.next()
  while (!next.done) {
    checkStep(next.value)
    next = operation.next(await carryOut(session, next.value))
  }
  return next.value
}

async function carryOut(session: Session, step: Step): Promise<unknown> {
  const { table } = step
  switch (step.kind) {
    case 'lock': {
      await session.carryOut(insertRows(table, step.rows, 'lock'))
      const keys = step.rows.map((row) => keyOf(table, row))
      const all = { order: 'key', keys, columns: Object.keys(table.columns) }
      const rows = inOrder(table, all, await session.ask(selectMany(table, all, true)))
      // The server takes a row with the same entry of another unique index for the same row.
      if (rows.includes(undefined))
        throw new DuplicateKeyError(`${table.name}: such an entry of an index is there`)
      return rows
    }
    case 'find':
      return inOrder(table, step, await session.ask(selectMany(table, step)))
    case 'scan':
      return (await session.ask([selectRange(table, step.range)])).map((values) => rowOf(table, values))
    case 'count': {
      const [[total] = []] = await session.ask([countRange(table, step.range)])
      return total
    }
    case 'insert':
      return session.carryOut(insertRows(table, step.rows, 'fail'))
    case 'put':
      return session.carryOut(putRows(table, step.rows))
    case 'update':
    case 'raise':
      return session.carryOut(changeRows(table, step.changes, step.kind === 'raise'))
    case 'remove':
      return session.carryOut(removeRows(table, step.keys))
  }
}

function inOrder(table: Table, { keys, columns }: Wanted, answer: Answer): (Row | undefined)[] {
  const rows: (Row | undefined)[] = keys.map(() => undefined)
  for (const values of answer) rows[values[0] as number] = rowOf(table, values, columns, 1)
  return rows
}
