/** All that a database of messages holds, so that a test can say that something changed nothing. */
import { join } from 'node:path'
import type { Database, Row } from '../../src/store/ports/database.js'
import { scan } from '../../src/store/ports/steps.js'
import { jobs, TABLES } from '../../src/store/schema/tables.js'
import { SqliteDatabase } from '../../src/store/sql/sqlite/sqlite-database.js'

/** The rows of each table, in the order of its key. Without `jobs`, where the writer notes each minute that it looked. */
export type Dump = Record<string, Row[]>

export function dumpOf(database: Database): Promise<Dump> {
  return database.read(function* () {
    const dump: Dump = {}
    for (const table of TABLES) if (table !== jobs) dump[table.name] = (yield* scan(table, [])) as Row[]
    return dump
  })
}

/** The database of a node that runs: each question is answered from what is on disk now. */
export function databaseOf(dataDir: string): SqliteDatabase {
  return SqliteDatabase.open({ path: join(dataDir, 'messages.db'), readOnly: true })
}
