/**
 * The SQL of each kind of step, for MySQL and MariaDB: many rows a statement.
 *
 * Ids and texts are bytes to the server, so that no collation takes two for one and no character set changes them. Of a
 * statement's values the driver makes digits and X'...', which mean the same in every mode of the server.
 */
import type { Change, ColumnKind, Order, Range, Row, Table, Value, Wanted } from '../../ports/database.js'
import type { SchemaStep } from '../../ports/schema.js'
import { columnsOf, isInOrder, sortedBy } from '../orders.js'
import { addedType, defaultOf } from '../schema/added-column.js'

/** What stands for a `?`. */
export type Parameter = number | null | Buffer

export interface Statement {
  sql: string
  parameters: Parameter[]
}

/** Of one statement. A row may be larger, and goes alone then. */
const ROWS_MAX = 500
const BYTES_MAX = 2 * 1024 * 1024
/** MySQL has an offset only beside a limit. */
const NO_LIMIT = '18446744073709551615'

const TYPES: Record<ColumnKind, string> = {
  int: 'BIGINT',
  id: 'VARBINARY(255)',
  text: 'MEDIUMBLOB',
  bytes: 'LONGBLOB',
}

/** Makes a table with its indexes where it is absent. */
export function createTable(table: Table): string {
  const columns = Object.entries(table.columns).map(([name, { kind, isNullable }]) => {
    const isIndexed = isInOrder(table, name)
    if (kind === 'text' && isIndexed) throw new TypeError(`${table.name}: ${name} is text, and in an index`)
    const type = kind === 'bytes' && isIndexed ? TYPES.id : TYPES[kind]
    return `${quote(name)} ${type}${isNullable ? '' : ' NOT NULL'}`
  })
  const indexes = Object.keys(table.indexes).map((name) => indexOf(table, name))
  const parts = [...columns, `PRIMARY KEY (${list(table.key)})`, ...indexes]
  return `CREATE TABLE IF NOT EXISTS ${quote(table.name)} (${parts.join(', ')}) ENGINE = InnoDB`
}

const indexOf = ({ indexes }: Table, name: string) =>
  `${indexes[name]!.isUnique ? 'UNIQUE ' : ''}KEY ${quote(name)} (${list(indexes[name]!.columns)})`

/** Carries a step out, or fails where it is done already: the server has no IF EXISTS for columns and indexes. */
export function changeSchema(step: SchemaStep): string {
  const alter = (table: string, change: string) => `ALTER TABLE ${quote(table)} ${change}`
  switch (step.kind) {
    case 'makeTable':
      return createTable(step.table)
    case 'addColumn': {
      const { table, column, initial } = step
      return alter(table.name, `ADD COLUMN ${quote(column)} ${addedType(TYPES, step)}${defaultOf(initial)}`)
    }
    case 'addIndex':
      return alter(step.table.name, `ADD ${indexOf(step.table, step.index)}`)
    case 'dropIndex':
      return alter(step.table, `DROP KEY ${quote(step.index)}`)
    case 'dropColumn':
      return alter(step.table, `DROP COLUMN ${quote(step.column)}`)
    case 'dropTable':
      return `DROP TABLE IF EXISTS ${quote(step.table)}`
  }
}

/** Answers for each row that is there the place of its key in `keys`, then the values of these columns. */
export function selectMany(table: Table, { order, keys, columns }: Wanted, isLocked = false): Statement[] {
  const places = keys.map((key, place) => [place, ...key])
  return chunksOf(places).map((chunk) => {
    const { source, parameters } = joined(table, order, chunk, 1)
    const values = columns.map((name) => `t.${quote(name)}`)
    const sql = `SELECT ${['v.c0', ...values].join(', ')} FROM ${source}${isLocked ? ' FOR UPDATE' : ''}`
    return { sql, parameters }
  })
}

export function selectRange(table: Table, range: Range): Statement {
  return select(list(Object.keys(table.columns)), table, range)
}

export function countRange(table: Table, range: Range): Statement {
  const { sql, parameters } = select('1', table, range)
  return { sql: `SELECT count(*) FROM (${sql}) found`, parameters }
}

