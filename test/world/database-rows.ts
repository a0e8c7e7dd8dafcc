/** The rows of the model of a database, and how a write and a read see them. */
import type { Range, Row, Table } from '../../src/store/ports/database.js'
import { columnsOf, sortedBy } from '../../src/store/sql/orders.js'
import { encode, OrderedMap } from './ordered-map.js'

/** Rows of one table, by each of its orders. */
export class StoredTable {
  readonly #table: Table
  readonly #orders: Map<string, OrderedMap<Row>>

  constructor(table: Table) {
    this.#table = table
    this.#orders = new Map(['key', ...Object.keys(table.indexes)].map((order) => [order, new OrderedMap()]))
  }

  get(key: string): Row | undefined {
    return this.#orders.get('key')!.get(key)
  }

  set(key: string, row: Row | undefined): void {
    const before = this.get(key)
    for (const [order, rows] of this.#orders) {
      if (before !== undefined) rows.delete(placeIn(this.#table, order, before))
      if (row !== undefined) rows.set(placeIn(this.#table, order, row), row)
    }
  }

  startingWith(order: string, prefix: string): Iterable<[string, Row]> {
    return this.#orders.get(order)!.startingWith(prefix)
  }
}

/** Rows of one table that are other ones here than those that are committed, or are not here. */
class OwnRows extends StoredTable {
  readonly keys = new Set<string>()

  override set(key: string, row: Row | undefined): void {
    this.keys.add(key)
    super.set(key, row)
  }
}

/** All rows, as a write has changed them so far, or as they were when a read began. */
export class View {
  readonly own = new Map<Table, OwnRows>()
  readonly #committed: (table: Table) => StoredTable

  /** `committed`: the rows that all others see. */
  constructor(committed: (table: Table) => StoredTable) {
    this.#committed = committed
  }

  get(table: Table, key: string): Row | undefined {
    const own = this.own.get(table)
    return own?.keys.has(key) ? own.get(key) : this.#committed(table).get(key)
  }

  set(table: Table, key: string, row: Row | undefined): void {
    let own = this.own.get(table)
    if (own === undefined) {
      own = new OwnRows(table)
      this.own.set(table, own)
    }
    own.set(key, row)
  }

  /** A committed row that is about to become another. */
  keep(table: Table, key: string, row: Row | undefined): void {
    if (!this.own.get(table)?.keys.has(key)) this.set(table, key, row)
  }

  scan(table: Table, { order, prefix, from, to, isDescending, offset = 0, limit }: Range): Row[] {
    const start = encode(prefix)
    const own = this.own.get(table)
    const found = [...(own?.startingWith(order, start) ?? [])]
    for (const [place, row] of this.#committed(table).startingWith(order, start)) {
      if (own === undefined || !own.keys.has(keyOf(table, row))) found.push([place, row])
    }
    const next = columnsOf(table, order)[prefix.length]
    const isWithin = (row: Row) => {
      const place = next === undefined ? '' : encode([row[next]!])
      return (from === undefined || encode([from]) <= place) && (to === undefined || place <= encode([to]))
    }
    const rows = found
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
      .filter(isWithin)
    if (isDescending) rows.reverse()
    return rows.slice(offset, limit === undefined ? undefined : offset + limit)
  }
}

export const keyOf = (table: Table, row: Row) => encode(table.key.map((name) => row[name]!))

/** Where a row is in an order: unlike that of any other row. */
const placeIn = (table: Table, order: string, row: Row) =>
  encode(
    [...columnsOf(table, order), ...sortedBy(table, order, Number.POSITIVE_INFINITY)].map(
      (name) => row[name]!,
    ),
  )
