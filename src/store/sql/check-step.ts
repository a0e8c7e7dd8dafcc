/**
 * Whether a step keeps to the port, before an engine sees it. Databases differ in what they make of a value that does
 * not fit: they round it, cut it, or store something else. So a mistake of an operation fails here, as a TypeError.
 */
import type { Column, ColumnKind, Range, Step, Table, Value } from '../ports/database.js'
import { isId, isTextWithin } from '../ports/ids.js'
import { columnsOf, isInOrder, isUnique } from './orders.js'

/** In bytes, of UTF-8 where it is text. */
const LONGEST = { text: 64 * 1024, bytes: 16 * 1024 * 1024 } as const
/** Of bytes in a key or an index: more cannot be ordered by MySQL. */
const ORDERED_BYTES_MAX = 255

/** Throws TypeError; the message names table and column, and no value. */
export function checkStep(step: Step): void {
  const { table } = step
  switch (step.kind) {
    case 'lock':
    case 'insert':
    case 'put':
      for (const row of step.rows) {
        for (const name in table.columns) checkValue(table, name, row[name])
      }
      return
    case 'find':
      if (!isUnique(table, step.order)) throw new TypeError(`${table.name}: ${step.order} is not unique`)
      for (const name of step.columns)
        if (!(name in table.columns)) throw new TypeError(`${table.name} has no column ${name}`)
      return checkKeys(table, columnsOf(table, step.order), step.keys)
    case 'remove':
      return checkKeys(table, table.key, step.keys)
    case 'scan':
    case 'count':
      return checkRange(table, step.range)
    case 'update':
    case 'raise':
      for (const { key, set } of step.changes) {
        checkKeys(table, table.key, [key])
        const names = Object.keys(set)
        if (names.length === 0) throw new TypeError(`${table.name}: a change of no column`)
        for (const name of names) {
          if (table.key.includes(name)) throw new TypeError(`${table.name}: ${name} is of the key`)
          checkValue(table, name, set[name])
          if (step.kind === 'raise' && typeof set[name] !== 'number')
            throw new TypeError(`${table.name}: ${name} is no number`)
        }
      }
  }
}

function checkKeys(table: Table, names: readonly string[], keys: readonly (readonly Value[])[]): void {
  for (const key of keys) {
    if (key.length !== names.length) throw new TypeError(`${table.name}: a key has ${names.length} columns`)
    for (const [i, name] of names.entries()) checkValue(table, name, key[i])
  }
}

function checkRange(table: Table, { order, prefix, from, to, limit = 0, offset = 0 }: Range): void {
  const names = columnsOf(table, order)
  for (const [i, value] of prefix.entries()) checkValue(table, names[i], value)
  for (const bound of [from, to]) {
    if (bound !== undefined) checkValue(table, names[prefix.length], bound)
  }
  for (const number of [limit, offset]) {
    if (!Number.isSafeInteger(number) || number < 0)
      throw new TypeError(`${table.name}: limit or offset is none`)
  }
}

/** `name`: undefined for a value beyond the last column of a key or an order. */
function checkValue(table: Table, name: string | undefined, value: Value | undefined): void {
  const column = name === undefined ? undefined : table.columns[name]
  if (name === undefined || column === undefined)
    throw new TypeError(`${table.name} has no column ${name ?? 'for that'}`)
  if (value === null && column.isNullable) return
  if (!FITS[column.kind](value) || (column.kind === 'bytes' && !fitsOrder(table, name, value as Uint8Array)))
    throw new TypeError(`${table.name}: ${name} is given what is no ${kindText(column)}`)
}

const FITS: Record<ColumnKind, (value: unknown) => boolean> = {
  int: Number.isSafeInteger,
  id: isId,
  text: (value) => isTextWithin(value, LONGEST.text),
  bytes: (value) => value instanceof Uint8Array && value.length <= LONGEST.bytes,
}

/** A table's bytes that are of no key or index, which is asked once. */
const unordered = new WeakMap<Table, Set<string>>()

function fitsOrder(table: Table, name: string, value: Uint8Array): boolean {
  if (value.length <= ORDERED_BYTES_MAX) return true
  let names = unordered.get(table)
  if (names === undefined) {
    names = new Set(Object.keys(table.columns).filter((column) => !isInOrder(table, column)))
    unordered.set(table, names)
  }
  return names.has(name)
}

const kindText = ({ kind, isNullable }: Column) => (isNullable ? `${kind} or null` : kind)
