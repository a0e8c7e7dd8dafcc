/** A transaction of the model of a database: what its steps lock, see and change. */
import { DuplicateKeyError } from '../../src/errors/errors.js'
import type { Change, Row, Step, Table, Value } from '../../src/store/ports/database.js'
import { keyOf, type StoredTable, View } from './database-rows.js'
import { encode } from './ordered-map.js'

/** What a transaction needs of the server. */
export interface Server {
  tableOf(table: Table): StoredTable
  /** A write may touch rows of one bucket alone in this table. */
  isOfOneBucket(table: Table): boolean
  isLocked(name: string): boolean
  lock(name: string, transaction: Transaction): Promise<void>
  release(transaction: Transaction): void
  apply(view: View): void
}

/** A write that is under way. */
export class Transaction {
  waitsFor: Transaction | undefined
  /** When it has committed, or is undone. */
  readonly ended: Promise<void>
  readonly view: View
  readonly #server: Server
  #end!: () => void
  #bucket: Value | undefined

  constructor(server: Server) {
    this.#server = server
    this.view = new View((table) => server.tableOf(table))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  commit(): void {
    this.#server.apply(this.view)
    this.undo()
  }

  undo(): void {
    this.#server.release(this)
    this.#end()
  }

  async carryOut(step: Step): Promise<unknown> {
    this.#checkBuckets(step)
    const { table } = step
    switch (step.kind) {
      case 'lock':
        checkSorted(table, step.rows)
        for (const row of step.rows) {
          if ((await this.#lockedRow(table, keyOf(table, row))) === undefined) await this.#set(table, row)
        }
        return step.rows.map((row) => copy(this.view.get(table, keyOf(table, row))!))
      case 'insert':
        for (const row of step.rows) {
          if (await this.#lockedRow(table, keyOf(table, row))) throw duplicate(table)
          await this.#set(table, row)
        }
        return
      case 'put':
        for (const row of step.rows) {
          await this.#lockedRow(table, keyOf(table, row))
          await this.#set(table, row)
        }
        return
      case 'update':
        return this.#change(table, step.changes, (_, value) => value)
      case 'raise':
        return this.#change(table, step.changes, (old, value) => Math.max(old as number, value as number))
      case 'remove':
        for (const key of step.keys) {
          if (await this.#presentRow(table, encode(key))) this.view.set(table, encode(key), undefined)
        }
        return
      default:
        return readStep(this.view, step)
    }
  }

  /** The row as it is once nobody else can change it; an absent one nobody else can make. */
  async #lockedRow(table: Table, key: string): Promise<Row | undefined> {
    await this.#server.lock(`${table.name} ${key}`, this)
    const row = this.view.get(table, key)
    if (row !== undefined) await this.#lockEntries(table, row)
    return row
  }

  /** The same, but an absent row is not locked, unless somebody is about to make it. */
  async #presentRow(table: Table, key: string): Promise<Row | undefined> {
    const isAbsent = this.view.get(table, key) === undefined && !this.#server.isLocked(`${table.name} ${key}`)
    return isAbsent ? undefined : this.#lockedRow(table, key)
  }

  /** Those of unique indexes. */
  async #lockEntries(table: Table, row: Row): Promise<void> {
    for (const [order, values] of uniqueEntries(table, row))
      await this.#server.lock(`${table.name} ${order} ${encode(values)}`, this)
  }

  /** Of a row that is locked, or whose absence is. */
  async #set(table: Table, given: Row): Promise<void> {
    const row = copy(pick(table, given))
    const key = keyOf(table, row)
    await this.#lockEntries(table, row)
    for (const [order, prefix] of uniqueEntries(table, row)) {
      const [other] = this.view.scan(table, { order, prefix })
      if (other !== undefined && keyOf(table, other) !== key) throw duplicate(table)
    }
    this.view.set(table, key, row)
  }

  async #change(
    table: Table,
    changes: readonly Change[],
    merge: (old: Value, value: Value) => Value,
  ): Promise<void> {
    for (const { key, set } of changes) {
      const old = await this.#presentRow(table, encode(key))
      if (old === undefined) continue
      const merged = Object.entries(set).map(([name, value]) => [name, merge(old[name]!, value)])
      await this.#set(table, { ...old, ...Object.fromEntries(merged) })
    }
  }

  #checkBuckets(step: Step): void {
    if (!this.#server.isOfOneBucket(step.table)) return
    for (const bucket of bucketsOf(step)) {
      this.#bucket ??= bucket
      if (bucket !== this.#bucket)
        throw new TypeError(`a transaction of two buckets, the second in ${step.table.name}`)
    }
  }
}

export function readStep(view: View, step: Step): unknown {
  const { table } = step
  switch (step.kind) {
    case 'find':
      return step.keys.map((prefix) => {
        const [row] = view.scan(table, { order: step.order, prefix })
        return row && copy(Object.fromEntries(step.columns.map((name) => [name, row[name]!])))
      })
    case 'scan':
      return view.scan(table, step.range).map(copy)
    case 'count':
      return view.scan(table, step.range).length
    default:
      throw new TypeError(`a read does not ${step.kind}`)
  }
}

function bucketsOf(step: Step): (Value | undefined)[] {
  switch (step.kind) {
    case 'lock':
    case 'insert':
    case 'put':
      return step.rows.map(({ bucket }) => bucket)
    case 'find':
    case 'remove':
      return step.keys.map(([bucket]) => bucket)
    case 'scan':
    case 'count':
      return [step.range.prefix[0]]
    case 'update':
    case 'raise':
      return step.changes.map(({ key }) => key[0])
  }
}

/** Two transactions that lock in different orders wait for each other. */
function checkSorted(table: Table, rows: readonly Row[]): void {
  const keys = rows.map((row) => keyOf(table, row))
  if (keys.some((key, i) => i > 0 && key <= keys[i - 1]!))
    throw new TypeError(`${table.name}: rows to be locked are not sorted`)
}

/** Null is never the same as null. */
const uniqueEntries = (table: Table, row: Row): [string, Value[]][] =>
  Object.entries(table.indexes)
    .filter(([, { isUnique }]) => isUnique)
    .map(([order, { columns }]): [string, Value[]] => [order, columns.map((name) => row[name]!)])
    .filter(([, values]) => !values.includes(null))

const pick = (table: Table, row: Row): Row =>
  Object.fromEntries(Object.keys(table.columns).map((name) => [name, row[name]!]))

const copy = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? new Uint8Array(value) : value,
    ]),
  )

const duplicate = (table: Table) => new DuplicateKeyError(`${table.name}: such a row is there`)
