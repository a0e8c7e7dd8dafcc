/** The database of messages: a server that several nodes share, or a file in DATA_DIR; and what operations are given. */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { OperationArgs } from '../../actors/storage/carry-out.js'
import type { Config } from '../config/config.js'
import { pick } from '../config/pick.js'
import { hasCode } from '../errors/errors.js'
import { partOf, type ReadyPart } from '../health/readiness.js'
import { type MysqlUrl, parseMysqlUrl } from '../net/mysql-url.js'
import type { Log } from '../runtime/index.js'
import type { Database } from '../store/ports/database.js'
import type { SchemaDatabase } from '../store/ports/schema.js'
import { put } from '../store/ports/steps.js'
import { jobs } from '../store/schema/tables.js'
import { type DatabaseFault, GuardedDatabase } from '../store/sql/guarded-database.js'
import type { MysqlDatabase } from '../store/sql/mysql/mysql-database.js'
import { assertServes, migrate } from '../store/sql/schema/migrate.js'
import { Checkpoints } from '../store/sql/sqlite/checkpoints.js'
import { SqliteDatabase } from '../store/sql/sqlite/sqlite-database.js'
import type { SharedDatabaseClock } from './database-clock.js'

const FILE = 'messages.db'
/** The writer makes the file when it starts, at the same time as the readers. */
const FILE_WAIT_MS = 5_000
const FILE_LOOK_MS = 20
/** One that writes, and one beside it that renews the lease. */
const SCHEMA_CONNECTIONS = 2
/** A row that is written each minute, and before a database that was away counts as back. */
const PROBE = 'probe'
/** Clients wait for ten seconds. */
const STATEMENT_MS = 5_000

/**
 * For the writer, which measures the clock. A database that was away when the node started is migrated when it is back.
 * `onGrown`: it is time for a checkpoint of the file. Throws DATABASE_UNAVAILABLE for a file that cannot be had.
 */
export async function openToWrite(
  config: Config,
  log: Log,
  clock: SharedDatabaseClock,
  onGrown: () => void,
): Promise<GuardedDatabase<SchemaDatabase>> {
  const open = async () => {
    const database = await openSchema(config, onGrown)
    await migrateSchema(database, config, (line) => log.info({}, line)).catch((error) =>
      closed(database, error),
    )
    return database
  }
  return guarded(log, open, async (database) => {
    // A release that drops what this program needs may be rolled out while it runs.
    await assertServes(database)
    await clock.measure(database)
    // A full disk is still read, and takes nothing.
    await database.write(() => put(jobs, [{ bucket: 0, job: PROBE, dueMs: clock.nowMs() }]))
  })
}

/** For a reader. */
export async function openToRead(config: Config, log: Log): Promise<GuardedDatabase<SchemaDatabase>> {
  const open = (): Promise<SchemaDatabase> =>
    config.databaseUrl === '' ? fileToRead(config) : server(config, config.databaseReaders)
  return guarded(log, open, assertServes)
}

/** The database as one process may change its tables. Throws DATABASE_UNAVAILABLE. */
export async function openSchema(config: Config, onGrown?: () => void): Promise<SchemaDatabase> {
  return config.databaseUrl === '' ? fileToWrite(config.dataDir, onGrown) : server(config, SCHEMA_CONNECTIONS)
}

/** Resolves when the schema is as new as this program. Rejects with SCHEMA_TOO_NEW or DATABASE_UNAVAILABLE. */
export function migrateSchema(
  database: SchemaDatabase,
  { nodeId }: Config,
  tell: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  return migrate({ database, holder: `${nodeId} ${newId()}`, tell, signal })
}

/** For a reader: checkpoints of the file, which is there when the first is asked for. */
export function checkpointsOf({ databaseUrl, dataDir }: Config, log: Log): { run(): void; close(): void } {
  let checkpoints: Checkpoints | undefined
  return {
    run() {
      if (databaseUrl !== '') return
      try {
        checkpoints ??= new Checkpoints(join(dataDir, FILE))
        checkpoints.checkpoint()
      } catch (error) {
        if (!hasCode(error, 'DATABASE_UNAVAILABLE')) throw error
        // The writer hears of the same disk, and makes checkpoints by itself when the log has grown more.
        log.warn({ reason: error.message }, 'the log of the database is not moved into its file')
      }
    },
    close: () => checkpoints?.close(),
  }
}

/** A node without its database serves presence, so it counts as ready, with a warning. */
export function databasePart(name: string, { fault }: Pick<GuardedDatabase, 'fault'>): ReadyPart {
  return partOf(name, fault && { missing: fault.reason, sinceMs: fault.sinceMs }, true)
}

export function operationArgs(config: Config, { nowMs }: SharedDatabaseClock): OperationArgs {
  return {
    settings: pick(
      config,
      'revokeLimitS',
      'deleteForAll',
      'friendPolicy',
      'groupMembersMax',
      'newMemberHistory',
    ),
    wallMs: nowMs,
    newId,
  }
}

const newId = () => randomUUID().replaceAll('-', '')

async function closed(database: Database, error: unknown): Promise<never> {
  await database.close()
  throw error
}

async function guarded<D extends Database>(
  log: Log,
  open: () => Promise<D>,
  tend: (database: D) => Promise<void>,
): Promise<GuardedDatabase<D>> {
  const changed = (fault: DatabaseFault | undefined) => {
    if (fault === undefined) log.info({}, 'the database serves')
    else log.error({ reason: fault.reason }, 'the database is away: messages are refused')
  }
  const database = new GuardedDatabase(open, changed, { tend })
  await database.start()
  return database
}

async function server(config: Config, connectionsMax: number): Promise<MysqlDatabase> {
  // Its driver takes a tenth of a second to load, on each thread; nodes with a file need not have it.
  const { MysqlDatabase } = await import('../store/sql/mysql/mysql-database.js')
  // The setting was checked at the start.
  const address = parseMysqlUrl(config.databaseUrl) as MysqlUrl
  return MysqlDatabase.open({
    address,
    writersMax: connectionsMax,
    readersMax: connectionsMax,
    statementMs: STATEMENT_MS,
  })
}

/** The file in DATA_DIR, with its tables. Throws DATABASE_UNAVAILABLE. */
export async function openFile(dataDir: string): Promise<SqliteDatabase> {
  const database = fileToWrite(dataDir)
  await migrate({ database, holder: newId(), tell: () => {} })
  return database
}

function fileToWrite(dataDir: string, onGrown?: () => void): SqliteDatabase {
  mkdirSync(dataDir, { recursive: true })
  return SqliteDatabase.open({ path: join(dataDir, FILE), readOnly: false, onGrown })
}

async function fileToRead({ dataDir }: Config): Promise<SqliteDatabase> {
  const deadlineMs = Date.now() + FILE_WAIT_MS
  for (;;) {
    try {
      return SqliteDatabase.open({ path: join(dataDir, FILE), readOnly: true })
    } catch (error) {
      if (!hasCode(error, 'DATABASE_UNAVAILABLE') || Date.now() > deadlineMs) throw error
      await pause(FILE_LOOK_MS)
    }
  }
}
