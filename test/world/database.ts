/**
 * The model of a database server: tables in memory, with what can go wrong between a server and those who use it.
 *
 * Its transactions are those of MySQL at READ COMMITTED. A step waits for rows that another transaction has changed or
 * locked; if that one waits too, the later gives way and is begun again. What a transaction has changed is seen by
 * itself alone until it commits. A read sees one state.
 */
import {
  CommitUnknownError,
  DatabaseConflictError,
  DatabaseUnavailableError,
  DuplicateKeyError,
} from '../../src/errors/errors.js'
import type { Change, Database, Operation, Row, Step, Table, Value } from '../../src/store/ports/database.js'
import { checkStep } from '../../src/store/sql/check-step.js'
import { keyOf, StoredTable, View } from './database-rows.js'
import { encode } from './ordered-map.js'

/** The server gives the transaction up, and it is begun again: a deadlock, or a lock that took too long. */
export class ConflictError extends Error {}

/** In place of a step or a commit: the transaction is undone, and begun again after `conflict`. */
export type Refusal = 'conflict' | 'unavailable' | Error

export interface CommitFault {
  /** The commit is done then, not now. Until then the transaction keeps its locks. */
  until?: Promise<unknown>
  /** The commit is done, and its caller gets COMMIT_UNKNOWN without waiting for it. */
  isAnswerLost?: boolean
}

/** What goes wrong with one who uses the server. Asked each time; undefined = nothing. */
export interface Faults {
  /** `number`: of the step in its transaction, from 0. */
  onStep?(step: Step, number: number): Refusal | undefined
  onCommit?(): Refusal | CommitFault | undefined
}

export interface ModelOptions {
  /** Its clock. */
  nowMs?: () => number
  /** How long each step and each commit takes. */
  pause?: () => Promise<unknown>
}

const ATTEMPTS_MAX = 10

export class DatabaseModel {
  readonly pause: () => Promise<unknown>
  readonly nowMs: () => number
  readonly #tables = new Map<string, StoredTable>()
  readonly #locks = new Map<string, Transaction>()
  readonly #reads = new Set<View>()
  #oneBucket: readonly Table[] = []

  constructor({ pause = async () => {}, nowMs = Date.now }: ModelOptions = {}) {
    this.pause = pause
    this.nowMs = nowMs
  }

  /** One who uses it. `faults` may be changed later. */
  connect(faults: Faults = {}): Database & { cut(): void } {
    return new ModelConnection(this, faults)
  }

  /** From now on a write may touch rows of one bucket alone in these tables: as if they were spread over servers. */
  refuseTwoBuckets(tables: readonly Table[]): void {
    this.#oneBucket = tables
  }

  isOfOneBucket(table: Table): boolean {
    return this.#oneBucket.includes(table)
  }

  tableOf(table: Table): StoredTable {
    let stored = this.#tables.get(table.name)
    if (stored === undefined) {
      stored = new StoredTable(table)
      this.#tables.set(table.name, stored)
    }
    return stored
  }

  beginRead(): View {
    const view = new View((table) => this.tableOf(table))
    this.#reads.add(view)
    return view
  }

  endRead(view: View): void {
    this.#reads.delete(view)
  }

  isLocked(name: string): boolean {
    return this.#locks.has(name)
  }

  /** Throws ConflictError where its holder waits for this very transaction. */
  async lock(name: string, transaction: Transaction): Promise<void> {
    for (;;) {
      const holder = this.#locks.get(name)
      if (holder === undefined || holder === transaction) break
      for (let other: Transaction | undefined = holder; other; other = other.waitsFor) {
        if (other === transaction) throw new ConflictError('deadlock')
      }
      transaction.waitsFor = holder
      await holder.ended
      transaction.waitsFor = undefined
    }
    this.#locks.set(name, transaction)
  }

