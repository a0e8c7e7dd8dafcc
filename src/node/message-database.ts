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
import { TABLES } from '../store/schema/tables.js'
import { GuardedDatabase } from '../store/sql/guarded-database.js'
import { MysqlDatabase } from '../store/sql/mysql/mysql-database.js'
import { Checkpoints } from '../store/sql/sqlite/checkpoints.js'
import { SqliteDatabase } from '../store/sql/sqlite/sqlite-database.js'

const FILE = 'messages.db'
/** The writer makes the file when it starts, at the same time as the readers. */
const FILE_WAIT_MS = 5_000
const FILE_LOOK_MS = 20
/** Clients wait for ten seconds. */
const STATEMENT_MS = 5_000

/**
 * For the writer: tables are made where they are absent. `onGrown`: it is time for a checkpoint of the file. Throws
 * DATABASE_UNAVAILABLE for a file that cannot be had.
 */
export async function openToWrite(config: Config, log: Log, onGrown: () => void): Promise<GuardedDatabase> {
  return guarded(log, async () => {
    if (config.databaseUrl === '') return openFile(config.dataDir, onGrown)
    const database = await server(config, 1)
    await database.create(TABLES)
    return database
  })
}

/** For a reader. */
export async function openToRead(config: Config, log: Log): Promise<GuardedDatabase> {
  return guarded(log, () =>
    config.databaseUrl === '' ? fileToRead(config) : server(config, config.databaseReaders),
  )
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
export function databasePart(name: string, { fault }: GuardedDatabase): ReadyPart {
  return partOf(name, fault && { missing: fault.reason, sinceMs: fault.sinceMs }, true)
}

export function operationArgs(config: Config): OperationArgs {
  return {
    settings: pick(config, 'revokeLimitS', 'deleteForAll'),
    wallMs: Date.now,
    newId: () => randomUUID().replaceAll('-', ''),
  }
}

async function guarded(log: Log, open: () => Promise<Database>): Promise<GuardedDatabase> {
  const database = new GuardedDatabase(open, (fault) => {
    if (fault === undefined) log.info({}, 'the database serves')
    else log.error({ reason: fault.reason }, 'the database is away: messages are refused')
  })
  await database.start()
  return database
}

function server(config: Config, connectionsMax: number): Promise<MysqlDatabase> {
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
export function openFile(dataDir: string, onGrown?: () => void): SqliteDatabase {
  mkdirSync(dataDir, { recursive: true })
  const database = SqliteDatabase.open({ path: join(dataDir, FILE), readOnly: false, onGrown })
  database.create(TABLES)
  return database
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
