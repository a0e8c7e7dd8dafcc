/** A step of a migration that goes through a whole table, in the order of its key. */
import type { Operation, Row, RowOf, Table } from '../ports/database.js'
import { ID_BYTES_MAX } from '../ports/ids.js'
import type { FillSlice, FillStep, Position } from '../ports/schema.js'
import { scan, update } from '../ports/steps.js'

/** Of one slice: some milliseconds, so that messages hardly wait for its locks. */
const ROWS = 200

export interface RowsFill<T extends Table> {
  what: string
  /** What becomes of a row; undefined = nothing. Given a changed row, it changes nothing. */
  change(row: RowOf<T>): Partial<RowOf<T>> | undefined
  rows?: number
}

/** The key of the table has numbers and ids alone. */
export function fillRows<T extends Table>(table: T, { what, change, rows = ROWS }: RowsFill<T>): FillStep {
  return { kind: 'fill', what, slice }

  function* slice(from: Position | undefined): Operation<FillSlice> {
    const found = yield* rowsAfter(table, from, rows)
    const changes = found.flatMap((row) => {
      const set = change(row)
      return set === undefined ? [] : [{ key: keyOf(table, row), set: set as Row & Partial<RowOf<T>> }]
    })
    yield* update(table, changes)
    const last = found.at(-1)
    return { next: last && keyOf(table, last), rows: changes.length }
  }
}

const keyOf = (table: Table, row: Row) => table.key.map((name) => row[name] as string | number)

/**
 * The first rows with a key greater than `position`; undefined = of all. They are asked for part by part: those that
 * share all columns of the key but the last, then all but the last two. No row is missed or seen twice, whatever others
 * insert and remove meanwhile, as it would be by a count of rows.
 */
export function* rowsAfter<T extends Table>(
  table: T,
  position: Position | undefined,
  limit: number,
): Operation<RowOf<T>[]> {
  if (position === undefined) return yield* scan(table, [], { limit })
  const found: RowOf<T>[] = []
  for (let width = position.length - 1; width >= 0 && found.length < limit; width--) {
    const from = nextAfter(position[width]!)
    if (from === undefined) continue
    found.push(...(yield* scan(table, position.slice(0, width), { from, limit: limit - found.length })))
  }
  return found
}

/** The least value that is greater: of ids in the order of their bytes. Undefined = there is none. */
export function nextAfter(value: string | number): string | number | undefined {
  if (typeof value === 'number') return value + 1
  const longer = `${value}\u0001`
  if (Buffer.byteLength(longer) <= ID_BYTES_MAX) return longer
  const points = [...value].map((point) => point.codePointAt(0)!)
  for (let last = points.length - 1; last >= 0; last--) {
    const kept = String.fromCodePoint(...points.slice(0, last))
    const point = points[last]! + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : points[last]! + 1
    if (point > LAST_POINT) continue
    const next = kept + String.fromCodePoint(point)
    if (Buffer.byteLength(next) <= ID_BYTES_MAX) return next
  }
  return undefined
}

const FIRST_SURROGATE = 0xd800
const AFTER_SURROGATES = 0xe000
const LAST_POINT = 0x10ffff
