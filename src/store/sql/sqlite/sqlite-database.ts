/**
 * The embedded database: SQLite, one file in DATA_DIR.
 *
 * A commit is on disk before it is answered (WAL, `synchronous=FULL`). One handle writes; others read, each on a state of
 * its own, and hold nobody up. An operation is carried out in one stretch, so nothing else runs on the thread meanwhile.
 */
import { DatabaseSync } from '@photostructure/sqlite'
import { DatabaseUnavailableError, DuplicateKeyError, RowRefusedError } from '../../../errors/errors.js'
import type { Operation, Row, Step, Table, Value, Wanted } from '../../ports/database.js'
import type { SchemaDatabase, SchemaStep } from '../../ports/schema.js'
import { checkStep } from '../check-step.js'
import {
  bound,
  changeSchema,
  countRange,
  createTable,
  deleteRow,
  insertRow,
  rowOf,
  selectOne,
  selectRange,
  updateRow,
  valuesOf,
} from './statements.js'

export interface SqliteOptions {
  path: string
  /** Reads only; the file has to be there. */
  readOnly: boolean
  /** So much was written that it is time for a checkpoint. */
  onGrown?: () => void
}

type Handle = InstanceType<typeof DatabaseSync>
type Statement = ReturnType<Handle['prepare']>

/** A reader that comes while the log of the writer is moved into the file waits so long. */
const BUSY_MS = 5_000
/** Extended codes of SQLite end in the code of their kind. */
const KIND = 0xff
const SQLITE_CONSTRAINT = 19
const SQLITE_TOOBIG = 18
const NO_LIMIT = -1
/** Of the writer; SQLite's own is 2,000. What a few thousand users change again and again is then not read each time. */
const CACHE_KIB = 16_384
/** Rows written between two checkpoints: each changes a page or more, and a page that changes again is moved once. */
const ROWS_A_CHECKPOINT = 4_000
/** Pages of the log (32 MiB) after which the writer makes a checkpoint by itself, where nobody else has. */
const LOG_PAGES_MAX = 8_000

export class SqliteDatabase implements SchemaDatabase {
  readonly #handle: Handle
  readonly #statements = new Map<string, Statement>()
  readonly #readOnly: boolean
  readonly #onGrown: () => void
  #rowsWritten = 0

  private constructor(handle: Handle, readOnly: boolean, onGrown: () => void) {
    this.#handle = handle
    this.#readOnly = readOnly
    this.#onGrown = onGrown
  }

  /** Throws DATABASE_UNAVAILABLE. */
  static open({ path, readOnly, onGrown = () => {} }: SqliteOptions): SqliteDatabase {
    return mapErrors(() => {
      const handle = new DatabaseSync(path, { readOnly, timeout: BUSY_MS })
      if (!readOnly) {
        handle.exec('PRAGMA journal_mode=WAL')
        handle.exec(`PRAGMA cache_size=-${CACHE_KIB}`)
        handle.exec(`PRAGMA wal_autocheckpoint=${LOG_PAGES_MAX}`)
      }
      handle.exec('PRAGMA synchronous=FULL')
      return new SqliteDatabase(handle, readOnly, onGrown)
    })
  }

  /** Make the tables that are absent. */
  create(tables: readonly Table[]): void {
    mapErrors(() => {
      for (const statement of tables.flatMap(createTable)) this.#handle.exec(statement)
    })
  }

