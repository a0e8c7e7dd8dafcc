/** The SQL of each kind of step, for SQLite: one row at a time, because a prepared statement is cheapest so. */
import type { ColumnKind, Order, Range, Row, Table, Value } from '../../ports/database.js'
import type { SchemaStep } from '../../ports/schema.js'
import { columnsOf, sortedBy } from '../orders.js'
import { addedType, defaultOf } from '../schema/added-column.js'

const TYPES: Record<ColumnKind, string> = { int: 'INTEGER', id: 'TEXT', text: 'TEXT', bytes: 'BLOB' }

/** Statements that make a table and its indexes where they are absent. Rows lie in the order of their key. */
export function createTable(table: Table): string[] {
  const columns = Object.entries(table.columns).map(
    ([name, { kind, isNullable }]) => `${quote(name)} ${TYPES[kind]}${isNullable ? '' : ' NOT NULL'}`,
  )
  const indexes = Object.keys(table.indexes).map((name) => createIndex(table, name))
  return [
    `CREATE TABLE IF NOT EXISTS ${quote(table.name)} (${columns.join(', ')}, PRIMARY KEY (${list(table.key)})) ` +
      'WITHOUT ROWID',
    ...indexes,
  ]
}

function createIndex(table: Table, name: string): string {
  const { columns, isUnique } = table.indexes[name]!
  return (
    `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX IF NOT EXISTS ${quote(`${table.name}_${name}`)} ` +
    `ON ${quote(table.name)} (${list(columns)})`
  )
}

/** Statements that carry a step out; of columns alone the engine cannot be asked to leave what is there. */
export function changeSchema(step: SchemaStep): string[] {
  switch (step.kind) {
    case 'makeTable':
      return createTable(step.table)
    case 'addColumn': {
      const { table, column, initial } = step
      return [
        `ALTER TABLE ${quote(table.name)} ADD COLUMN ${quote(column)} ${addedType(TYPES, step)}${defaultOf(initial)}`,
      ]
    }
    case 'addIndex':
      return [createIndex(step.table, step.index)]
    case 'dropIndex':
      return [`DROP INDEX IF EXISTS ${quote(`${step.table}_${step.index}`)}`]
    case 'dropColumn':
      return [`ALTER TABLE ${quote(step.table)} DROP COLUMN ${quote(step.column)}`]
    case 'dropTable':
      return [`DROP TABLE IF EXISTS ${quote(step.table)}`]
  }
}

export function selectOne(table: Table, order: Order, names: readonly string[]): string {
  return `SELECT ${list(names)} FROM ${quote(table.name)} WHERE ${equal(columnsOf(table, order))}`
}

/** Parameters: the prefix, then `from` and `to` where given, limit and offset. */
export function selectRange(table: Table, range: Range, what = select(table)): string {
  const columns = columnsOf(table, range.order)
  const width = range.prefix.length
  const next = columns[width]
  const conditions = columns.slice(0, width).map((name) => `${quote(name)} = ?`)
  if (range.from !== undefined) conditions.push(`${quote(next!)} >= ?`)
  if (range.to !== undefined) conditions.push(`${quote(next!)} <= ?`)
  const direction = range.isDescending ? ' DESC' : ''
  const order = sortedBy(table, range.order, width).map((name) => quote(name) + direction)
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''
  return `${what}${where}${order.length > 0 ? ` ORDER BY ${order.join(', ')}` : ''} LIMIT ? OFFSET ?`
}

export function countRange(table: Table, range: Range): string {
  return `SELECT count(*) AS total FROM (${selectRange(table, range, `SELECT 1 FROM ${quote(table.name)}`)})`
}

/** A row with the same key: the new one fails, is dropped, or takes its place. In any other unique index it fails. */
export function insertRow(table: Table, otherwise: 'fail' | 'ignore' | 'replace'): string {
  const names = Object.keys(table.columns)
  const marks = names.map(() => '?').join(', ')
  const insert = `INSERT INTO ${quote(table.name)} (${list(names)}) VALUES (${marks})`
  if (otherwise === 'fail') return insert
  const sets = names.filter((name) => !table.key.includes(name))
  const isIgnored = otherwise === 'ignore' || sets.length === 0
  const act = isIgnored
    ? 'NOTHING'
    : `UPDATE SET ${sets.map((name) => `${quote(name)} = excluded.${quote(name)}`).join(', ')}`
  return `${insert} ON CONFLICT (${list(table.key)}) DO ${act}`
}

/** Parameters: the new values, then the key. */
export function updateRow(table: Table, names: readonly string[], isRaise: boolean): string {
  const sets = names.map((name) =>
    isRaise ? `${quote(name)} = max(${quote(name)}, ?)` : `${quote(name)} = ?`,
  )
  return `UPDATE ${quote(table.name)} SET ${sets.join(', ')} WHERE ${equal(table.key)}`
}

export function deleteRow(table: Table): string {
  return `DELETE FROM ${quote(table.name)} WHERE ${equal(table.key)}`
}

/** A row's values in the order of the columns. */
export function valuesOf(table: Table, row: Row): Value[] {
  return Object.keys(table.columns).map((name) => bound(row[name]!))
}

/** A value as it is bound: SQLite cuts a text at U+0000, so one that has it is stored as bytes. */
export function bound(value: Value): Value {
  return typeof value === 'string' && value.includes('\0') ? Buffer.from(value) : value
}

/** A row as it was put in, or some columns of it, from their values. */
export function rowOf(table: Table, values: readonly Value[], names: readonly string[]): Row {
  const row: Row = {}
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!
    const value = values[index]!
    const isBoundText = value instanceof Uint8Array && table.columns[name]!.kind === 'text'
    row[name] = isBoundText ? Buffer.from(value).toString() : value
  }
  return row
}

function select(table: Table): string {
  return `SELECT ${list(Object.keys(table.columns))} FROM ${quote(table.name)}`
}

const quote = (name: string) => `"${name}"`
const list = (names: readonly string[]) => names.map(quote).join(', ')
const equal = (names: readonly string[]) => names.map((name) => `${quote(name)} = ?`).join(' AND ')
