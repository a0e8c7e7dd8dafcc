/** The steps of operations, with the types of their answers. */
import type {
  Change,
  Column,
  ColumnKind,
  Columns,
  Index,
  Operation,
  Order,
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

type NameOf<T extends Table> = keyof RowOf<T>
/** By the key, and whole rows, unless it says otherwise. */
interface How<C> {
  order?: Order
  columns?: readonly C[]
}
type Found<T extends Table, C extends NameOf<T>> = (Pick<RowOf<T>, C> | undefined)[]

export function* findMany<T extends Table, C extends NameOf<T> = NameOf<T>>(
  table: T,
  keys: readonly (readonly Value[])[],
  how: How<C> = {},
): Operation<Found<T, C>> {
  if (keys.length === 0) return []
  if (!keys.every(canBeKey)) return yield* findThose(table, keys, how)
  const { order = 'key', columns = Object.keys(table.columns) } = how
  return (yield { kind: 'find', table, order, keys, columns: columns as string[] }) as Found<T, C>
}

/** Callers may ask for any text: nothing has a key that no column holds. */
function* findThose<T extends Table, C extends NameOf<T>>(
  table: T,
  keys: readonly (readonly Value[])[],
  how: How<C>,
): Operation<Found<T, C>> {
  const found = yield* findMany(table, keys.filter(canBeKey), how)
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
