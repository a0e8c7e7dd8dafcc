/** Connections of one kind: those that write, or those that read. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import mysql, { type Pool, type PoolConnection, type PoolOptions, type RowDataPacket } from 'mysql2/promise'
import { DatabaseUnavailableError } from '../../../errors/errors.js'
import type { MysqlTls, MysqlUrl } from '../../../net/mysql-url.js'
import { within } from './deadline.js'
import { failureOf } from './failures.js'
import { type Answer, Session } from './session.js'

export interface PoolSettings {
  address: MysqlUrl
  /** Connections at most; who finds none free waits. */
  connectionsMax: number
  /** How long a packet of statements, or a free connection, is waited for. */
  deadlineMs: number
  /** What each connection is told first. */
  settings: readonly string[]
  /** Begins a transaction. */
  begin: string
}

export class SessionPool {
  readonly deadlineMs: number
  readonly #settings: PoolSettings
  readonly #pool: Pool
  readonly #ready = new WeakSet<object>()

  constructor(settings: PoolSettings) {
    this.#settings = settings
    this.deadlineMs = settings.deadlineMs
    const { address, connectionsMax, deadlineMs } = settings
    this.#pool = mysql.createPool({
      ...connectionOptions(address),
      connectionLimit: connectionsMax,
      connectTimeout: deadlineMs,
      // Values are digits and hexadecimal digits alone: none of them can end a statement.
      multipleStatements: true,
    })
  }

  /** A transaction that has not begun. Rejects with DATABASE_UNAVAILABLE. */
  async open(): Promise<Session> {
    const { begin, deadlineMs } = this.#settings
    return new Session(await this.#connect(), begin, deadlineMs)
  }

  /** The rows of one statement without a transaction: one round trip. Rejects with DATABASE_UNAVAILABLE. */
  async ask(sql: string): Promise<Answer> {
    const connection = await this.#connect()
    try {
      const [rows] = await within(this.deadlineMs, connection.query({ sql, rowsAsArray: true }))
      connection.release()
      return rows as unknown as Answer
    } catch (cause) {
      connection.destroy()
      throw failureOf(cause, false).error
    }
  }

  async #connect(): Promise<PoolConnection> {
    const { deadlineMs } = this.#settings
    const getting = this.#pool.getConnection()
    try {
      const connection = await within(deadlineMs, getting)
      await this.#prepare(connection)
      return connection
    } catch (cause) {
      // One that comes later is of use for others.
      getting.then(
        (connection) => connection.release(),
        () => {},
      )
      const reason = (cause as Error).message
      throw new DatabaseUnavailableError(`the database cannot be reached: ${reason}`, { cause })
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #prepare(connection: PoolConnection): Promise<void> {
    // The same for all times that it is taken from the pool.
    const { connection: lasting } = connection as unknown as { connection: NodeJS.EventEmitter }
    if (this.#ready.has(lasting)) return
    const { settings, deadlineMs } = this.#settings
    // Its first error is the pool's, and of a second nobody else would hear.
    lasting.on('error', () => {})
    try {
      await within(deadlineMs, connection.query(settings.join('; ')))
      await within(deadlineMs, readWhatOthersHaveWritten(connection))
    } catch (error) {
      connection.destroy()
      throw error
    }
    this.#ready.add(lasting)
  }
}

/** A server of a Galera cluster may not have carried out yet what another one has answered: reads wait for that. */
async function readWhatOthersHaveWritten(connection: PoolConnection): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>("SHOW VARIABLES LIKE 'wsrep_on'")
  if (rows[0]?.Value === 'ON') await connection.query('SET SESSION wsrep_sync_wait = 1')
}

/** Where to, and who is let in. */
export function connectionOptions(address: MysqlUrl): PoolOptions {
  const { username, password, database } = address
  return { ...addressOptions(address), user: username, password, database }
}

/** The driver checks a certificate against `host`, so that is the name in it; where to dial is said apart. */
function addressOptions({ host, port, tls }: MysqlUrl): PoolOptions {
  if (tls === undefined) return { host, port }
  return { host: tls.serverName, port, ssl: tlsOptions(tls), stream: () => dial(host, port) }
}

function dial(host: string, port: number) {
  return connect({ host, port, noDelay: true, keepAlive: true })
}

function tlsOptions({ isVerified, caFile, certFile, keyFile }: MysqlTls): PoolOptions['ssl'] {
  const read = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path))
  return {
    rejectUnauthorized: isVerified,
    verifyIdentity: isVerified,
    minVersion: 'TLSv1.2',
    ca: read(caFile),
    cert: read(certFile),
    key: read(keyFile),
  }
}