  release(transaction: Transaction): void {
    for (const [name, holder] of this.#locks) if (holder === transaction) this.#locks.delete(name)
  }

  apply({ own }: View): void {
    for (const [table, rows] of own) {
      const stored = this.tableOf(table)
      for (const key of rows.keys) {
        for (const read of this.#reads) read.keep(table, key, stored.get(key))
        stored.set(key, rows.get(key))
      }
    }
  }
}

/** A write that is under way. */
class Transaction {
  waitsFor: Transaction | undefined
  /** When it has committed, or is undone. */
  readonly ended: Promise<void>
  readonly view: View
  readonly #model: DatabaseModel
  #end!: () => void
  #bucket: Value | undefined

  constructor(model: DatabaseModel) {
    this.#model = model
    this.view = new View((table) => model.tableOf(table))
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  commit(): void {
    this.#model.apply(this.view)
    this.undo()
  }

  undo(): void {
    this.#model.release(this)
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
    await this.#model.lock(`${table.name} ${key}`, this)
    const row = this.view.get(table, key)
    if (row !== undefined) await this.#lockEntries(table, row)
    return row
  }

  /** The same, but an absent row is not locked, unless somebody is about to make it. */
  async #presentRow(table: Table, key: string): Promise<Row | undefined> {
    const isAbsent = this.view.get(table, key) === undefined && !this.#model.isLocked(`${table.name} ${key}`)
    return isAbsent ? undefined : this.#lockedRow(table, key)
  }

  /** Those of unique indexes. */
  async #lockEntries(table: Table, row: Row): Promise<void> {
    for (const [order, values] of uniqueEntries(table, row))
      await this.#model.lock(`${table.name} ${order} ${encode(values)}`, this)
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
    if (!this.#model.isOfOneBucket(step.table)) return
    for (const bucket of bucketsOf(step)) {
      this.#bucket ??= bucket
      if (bucket !== this.#bucket)
        throw new TypeError(`a transaction of two buckets, the second in ${step.table.name}`)
    }
  }
}

class ModelConnection implements Database {
  readonly #model: DatabaseModel
  readonly #faults: Faults
  #isCut = false

  constructor(model: DatabaseModel, faults: Faults) {
    this.#model = model
    this.#faults = faults
  }

  async write<T>(begin: () => Operation<T>): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      try {
        return await this.#attempt(begin())
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error
      }
    }
    throw new DatabaseConflictError('conflict after conflict')
  }

  async read<T>(begin: () => Operation<T>): Promise<T> {
    const view = this.#model.beginRead()
    try {
      return await this.#drive(begin(), async (step) => readStep(view, step))
    } finally {
      this.#model.endRead(view)
    }
  }

  async clockMs(): Promise<number> {
    await this.#reach()
    return this.#model.nowMs()
  }

  async close(): Promise<void> {
    this.cut()
  }

  /** Out of reach from now on. What is under way is undone, unless its commit is. */
  cut(): void {
    this.#isCut = true
  }

  async #attempt<T>(operation: Operation<T>): Promise<T> {
    const transaction = new Transaction(this.#model)
    let result: T
    let fault: ReturnType<NonNullable<Faults['onCommit']>>
    try {
      let number = 0
      result = await this.#drive(operation, (step) => {
        refuse(this.#faults.onStep?.(step, number++))
        return transaction.carryOut(step)
      })
      await this.#reach()
      fault = this.#faults.onCommit?.()
      if (typeof fault === 'string' || fault instanceof Error) refuse(fault)
    } catch (error) {
      transaction.undo()
      throw error
    }
    const { until, isAnswerLost = false } = (fault ?? {}) as CommitFault
    const committed = Promise.resolve(until).then(() => transaction.commit())
    if (!isAnswerLost) await committed
    await this.#model.pause()
    if (isAnswerLost || this.#isCut) throw new CommitUnknownError('no answer to COMMIT')
    return result
  }

  async #drive<T>(operation: Operation<T>, carryOut: (step: Step) => Promise<unknown>): Promise<T> {
    await this.#reach()
    let next = operation.next()
    while (!next.done) {
      await this.#reach()
      checkStep(next.value)
      next = operation.next(await carryOut(next.value))
    }
    return next.value
  }

  async #reach(): Promise<void> {
    await this.#model.pause()
    if (this.#isCut) throw new DatabaseUnavailableError('out of reach')
  }
}

function refuse(refusal: Refusal | undefined): void {
  if (refusal === 'conflict') throw new ConflictError('a made-up conflict')
  if (refusal === 'unavailable') throw new DatabaseUnavailableError('a made-up failure')
  if (refusal !== undefined) throw refusal
}

function readStep(view: View, step: Step): unknown {
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
