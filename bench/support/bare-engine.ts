/**
 * The engine of messages without anything around it. What operations ask of the database is written down as SQL with its
 * values, on a file of its own, and then carried out again, on another file that was the same: the same statements and
 * nothing else.
 */
import { DatabaseSync } from '@photostructure/sqlite'
import type { Operation, Row, Step, Table, Value, Wanted } from '../../src/store/ports/database.js'
import { TABLES } from '../../src/store/schema/tables.js'
import { columnsOf } from '../../src/store/sql/orders.js'
import {
  countRange,
  createTable,
  deleteRow,
  insertRow,
  selectOne,
  selectRange,
  updateRow,
  valuesOf,
} from '../../src/store/sql/sqlite/statements.js'

type Handle = InstanceType<typeof DatabaseSync>
type Statement = ReturnType<Handle['prepare']>
type How = 'run' | 'get' | 'all'

/** One statement as it was carried out. */
export interface Query {
  sql: string
  how: How
  values: Value[]
}

const NO_LIMIT = -1

/** Statements that were prepared before. */
class Statements {
  readonly #bySql = new Map<string, Statement>()

  constructor(readonly handle: Handle) {}

  of(sql: string): Statement {
    const known = this.#bySql.get(sql)
    if (known !== undefined) return known
    const statement = this.handle.prepare(sql)
    this.#bySql.set(sql, statement)
    return statement
  }
}

/** Carries operations out, and writes down what it does. Nothing of it is safe from a crash. */
export class Recorder {
  readonly #statements: Statements
  #queries: Query[] = []

  /** Makes the tables where they are absent. */
  constructor(path: string) {
    const handle = new DatabaseSync(path)
    handle.exec('PRAGMA journal_mode=WAL')
    handle.exec('PRAGMA synchronous=OFF')
    for (const sql of TABLES.flatMap(createTable)) handle.exec(sql)
    this.#statements = new Statements(handle)
  }

  record<T>(operation: Operation<T>): { result: T; queries: Query[] } {
    this.#queries = []
    const { handle } = this.#statements
    handle.exec('BEGIN')
    let next = operation.next()
    while (!next.done) next = operation.next(this.#carryOut(next.value))
    handle.exec('COMMIT')
    return { result: next.value, queries: this.#queries }
  }

  close(): void {
    this.#statements.handle.close()
  }

  /** As `SqliteDatabase` does it. */
  #carryOut(step: Step): unknown {
    const { table } = step
    switch (step.kind) {
      case 'lock':
        return this.#lock(table, step.rows)
      case 'find':
        return this.#find(table, step)
      case 'scan':
        return this.#query('all', selectRange(table, step.range), valuesOfRange(step.range))
      case 'count':
        return (this.#query('get', countRange(table, step.range), valuesOfRange(step.range)) as Row).total
      case 'insert':
      case 'put': {
        const sql = insertRow(table, step.kind === 'put' ? 'replace' : 'fail')
        for (const row of step.rows) this.#query('run', sql, valuesOf(table, row))
        return
      }
      case 'update':
      case 'raise':
        for (const { key, set } of step.changes) {
          const names = Object.keys(set)
          const values = [...names.map((name) => set[name]!), ...key]
          this.#query('run', updateRow(table, names, step.kind === 'raise'), values)
        }
        return
      case 'remove':
        for (const key of step.keys) this.#query('run', deleteRow(table), [...key])
    }
  }

  #lock(table: Table, rows: readonly Row[]): (Row | undefined)[] {
    const keys = rows.map((row) => table.key.map((name) => row[name]!))
    const all = { order: 'key', keys, columns: Object.keys(table.columns) }
    const found = this.#find(table, all)
    const absent = rows.filter((_, index) => found[index] === undefined)
    for (const row of absent) this.#query('run', insertRow(table, 'ignore'), valuesOf(table, row))
    return absent.length === 0 ? found : this.#find(table, all)
  }

  #find(table: Table, { order, keys, columns }: Wanted): (Row | undefined)[] {
    const sql = selectOne(table, order, columns)
    if (keys[0] !== undefined && keys[0].length !== columnsOf(table, order).length) {
      throw new TypeError(`${table.name}: a key of another width`)
    }
    return keys.map((key) => this.#query('get', sql, [...key]) as Row | undefined)
  }

  #query(how: How, sql: string, values: Value[]): unknown {
    this.#queries.push({ sql, how, values })
    return this.#statements.of(sql)[how](...values)
  }
}

/** Carries out what was written down, with the settings of the gateway's: a commit is on disk. */
export class BareEngine {
  readonly #statements: Statements

  constructor(path: string) {
    const handle = new DatabaseSync(path)
    handle.exec('PRAGMA journal_mode=WAL')
    handle.exec('PRAGMA synchronous=FULL')
    handle.exec('PRAGMA cache_size=-16384')
    for (const sql of TABLES.flatMap(createTable)) handle.exec(sql)
    this.#statements = new Statements(handle)
  }

  /** The statements are prepared here; what is returned carries them out, in one transaction. */
  transaction(queries: readonly Query[], begin = 'BEGIN IMMEDIATE'): () => void {
    const [first, last] = [this.#statements.of(begin), this.#statements.of('COMMIT')]
    const prepared = queries.map(({ sql, how, values }) => ({
      statement: this.#statements.of(sql),
      how,
      values,
    }))
    // Rows as arrays, which is the cheapest.
    for (const { statement, how } of prepared) if (how !== 'run') statement.setReturnArrays(true)
    return () => {
      first.run()
      for (const { statement, how, values } of prepared) statement[how](...values)
      last.run()
    }
  }

  close(): void {
    this.#statements.handle.close()
  }
}

function valuesOfRange({
  prefix,
  from,
  to,
  limit = NO_LIMIT,
  offset = 0,
}: (Step & { kind: 'scan' })['range']) {
  return [...prefix, ...[from, to].filter((value) => value !== undefined), limit, offset] as Value[]
}
