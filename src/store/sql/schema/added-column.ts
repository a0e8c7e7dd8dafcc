/** What a column that is added later may be: servers have defaults for numbers and ids alone. */
import type { ColumnKind, Value } from '../../ports/database.js'
import type { SchemaStep } from '../../ports/schema.js'

type AddColumn = SchemaStep & { kind: 'addColumn' }

/** The type of the column with `NOT NULL` where it has to be. Throws TypeError. */
export function addedType(types: Record<ColumnKind, string>, { table, column, initial }: AddColumn): string {
  const { kind, isNullable } = table.columns[column]!
  const canBegin = initial === null ? isNullable : typeof initial === (kind === 'int' ? 'number' : 'string')
  if (!canBegin || (initial !== null && (kind === 'text' || kind === 'bytes')))
    throw new TypeError(`${table.name}: ${column} cannot begin with ${initial}`)
  return `${types[kind]}${isNullable ? '' : ' NOT NULL'}`
}

/** Ids that columns begin with have no quotes. */
export function defaultOf(initial: Value): string {
  if (initial === null) return ''
  return typeof initial === 'number' ? ` DEFAULT ${initial}` : ` DEFAULT '${initial}'`
}
