/**
 * The database: tables with ordered keys, and what an operation asks of them.
 *
 * An operation is a generator: it yields steps, plain data, and gets their answers. So it knows no engine and no driver.
 * SQLite carries a whole operation out in one stretch; a server's engine awaits each step; the simulation's double locks,
 * fails and forgets. An engine is small, because there are few kinds of steps, and each takes many rows at once.
 */

/**
 * `int`: whole, up to 2^53 - 1. `id`: text of at most 255 bytes, compared byte by byte: case and blanks count; without
 * U+0000. `text`: at most 64 KiB, and of no key or index. `bytes`: at most 16 MiB; of a key or an index at most 255.
 */
export type ColumnKind = 'int' | 'id' | 'text' | 'bytes'
export type Value = string | number | Uint8Array | null

export interface Column<K extends ColumnKind = ColumnKind, N extends boolean = boolean> {
  kind: K
  isNullable: N
}

export type Columns = Readonly<Record<string, Column>>

type ValueOf<C extends Column> =
  | (C['kind'] extends 'int' ? number : C['kind'] extends 'bytes' ? Uint8Array : string)
  | (C['isNullable'] extends true ? null : never)

export interface Index {
  columns: readonly string[]
  isUnique: boolean
}

export interface Table<C extends Columns = Columns> {
  readonly name: string
  readonly columns: C
  /** The columns of the primary key; rows are kept in its order. */
  readonly key: readonly string[]
  readonly indexes: Readonly<Record<string, Index>>
}

export type RowOf<T extends Table> = { -readonly [K in keyof T['columns']]: ValueOf<T['columns'][K]> }
export type Row = Record<string, Value>

/** A name of an index, or `key`. */
export type Order = string

/**
 * Rows from one place of an order on: all that have `prefix`, and in its next column a value within the bounds. Rows that
 * are equal in an index follow in the order of the key.
 */
export interface Range {
  order: Order
  prefix: readonly Value[]
  /** Both inclusive. */
  from?: Value
  to?: Value
  isDescending?: boolean
  offset?: number
  limit?: number
}

/** Some columns of the rows with these keys, in an order that is unique. */
export interface Wanted {
  order: Order
  keys: readonly (readonly Value[])[]
  columns: readonly string[]
}

/** A change of some columns of the row with this key. */
export interface Change {
  key: readonly Value[]
  set: Row
}

/**
 * One thing that an operation asks. Rows come and go in the order asked. Of several rows of one step none takes an entry of
 * a unique index that another gives up. A step that fails ends the operation; one without an answer may be found to have
 * failed only with the next answer, or with the commit.
 */
export type Step =
  /** Make the rows that are absent, lock all, and answer them as they are. The rows have to be sorted by key, and each key comes once. */
  | { kind: 'lock'; table: Table; rows: readonly Row[] }
  /** Answers these columns of a row, or undefined, for each key. */
  | ({ kind: 'find'; table: Table } & Wanted)
  | { kind: 'scan'; table: Table; range: Range }
  | { kind: 'count'; table: Table; range: Range }
  /** Fails with DUPLICATE_KEY. */
  | { kind: 'insert'; table: Table; rows: readonly Row[] }
  /** Inserts, or replaces the row with the same key. */
  | { kind: 'put'; table: Table; rows: readonly Row[] }
  /** Of rows that are absent nothing is changed. */
  | { kind: 'update'; table: Table; changes: readonly Change[] }
  /** Numbers become the greater of the old and the new one; rows that are absent stay so. */
  | { kind: 'raise'; table: Table; changes: readonly Change[] }
  | { kind: 'remove'; table: Table; keys: readonly (readonly Value[])[] }

export type Operation<T> = Generator<Step, T, unknown>

/** One connection to a database, or a pool of them. */
export interface Database {
  /**
   * Carry an operation out in one transaction. When it throws, nothing of it is done, and neither when this rejects:
   * with DATABASE_UNAVAILABLE where the database is out of reach or cannot write, DATABASE_CONFLICT where others held its
   * rows for too long, DUPLICATE_KEY or ROW_REFUSED for what it writes. After COMMIT_UNKNOWN alone it may have been done,
   * or may still be. `begin` is called again for another attempt.
   */
  write<T>(begin: () => Operation<T>): Promise<T>
  /** Carry out an operation that only reads, on one state of the database. */
  read<T>(begin: () => Operation<T>): Promise<T>
  /** The time of day by the database's own clock, which all who use it share. ms */
  clockMs(): Promise<number>
  close(): Promise<void>
}