/** A row with the same key makes it fail, or stays as it is and is locked. */
export function insertRows(table: Table, rows: readonly Row[], otherwise: 'fail' | 'lock'): Statement[] {
  const key = quote(table.key[0]!)
  return insert(table, rows, otherwise === 'lock' ? ` ON DUPLICATE KEY UPDATE ${key} = ${key}` : '')
}

/** In other unique indexes than the key the rows have to be alone. */
export function putRows(table: Table, rows: readonly Row[]): Statement[] {
  // MySQL would change the row that has the same entry in any unique index, not the one with the same key.
  if (Object.values(table.indexes).some(({ isUnique }) => isUnique)) {
    const last = [...new Map(rows.map((row) => [identityOf(keyOf(table, row)), row])).values()]
    return [
      ...removeRows(
        table,
        last.map((row) => keyOf(table, row)),
      ),
      ...insertRows(table, last, 'fail'),
    ]
  }
  const others = Object.keys(table.columns).filter((name) => !table.key.includes(name))
  if (others.length === 0) return insertRows(table, rows, 'lock')
  const sets = others.map((name) => `${quote(name)} = VALUES(${quote(name)})`)
  return insert(table, rows, ` ON DUPLICATE KEY UPDATE ${sets.join(', ')}`)
}

/** One statement, or some, for each list of columns that are changed together. */
export function changeRows(table: Table, changes: readonly Change[], isRaise: boolean): Statement[] {
  const merged = new Map<string, Change>()
  for (const { key, set } of changes) {
    const identity = identityOf(key)
    const earlier = merged.get(identity)?.set ?? {}
    merged.set(identity, { key, set: isRaise ? greatest(earlier, set) : { ...earlier, ...set } })
  }
  const byNames = new Map<string, Change[]>()
  for (const change of merged.values()) {
    const names = Object.keys(change.set).sort().join()
    byNames.set(names, [...(byNames.get(names) ?? []), change])
  }
  return [...byNames.values()].flatMap((group) => changeColumns(table, group, isRaise))
}

export function removeRows(table: Table, keys: readonly (readonly Value[])[]): Statement[] {
  return chunksOf(keys).map((chunk) => {
    const { source, parameters } = joined(table, 'key', chunk, 0)
    return { sql: `DELETE t FROM ${source}`, parameters }
  })
}

export const keyOf = (table: Table, row: Row): Value[] => table.key.map((name) => row[name]!)

/** A row, or some columns of it, as the driver gives them, from this place on. */
export function rowOf(
  table: Table,
  values: readonly unknown[],
  names: readonly string[] = Object.keys(table.columns),
  from = 0,
): Row {
  const row: Row = {}
  for (const [i, name] of names.entries()) row[name] = decoded(table.columns[name]!.kind, values[from + i])
  return row
}

function decoded(kind: ColumnKind, value: unknown): Value {
  if (value === null || kind === 'int') return value as Value
  // A copy: the driver's bytes are a part of all that came at once, which would be kept as long as they are.
  return kind === 'bytes' ? new Uint8Array(value as Buffer) : (value as Buffer).toString()
}

/** All of one list of columns, and none twice. */
function changeColumns(table: Table, changes: readonly Change[], isRaise: boolean): Statement[] {
  const names = Object.keys(changes[0]!.set)
  const values = changes.map(({ key, set }) => [...key, ...names.map((name) => set[name]!)])
  const sets = names.map((name, i) => {
    const [own, given] = [`t.${quote(name)}`, `v.c${table.key.length + i}`]
    return `${own} = ${isRaise ? `GREATEST(${own}, ${given})` : given}`
  })
  return chunksOf(values).map((chunk) => {
    const { source, parameters } = joined(table, 'key', chunk, 0)
    return { sql: `UPDATE ${source} SET ${sets.join(', ')}`, parameters }
  })
}

function greatest(a: Row, b: Row): Row {
  const larger = Object.entries(b).map(([name, value]) => [
    name,
    name in a && a[name]! > value! ? a[name]! : value,
  ])
  return { ...a, ...Object.fromEntries(larger) }
}

