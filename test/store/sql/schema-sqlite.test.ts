/** Migrations on SQLite. */
import { join } from 'node:path'
import { SqliteDatabase } from '../../../src/store/sql/sqlite/sqlite-database.js'
import { removeFolder, temporaryFolder } from '../../support/leftovers.js'
import { schemaSuite } from './schema-suite.js'

schemaSuite('SQLite', async () => {
  const folder = temporaryFolder('schema')
  const database = SqliteDatabase.open({ path: join(folder, 'database'), readOnly: false })
  return {
    database,
    stop: async () => {
      await database.close()
      removeFolder(folder)
    },
  }
})
