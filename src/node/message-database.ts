/** The database of messages: a file in DATA_DIR, and what operations on it are given. */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { OperationArgs } from '../../actors/storage/carry-out.js'
import type { Config } from '../config/config.js'
import { pick } from '../config/pick.js'
import { TABLES } from '../store/schema/tables.js'
import { SqliteDatabase } from '../store/sql/sqlite/sqlite-database.js'

const FILE = 'messages.db'

/** For the writer: the file and its tables are made where they are absent. Throws DATABASE_UNAVAILABLE. */
export function openToWrite({ dataDir }: Config): SqliteDatabase {
  mkdirSync(dataDir, { recursive: true })
  const database = SqliteDatabase.open({ path: join(dataDir, FILE), readOnly: false })
  database.create(TABLES)
  return database
}

/** For a reader. Throws DATABASE_UNAVAILABLE, also while the writer has not made the file. */
export function openToRead({ dataDir }: Config): SqliteDatabase {
  return SqliteDatabase.open({ path: join(dataDir, FILE), readOnly: true })
}

export function operationArgs(config: Config): OperationArgs {
  return {
    settings: pick(config, 'revokeLimitS', 'deleteForAll'),
    wallMs: Date.now,
    newId: () => randomUUID().replaceAll('-', ''),
  }
}
