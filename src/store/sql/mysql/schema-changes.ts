/** Changes the tables of a server, each on a connection of its own: it may take as long as the table is large. */
import mysql from 'mysql2/promise'
import { codeOf, DatabaseUnavailableError, SchemaBusyError } from '../../../errors/errors.js'
import type { MysqlUrl } from '../../../net/mysql-url.js'
import type { SchemaStep } from '../../ports/schema.js'
import { connectionOptions } from './pool.js'
import { changeSchema } from './statements.js'

/** What a step says that was done before. */
const DONE = ['ER_DUP_FIELDNAME', 'ER_DUP_KEYNAME', 'ER_CANT_DROP_FIELD_OR_KEY']
/**
 * The server lets nobody else at a table while a change waits for those who use it. A change that waits longer than this
 * gives up, so that one long transaction does not hold up all others.
 */
const WAIT_S = 2

/** Rejects with SCHEMA_BUSY or DATABASE_UNAVAILABLE. */
export async function changeTables(address: MysqlUrl, deadlineMs: number, step: SchemaStep): Promise<void> {
  const sql = changeSchema(step)
  const connection = await mysql
    .createConnection({ ...connectionOptions(address), connectTimeout: deadlineMs })
    .catch((cause) => {
      throw unavailable(cause)
    })
  // Its statement fails as well, and says so.
  connection.on('error', () => {})
  try {
    await connection.query(`SET SESSION lock_wait_timeout = ${WAIT_S}`)
    await connection.query(sql)
  } catch (cause) {
    const code = codeOf(cause) ?? ''
    if (code === 'ER_LOCK_WAIT_TIMEOUT') throw new SchemaBusyError('the table is in use', { cause })
    if (!DONE.includes(code)) throw unavailable(cause)
  } finally {
    connection.destroy()
  }
}

function unavailable(cause: unknown): DatabaseUnavailableError {
  return new DatabaseUnavailableError(`the database cannot be changed: ${(cause as Error).message}`, {
    cause,
  })
}
