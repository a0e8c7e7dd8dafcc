/** In which columns an order sorts. */
import type { Order, Table } from '../ports/database.js'

/** The columns of an order, in theirs. Throws TypeError for one that the table has not. */
export function columnsOf(table: Table, order: Order): readonly string[] {
  return order === 'key' ? table.key : indexOf(table, order).columns
}

export function isUnique(table: Table, order: Order): boolean {
  return order === 'key' || indexOf(table, order).isUnique
}

/** The columns by which rows with the same `width` first ones are sorted: at last by the key, so there are no ties. */
export function sortedBy(table: Table, order: Order, width: number): string[] {
  const columns = columnsOf(table, order)
  return [...columns.slice(width), ...table.key.filter((name) => !columns.includes(name))]
}

/** Whether a column is of the key or of an index. */
export function isInOrder(table: Table, name: string): boolean {
  const lists = [table.key, ...Object.values(table.indexes).map(({ columns }) => columns)]
  return lists.some((columns) => columns.includes(name))
}

function indexOf(table: Table, order: Order) {
  const index = table.indexes[order]
  if (index === undefined) throw new TypeError(`${table.name} has no index ${order}`)
  return index
}