/**
 * A table `v` of the given values, and beside each the row `t` that it names: its columns from `from` on are those of the
 * order. So each row is found by a look of its own into the index; a list in WHERE is answered by a look at all
 * rows where the server thinks them few, which locks them all.
 */
function joined(table: Table, order: Order, tuples: readonly (readonly Value[])[], from: number) {
  const width = tuples[0]!.length
  const first = Array.from({ length: width }, (_, i) => `? AS c${i}`).join(', ')
  const other = ` UNION ALL SELECT ${marks(width)}`
  const index = order === 'key' ? 'PRIMARY' : order
  const conditions = columnsOf(table, order).map((name, i) => `t.${quote(name)} = v.c${from + i}`)
  const source =
    `(SELECT ${first}${other.repeat(tuples.length - 1)}) v STRAIGHT_JOIN ${quote(table.name)} t ` +
    `FORCE INDEX (${quote(index)}) ON ${conditions.join(' AND ')}`
  return { source, parameters: tuples.flatMap((tuple) => tuple.map(parameter)) }
}

function insert(table: Table, rows: readonly Row[], otherwise: string): Statement[] {
  const names = Object.keys(table.columns)
  const one = `(${marks(names.length)})`
  return chunksOf(rows.map((row) => names.map((name) => row[name]!))).map((chunk) => ({
    sql:
      `INSERT INTO ${quote(table.name)} (${list(names)}) VALUES ` +
      `${one}${`, ${one}`.repeat(chunk.length - 1)}${otherwise}`,
    parameters: chunk.flatMap((values) => values.map(parameter)),
  }))
}

function select(what: string, table: Table, range: Range): Statement {
  const { order, prefix, from, to, isDescending, offset, limit } = range
  const columns = columnsOf(table, order)
  const next = columns[prefix.length]
  const conditions = prefix.map((_, i) => `${quote(columns[i]!)} = ?`)
  if (from !== undefined) conditions.push(`${quote(next!)} >= ?`)
  if (to !== undefined) conditions.push(`${quote(next!)} <= ?`)
  const direction = isDescending ? ' DESC' : ''
  const sorted = sortedBy(table, order, prefix.length).map((name) => quote(name) + direction)
  const parameters = [...prefix, ...[from, to].filter((bound) => bound !== undefined)].map(parameter)
  let sql = `SELECT ${what} FROM ${quote(table.name)} FORCE INDEX (${quote(order === 'key' ? 'PRIMARY' : order)})`
  if (conditions.length > 0) sql += ` WHERE ${conditions.join(' AND ')}`
  if (sorted.length > 0) sql += ` ORDER BY ${sorted.join(', ')}`
  if (limit !== undefined || offset !== undefined) {
    sql += ` LIMIT ${limit === undefined ? NO_LIMIT : '?'} OFFSET ?`
    parameters.push(...[limit, offset ?? 0].filter((number) => number !== undefined))
  }
  return { sql, parameters }
}

function chunksOf<T extends readonly Value[]>(tuples: readonly T[]): T[][] {
  const chunks: T[][] = []
  let [bytes, chunk] = [0, [] as T[]]
  for (const tuple of tuples) {
    const size = tuple.reduce<number>((sum, value) => sum + sizeOf(value), 0)
    if (chunk.length > 0 && (chunk.length === ROWS_MAX || bytes + size > BYTES_MAX)) {
      chunks.push(chunk)
      ;[bytes, chunk] = [0, []]
    }
    chunk.push(tuple)
    bytes += size
  }
  return chunk.length > 0 ? [...chunks, chunk] : chunks
}

const sizeOf = (value: Value) => (value === null || typeof value === 'number' ? 0 : value.length)

function parameter(value: Value): Parameter {
  if (typeof value === 'string') return Buffer.from(value)
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : value
}

/** The same for the same key, and no other: ids have no U+0000, and no other kind is of a key. */
const identityOf = (key: readonly Value[]) =>
  key.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)).join('\0')

const quote = (name: string) => `\`${name}\``
const list = (names: readonly string[]) => names.map(quote).join(', ')
const marks = (count: number) => Array.from({ length: count }, () => '?').join(', ')
