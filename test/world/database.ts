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
} from '../../src/errors/errors.js'
import type { Database, Operation, Row, Step, Table } from '../../src/store/ports/database.js'
import { checkStep } from '../../src/store/sql/check-step.js'
import { StoredTable, View } from './database-rows.js'
import { readStep, type Server, Transaction } from './database-transaction.js'

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

/** How long something takes. */
export type Pause = () => Promise<unknown>

export interface ModelOptions {
  /** Its clock. */
  nowMs?: () => number
  /** Each step and each commit, unless a connection has its own. */
  pause?: Pause
  /** How long a transaction waits for a lock before it is begun again; by default without end. */
  lockWait?: Pause
  /** Hears of each row that a commit changes: as it was, and as it is. */
  changed?: (table: Table, before: Row | undefined, after: Row | undefined) => void
}

const ATTEMPTS_MAX = 10

export class DatabaseModel implements Server {
  readonly nowMs: () => number
  readonly #pause: Pause
  readonly #lockWait: Pause
  readonly #changed: NonNullable<ModelOptions['changed']>
  readonly #tables = new Map<string, StoredTable>()
  readonly #locks = new Map<string, Transaction>()
  readonly #reads = new Set<View>()
  #oneBucket: readonly Table[] = []

  constructor({
    nowMs = Date.now,
    pause = async () => {},
    lockWait = () => new Promise(() => {}),
    changed = () => {},
  }: ModelOptions = {}) {
    this.nowMs = nowMs
    this.#pause = pause
    this.#lockWait = lockWait
    this.#changed = changed
  }

  /** One who uses it. `faults` may be changed later. */
  connect(faults: Faults = {}, pause: Pause = this.#pause): Database & { cut(): void } {
    return new ModelConnection(this, faults, pause)
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

  /** Throws ConflictError where its holder waits for this very transaction, or takes too long. */
  async lock(name: string, transaction: Transaction): Promise<void> {
    for (;;) {
      const holder = this.#locks.get(name)
      if (holder === undefined || holder === transaction) break
      for (let other: Transaction | undefined = holder; other; other = other.waitsFor) {
        if (other === transaction) throw new ConflictError('deadlock')
      }
      transaction.waitsFor = holder
      const isFree = await Promise.race([holder.ended.then(() => true), this.#lockWait().then(() => false)])
      transaction.waitsFor = undefined
      if (!isFree) throw new ConflictError('a lock took too long')
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
        const [before, after] = [stored.get(key), rows.get(key)]
        for (const read of this.#reads) read.keep(table, key, before)
        stored.set(key, after)
        this.#changed(table, before, after)
      }
    }
  }
}

class ModelConnection implements Database {
  readonly #model: DatabaseModel
  readonly #faults: Faults
  readonly #pause: Pause
  #isCut = false

  constructor(model: DatabaseModel, faults: Faults, pause: Pause) {
    this.#model = model
    this.#faults = faults
    this.#pause = pause
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
    await this.#pause()
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
    await this.#pause()
    if (this.#isCut) throw new DatabaseUnavailableError('out of reach')
  }
}

function refuse(refusal: Refusal | undefined): void {
  if (refusal === 'conflict') throw new ConflictError('a made-up conflict')
  if (refusal === 'unavailable') throw new DatabaseUnavailableError('a made-up failure')
  if (refusal !== undefined) throw refusal
}
