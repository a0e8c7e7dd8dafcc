/**
 * A real MariaDB for tests, on a free port of the loopback address, with nothing on disk that outlives it. MARIADBD and
 * MARIADB_INSTALL_DB name other programs than those of the PATH.
 */
import { type ChildProcess, execFile, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, copyFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import mysql from 'mysql2/promise'
import { freePort } from '../../src/doors/websocket/transport/port-check.js'
import type { MysqlUrl } from '../../src/net/mysql-url.js'
import { certificates } from './certificates.js'
import { endsWithThisProcess, removeFolder, temporaryFolder } from './leftovers.js'
import { isStopped } from './proc.js'
import { until } from './redis.js'

export interface MariadbServer {
  /** How a database gets in, over TCP. The database is there, and empty. */
  address: MysqlUrl
  pid: number
  /** Carries out statements as root, one after another; answers the rows of the last. */
  query(...statements: string[]): Promise<Record<string, unknown>[]>
  /** It hangs; `thaw` ends that. */
  freeze(): Promise<void>
  thaw(): void
  /** Ends the process as a crash would. */
  kill(): Promise<void>
  /** Ends it as an operator would. */
  shutDown(): Promise<void>
  /** Kills it if it lives, and starts it anew with what it had on disk, on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** The URL of a database, as operators write it. */
export function mysqlUrlOf({ username, password, host, port, database }: MysqlUrl): string {
  return `mysql://${encodeURIComponent(username)}:${encodeURIComponent(password)}@${host}:${port}/${database}`
}

export interface MariadbForm {
  /** It has a certificate, and takes connections with TLS alone. */
  tls?: boolean
  /** More arguments. */
  args?: readonly string[]
  /** Without the database and its user: `NEW_DATABASE` makes them. */
  isEmpty?: boolean
  /** A folder with programs that the server starts by their names. */
  programs?: string
}

const MARIADBD = process.env.MARIADBD || 'mariadbd'
const INSTALL_DB = process.env.MARIADB_INSTALL_DB || 'mariadb-install-db'
/** On a machine with much else to do. */
const READY_WITHIN_MS = 60_000
const DATABASE = 'porchlight'
const USER = 'porchlight'
const PASSWORD = "p@ss/wo'rd %41"
export const NEW_DATABASE = [
  `CREATE DATABASE ${DATABASE}`,
  `CREATE USER ${USER}@'127.0.0.1' IDENTIFIED BY '${PASSWORD.replaceAll("'", "''")}'`,
  `GRANT ALL ON ${DATABASE}.* TO ${USER}@'127.0.0.1'`,
]
/** The server refuses to be root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** Why these tests cannot be run; undefined = they can. `npm test` installs what they need. */
export const MARIADB_MISSING: string | undefined =
  spawnSync(MARIADBD, ['--version']).status === 0
    ? undefined
    : `needed: mariadbd 10 or later, in the PATH or named by MARIADBD`

export async function startMariadb(form: MariadbForm = {}): Promise<MariadbServer> {
  const { tls = false, args: more = [], isEmpty = false, programs } = form
  const folder = temporaryFolder('mariadb')
  give(folder)
  const data = join(folder, 'data')
  const ofData = ['--no-defaults', `--datadir=${data}`, `--tmpdir=${folder}`]
  const small = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=32M']
  const installing = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve']
  await promisify(execFile)(INSTALL_DB, [...ofData, ...small, ...installing], { cwd: folder, ...NOBODY })
  const port = await freePort('127.0.0.1')
  const socket = join(folder, 'socket')
  const args = [
    ...ofData,
    ...small,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${socket}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--skip-name-resolve',
    '--performance-schema=off',
    // A commit outlives the process, not the machine.
    '--innodb-flush-log-at-trx-commit=2',
    // Modes that change what a text means. Nothing may depend on them.
    '--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH',
    '--character-set-server=utf8mb4',
    ...(tls ? tlsArgs(folder) : []),
    ...more,
  ]
  const path = [process.env.PATH, ...(programs === undefined ? [] : [programs])].join(':')
  const options = { cwd: folder, env: { ...process.env, PATH: path }, ...NOBODY }
  const launch = () => launchServer(args, options, port)
  let child = await launch()
  const query = async (...statements: string[]) => {
    const connection = await mysql.createConnection({ socketPath: socket, user: 'root' })
    try {
      let rows: unknown = []
      for (const statement of statements) [rows] = await connection.query(statement)
      return rows as Record<string, unknown>[]
    } finally {
      connection.destroy()
    }
  }
  if (!isEmpty) await query(...NEW_DATABASE)
  return {
    address: { host: '127.0.0.1', port, username: USER, password: PASSWORD, database: DATABASE },
    query,
    get pid() {
      return child.pid!
    },
    async freeze() {
      child.kill('SIGSTOP')
      await until('it has stopped', () => isStopped(child.pid!))
    },
    thaw: () => void child.kill('SIGCONT'),
    kill: () => end(child),
    shutDown: () => end(child, 'SIGTERM'),
    async restart() {
      await end(child)
      child = await launch()
    },
    async stop() {
      await end(child)
      removeFolder(folder)
    },
  }
}

async function launchServer(args: string[], options: SpawnOptions, port: number): Promise<ChildProcess> {
  const child = spawn(MARIADBD, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options })
  endsWithThisProcess(child)
  let said = ''
  child.stderr!.on('data', (text) => {
    said = `${said}${text}`.slice(-4_000)
  })
  const failed = Promise.race([
    once(child, 'error').then(([error]) => Promise.reject(error)),
    once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`${MARIADBD} ended with ${code}: ${said}`)),
    ),
  ])
  const ready = until(`${MARIADBD} answers on port ${port}`, () => answers(port), READY_WITHIN_MS)
  await Promise.race([failed, ready])
  failed.catch(() => {})
  return child
}

/** The server greets whoever connects. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'data')
    return true
  } finally {
    socket.destroy()
  }
}

function tlsArgs(folder: string): string[] {
  const { ca, serverCert, serverKey } = certificates()
  const files = Object.entries({ ca, cert: serverCert, key: serverKey }).map(([part, path]) => {
    const copy = join(folder, `${part}.pem`)
    copyFileSync(path, copy)
    chmodSync(copy, 0o600)
    give(copy)
    return `--ssl-${part}=${copy}`
  })
  return [...files, '--require-secure-transport=on']
}

function give(path: string): void {
  if (NOBODY.uid !== undefined) chownSync(path, NOBODY.uid, NOBODY.gid)
}

async function end(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