  async hasTable(name: string): Promise<boolean> {
    return mapErrors(() => this.#has(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, name))
  }

  async change(step: SchemaStep): Promise<void> {
    mapErrors(() => {
      if (this.#isDone(step)) return
      for (const statement of changeSchema(step)) this.#handle.exec(statement)
    })
  }

  /** The machine's: the file has no other. */
  async clockMs(): Promise<number> {
    return Date.now()
  }

  async write<T>(begin: () => Operation<T>): Promise<T> {
    const result = this.#transact('BEGIN IMMEDIATE', begin())
    if (this.#rowsWritten >= ROWS_A_CHECKPOINT) {
      this.#rowsWritten = 0
      this.#onGrown()
    }
    return result
  }

  async read<T>(begin: () => Operation<T>): Promise<T> {
    return this.#transact('BEGIN', begin())
  }

  /** After its writer's close the file alone has everything, whoever has it open for reading. */
  async close(): Promise<void> {
    this.#statements.clear()
    if (!this.#handle.isOpen) return
    try {
      if (!this.#readOnly) this.#handle.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // A full disk, say: what is in the log is in the log.
    }
    this.#handle.close()
  }

  #isDone(step: SchemaStep): boolean {
    if (step.kind !== 'addColumn' && step.kind !== 'dropColumn') return false
    const table = typeof step.table === 'string' ? step.table : step.table.name
    const isThere = this.#has('SELECT 1 FROM pragma_table_info(?) WHERE name = ?', table, step.column)
    return isThere === (step.kind === 'addColumn')
  }

  #has(sql: string, ...names: string[]): boolean {
    return this.#prepare(sql).get(...names) !== undefined
  }

  #transact<T>(begin: string, operation: Operation<T>): T {
    return mapErrors(() => {
      this.#prepare(begin).run()
      try {
        const result = this.#drive(operation)
        this.#prepare('COMMIT').run()
        return result
      } catch (error) {
        // A full disk may have rolled it back already.
        if (this.#handle.isTransaction) this.#prepare('ROLLBACK').run()
        throw error
      }
    })
  }

  #drive<T>(operation: Operation<T>): T {
    let next = operation.next()
    while (!next.done) next = operation.next(this.#carryOut(next.value))
    return next.value
  }

  #carryOut(step: Step): unknown {
    checkStep(step)
    const { table } = step
    switch (step.kind) {
      case 'lock':
        return this.#lock(table, step.rows)
      case 'find':
        return this.#find(table, step)
      case 'scan': {
        const { range } = step
        const rows = this.#select(selectRange(table, range)).all(
          ...rangeValues(range),
        ) as unknown as Value[][]
        const names = Object.keys(table.columns)
        return rows.map((values) => rowOf(table, values, names))
      }
      case 'count': {
        const { range } = step
        return (this.#prepare(countRange(table, range)).get(...rangeValues(range)) as { total: number }).total
      }
      case 'insert':
        return this.#each(insertRow(table, 'fail'), step.rows, (row) => valuesOf(table, row))
      case 'put':
        return this.#each(insertRow(table, 'replace'), step.rows, (row) => valuesOf(table, row))
      case 'update':
      case 'raise':
        for (const { key, set } of step.changes) {
          const names = Object.keys(set)
          const statement = this.#prepare(updateRow(table, names, step.kind === 'raise'))
          statement.run(...names.map((name) => bound(set[name]!)), ...key)
        }
        this.#rowsWritten += step.changes.length
        return
      case 'remove':
        return this.#each(deleteRow(table), step.keys, (key) => key)
    }
  }

  /** The transaction has the only lock there is. Most rows are there, and looking is cheaper than trying to insert. */
  #lock(table: Table, rows: readonly Row[]): Row[] {
    const keys = rows.map((row) => table.key.map((name) => row[name]!))
    const all = { order: 'key', keys, columns: Object.keys(table.columns) }
    const found = this.#find(table, all)
    const absent = rows.filter((_, index) => found[index] === undefined)
    if (absent.length === 0) return found as Row[]
    this.#each(insertRow(table, 'ignore'), absent, (row) => valuesOf(table, row))
    return this.#find(table, all) as Row[]
  }

  #find(table: Table, { order, keys, columns }: Wanted): (Row | undefined)[] {
    const statement = this.#select(selectOne(table, order, columns))
    return keys.map((key) => {
      const values = statement.get(...key) as Value[] | undefined
      return values && rowOf(table, values, columns)
    })
  }

  #each<T>(sql: string, items: readonly T[], values: (item: T) => readonly Value[]): void {
    const statement = this.#prepare(sql)
    for (const item of items) statement.run(...values(item))
    this.#rowsWritten += items.length
  }

  /** Its rows are arrays: the driver takes twice as long to make objects of them. */
  #select(sql: string): Statement {
    const isKnown = this.#statements.has(sql)
    const statement = this.#prepare(sql)
    if (!isKnown) statement.setReturnArrays(true)
    return statement
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#handle.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }
}

function rangeValues({ prefix, from, to, limit = NO_LIMIT, offset = 0 }: (Step & { kind: 'scan' })['range']) {
  const bounds = [from, to].filter((value) => value !== undefined)
  return [...prefix, ...bounds, limit, offset] as Value[]
}

/** Errors of the driver become ours; those of the operation itself pass. */
function mapErrors<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    const { errcode, message } = error as Error & { errcode?: number }
    if (errcode === undefined) throw error
    if ((errcode & KIND) === SQLITE_CONSTRAINT) throw new DuplicateKeyError(message, { cause: error })
    if ((errcode & KIND) === SQLITE_TOOBIG) throw new RowRefusedError(message, { cause: error })
    throw new DatabaseUnavailableError(`the database cannot be read or written: ${message}`, { cause: error })
  }
}
