/**
 * The form of the database, and what changes it. Each change is done by programs of two versions that run side by side,
 * and again by whoever takes over from one that died: what is there already is left as it is.
 */
import type { Database, Operation, Table, Value } from './database.js'

export type SchemaStep =
  | { kind: 'makeTable'; table: Table }
  /**
   * Rows that are there get `initial`, and so do those that older programs insert later, which do not know the column. A
   * column of `text` or `bytes` is nullable and begins with null: servers have no other default for them.
   */
  | { kind: 'addColumn'; table: Table; column: string; initial: Value }
  /** A unique one fails where two rows have the same entry; older programs fail later where they insert such a row. */
  | { kind: 'addIndex'; table: Table; index: string }
  | { kind: 'dropIndex'; table: string; index: string }
  | { kind: 'dropColumn'; table: string; column: string }
  | { kind: 'dropTable'; table: string }

/** Where a pass through a table goes on; it is stored as JSON. */
export type Position = readonly (string | number)[]

/** Changes rows, a slice in a transaction. Of rows that have been changed nothing is changed again. */
export interface FillStep {
  kind: 'fill'
  /** For people: `the ranks of things`. */
  what: string
  /** `from`: what the slice before this one gave; undefined = the beginning. */
  slice(from: Position | undefined): Operation<FillSlice>
}

export interface FillSlice {
  /** Undefined = nothing is left. */
  next: Position | undefined
  rows: number
}

/** A database whose tables may be changed. */
export interface SchemaDatabase extends Database {
  hasTable(name: string): Promise<boolean>
  /**
   * Resolves when the step is done, by this call or before it. Rejects with SCHEMA_BUSY where others have used the table
   * for too long at a stretch: they are not held up for longer than a few seconds.
   */
  change(step: SchemaStep): Promise<void>
}
