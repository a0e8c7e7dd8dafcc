/**
 * Brings the schema of a database to what this program knows, beside programs that are older or newer. One process
 * migrates at a time; the others wait for it, or take over when it has died.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { DatabaseUnavailableError, hasCode, SchemaTooNewError } from '../../../errors/errors.js'
import type { FillStep, SchemaDatabase, SchemaStep } from '../../ports/schema.js'
import { knownBy, MIGRATIONS, type Migration, standingOf } from '../../schema/migrations.js'
import {
  findState,
  NO_MIGRATION,
  noteDone,
  noteMinProgram,
  noteProgress,
  progressOf,
  type SchemaState,
  schemaStates,
} from '../../schema/schema-state.js'
import { LEASE_MS, SchemaLease } from './schema-lease.js'
import { textOf } from './step-text.js'

export interface MigrateOptions {
  database: SchemaDatabase
  /** Unlike that of any other process. */
  holder: string
  /** Hears of progress: at each step, and each few seconds in between. */
  tell(line: string): void
  /** Ends it before its next step or slice; what is done stays. */
  signal?: AbortSignal | undefined
  migrations?: readonly Migration[]
  leaseMs?: number
}

/** Between two looks at who waits, and two attempts at a table that is in use. */
const LOOK_MS = 500
const TELL_MS = 5_000

/** What the row of the schema says; version 0 where there is none. Changes nothing. */
export async function stateOf(database: SchemaDatabase): Promise<SchemaState> {
  return (await database.hasTable(schemaStates.name)) ? database.read(findState) : NO_MIGRATION
}

/**
 * Resolves when the schema is as new as this program, or newer and good for it. Rejects with SCHEMA_TOO_NEW, with
 * DATABASE_UNAVAILABLE, or with the signal's reason.
 */
export async function migrate(options: MigrateOptions): Promise<void> {
  const { database, holder, signal, migrations = MIGRATIONS, leaseMs = LEASE_MS } = options
  const tell = spoken(options.tell)
  for (;;) {
    signal?.throwIfAborted()
    const standing = standingOf(migrations, assertNotTooNew(migrations, await stateOf(database)))
    if (standing === 'serves') return
    await database.change({ kind: 'makeTable', table: schemaStates })
    const lease = await SchemaLease.take(database, holder, leaseMs)
    if (lease instanceof SchemaLease) {
      try {
        await new Migrator(database, lease, options.tell, signal).run(migrations)
      } catch (error) {
        if (!hasCode(error, 'SCHEMA_LEASE_LOST')) throw error
        options.tell(`${error.message}; waiting for it`)
      } finally {
        await lease.giveUp()
      }
    } else {
      tell(`schema ${lease.version + 1}: waiting for ${lease.holder}, which migrates the database`)
      await waitToLook(signal)
    }
  }
}

/** For those who only use the schema. Rejects with SCHEMA_TOO_NEW, or with DATABASE_UNAVAILABLE where it is older. */
export async function assertServes(
  database: SchemaDatabase,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const state = assertNotTooNew(migrations, await stateOf(database))
  if (standingOf(migrations, state) === 'serves') return
  throw new DatabaseUnavailableError(
    `the database has schema ${state.version}, and is being migrated to ${knownBy(migrations)}`,
  )
}

/** Lines that say what a migration would do, one for each step. */
export function plannedSteps(
  { version }: SchemaState,
  migrations: readonly Migration[] = MIGRATIONS,
): string[] {
  return migrations
    .filter(({ number }) => number > version)
    .flatMap(({ number, steps }) => steps.map((step) => `schema ${number}: ${textOf(step)}`))
}

function assertNotTooNew(migrations: readonly Migration[], state: SchemaState): SchemaState {
  if (standingOf(migrations, state) !== 'tooNew') return state
  throw new SchemaTooNewError(
    `the database has schema ${state.version}, which needs programs that know ${state.minProgram} or later; ` +
      `this one knows ${knownBy(migrations)}. Start a newer release on it, or restore a backup from before the upgrade.`,
  )
}

/** One run through the migrations, by the holder of the lease. */
class Migrator {
  readonly #database: SchemaDatabase
  readonly #lease: SchemaLease
  readonly #tell: (line: string) => void
  readonly #tellNowAndThen: (line: string) => void
  readonly #signal: AbortSignal | undefined

  constructor(
    database: SchemaDatabase,
    lease: SchemaLease,
    tell: (line: string) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#database = database
    this.#lease = lease
    this.#tell = tell
    this.#tellNowAndThen = spoken(tell)
    this.#signal = signal
  }

  async run(migrations: readonly Migration[]): Promise<void> {
    for (const migration of migrations) {
      const state = await this.#lease.write(findState)
      if (migration.number > state.version) await this.#migrate(migration, state)
    }
  }

  async #migrate({ number, steps, minProgram = 0 }: Migration, state: SchemaState): Promise<void> {
    // Before the first step: what it drops a program that starts meanwhile may need.
    await this.#lease.write(() => noteMinProgram(minProgram))
    const progress = progressOf(state)
    for (const [index, step] of steps.entries()) {
      if (index < progress.step) continue
      this.#signal?.throwIfAborted()
      const line = `schema ${number}, step ${index + 1} of ${steps.length}: ${textOf(step)}`
      this.#tell(line)
      if (step.kind !== 'fill') await this.#change(step, line)
      else await this.#fill(step, index, index === progress.step ? progress.position : undefined, line)
      await this.#lease.write(() => noteProgress({ step: index + 1 }))
    }
    await this.#lease.write(() => noteDone(number))
    this.#tell(`schema ${number} is done`)
  }

  async #change(step: SchemaStep, line: string): Promise<void> {
    for (;;) {
      await this.#lease.renew()
      try {
        return await this.#database.change(step)
      } catch (error) {
        if (!hasCode(error, 'SCHEMA_BUSY')) throw error
      }
      this.#tellNowAndThen(`${line}: waiting for transactions that use the table`)
      await waitToLook(this.#signal)
    }
  }

  async #fill(step: FillStep, index: number, from: FillStart, line: string): Promise<void> {
    let position = from
    let rows = 0
    do {
      this.#signal?.throwIfAborted()
      const slice = await this.#lease.write(function* () {
        const done = yield* step.slice(position)
        if (done.next !== undefined) yield* noteProgress({ step: index, position: done.next })
        return done
      })
      position = slice.next
      rows += slice.rows
      this.#tellNowAndThen(`${line}: ${rows} rows`)
    } while (position !== undefined)
  }
}

type FillStart = Parameters<FillStep['slice']>[0]

/** Rejects with the signal's own reason. */
async function waitToLook(signal: AbortSignal | undefined): Promise<void> {
  await pause(LOOK_MS, undefined, { signal }).catch(() => signal?.throwIfAborted())
}

/** Says the first line at once, and of those that follow one each few seconds. */
function spoken(tell: (line: string) => void): (line: string) => void {
  let toldMs = Number.NEGATIVE_INFINITY
  return (line) => {
    const nowMs = performance.now()
    if (nowMs - toldMs < TELL_MS) return
    toldMs = nowMs
    tell(line)
  }
}
