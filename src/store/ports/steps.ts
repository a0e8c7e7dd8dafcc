/** The steps of operations, with the types of their answers. */
import type {
  Change,
  Column,
  ColumnKind,
  Columns,
  Index,
  Operation,
  Range,
  RowOf,
  Table,
  Value,
} from './database.js'
import { canBeKey } from './ids.js'

const column = <K extends ColumnKind>(kind: K): Column<K, false> => ({ kind, isNullable: false })

/** The kinds of columns. */
export const int = column('int')
export const id = column('id')
export const text = column('text')
export const bytes = column('bytes')

export function nullable<K extends ColumnKind>({ kind }: Column<K, false>): Column<K, true> {
  return { kind, isNullable: true }
}

/** Gives a table its types; no other effect. */
export function defineTable<const C extends Columns>(
  name: string,
  columns: C,
  key: readonly (keyof C & string)[],
  indexes: Record<string, Index & { columns: readonly (keyof C & string)[] }> = {},
): Table<C> {
  return { name, columns, key, indexes }
}

export function* lock<T extends Table>(table: T, rows: readonly RowOf<T>[]): Operation<RowOf<T>[]> {
  return (yield { kind: 'lock', table, rows }) as RowOf<T>[]
}

export function* findMany<T extends Table>(
  table: T,
  keys: readonly (readonly Value[])[],
  order = 'key',
): Operation<(RowOf<T> | undefined)[]> {
  if (keys.length === 0) return []
  if (!keys.every(canBeKey)) return yield* findThose(table, keys, order)
  return (yield { kind: 'find', table, order, keys }) as (RowOf<T> | undefined)[]
}

/** Callers may ask for any text: nothing has a key that no column holds. */
function* findThose<T extends Table>(
  table: T,
  keys: readonly (readonly Value[])[],
  order: string,
): Operation<(RowOf<T> | undefined)[]> {
  const found = yield* findMany(table, keys.filter(canBeKey), order)
  let next = 0
  return keys.map((key) => (canBeKey(key) ? found[next++] : undefined))
}

export function* findOne<T extends Table>(table: T, ...key: Value[]): Operation<RowOf<T> | undefined> {
  return (yield* findMany(table, [key]))[0]
}

export function* scan<T extends Table>(
  table: T,
  prefix: readonly Value[],
  range: Partial<Omit<Range, 'prefix'>> = {},
): Operation<RowOf<T>[]> {
  if (!canBeKey(prefix)) return []
  return (yield { kind: 'scan', table, range: { order: 'key', prefix, ...range } }) as RowOf<T>[]
}

export function* count(table: Table, prefix: readonly Value[]): Operation<number> {
  if (!canBeKey(prefix)) return 0
  return (yield { kind: 'count', table, range: { order: 'key', prefix } }) as number
}

export function* insert<T extends Table>(table: T, rows: readonly RowOf<T>[]): Operation<void> {
  if (rows.length > 0) yield { kind: 'insert', table, rows }
}

export function* put<T extends Table>(table: T, rows: readonly RowOf<T>[]): Operation<void> {
  if (rows.length > 0) yield { kind: 'put', table, rows }
}

type ChangeOf<T extends Table> = Change & { set: Partial<RowOf<T>> }

export function* update<T extends Table>(table: T, changes: readonly ChangeOf<T>[]): Operation<void> {
  if (changes.length > 0) yield { kind: 'update', table, changes }
}

export function* raise<T extends Table>(table: T, changes: readonly ChangeOf<T>[]): Operation<void> {
  if (changes.length > 0) yield { kind: 'raise', table, changes }
}

export function* remove(table: Table, keys: readonly (readonly Value[])[]): Operation<void> {
  if (keys.length > 0) yield { kind: 'remove', table, keys }
}
