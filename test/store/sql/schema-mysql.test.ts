/** Migrations on a real MariaDB, with programs of several releases at once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import mysql from 'mysql2/promise'
import t, { type Test } from 'tap'
import { insert, scan } from '../../../src/store/ports/steps.js'
import { messages } from '../../../src/store/schema/tables.js'
import { MysqlDatabase } from '../../../src/store/sql/mysql/mysql-database.js'
import { stateOf } from '../../../src/store/sql/schema/migrate.js'
import { endsWithThisProcess } from '../../support/leftovers.js'
import { MARIADB_MISSING, startMariadb } from '../../support/mariadb-server.js'
import { until } from '../../support/redis.js'
import type { ProgramLine } from './schema-program.js'
import { migrateTo, schemaSuite, storedMessage } from './schema-suite.js'
import { editedMessages, reactions, versionOf } from './schema-versions.js'

if (MARIADB_MISSING !== undefined) {
  t.plan(0, MARIADB_MISSING)
  process.exit(0)
}

const server = await startMariadb()
t.teardown(() => server.stop())
const PROGRAM = fileURLToPath(new URL('schema-program.js', import.meta.url))
const LEASE_MS = 1_500

async function openDatabase() {
  return MysqlDatabase.open({ address: server.address, writersMax: 4, readersMax: 2, statementMs: 5_000 })
}

/** A connection to what an empty database was made for. */
async function openEmpty() {
  await server.query('DROP DATABASE porchlight', 'CREATE DATABASE porchlight')
  const database = await openDatabase()
  return { database, stop: () => database.close() }
}

async function emptyFor(test: Test) {
  const { database, stop } = await openEmpty()
  test.teardown(stop)
  return database
}

schemaSuite('MariaDB', openEmpty)

function startProgram(test: Test, release: number, { sliceMs = 0, leaseMs = LEASE_MS } = {}) {
  const args = [PROGRAM, JSON.stringify(server.address), `${release}`, `${sliceMs}`, `${leaseMs}`]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  endsWithThisProcess(child)
  test.teardown(() => child.kill('SIGKILL'))
  const lines: ProgramLine[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)))
  const said = (key: string) => lines.filter((line) => key in line)
  return {
    child,
    lines,
    said,
    says: (key: string) => until(`release ${release} says ${key}`, () => said(key).length > 0, 60_000),
    async stop() {
      child.stdin.write('stop')
      await once(child, 'close')
      const [total] = said('sent') as (ProgramLine & { sent: number })[]
      return total as { sent: number; slowestMs: number; errors: string[] }
    },
  }
}

t.test('programs that start at once migrate once, and all serve', async (t) => {
  const database = await emptyFor(t)
  const tells = await Promise.all(
    [2, 2, 2].map((release) => migrateTo(database, release, { leaseMs: LEASE_MS })),
  )
  const done = tells.flat().filter((line) => line === `schema ${versionOf(2)} is done`)
  t.equal(done.length, 1)
  t.ok(tells.filter((lines) => lines.some((line) => /waiting for holder/.test(line))).length >= 1)
  t.match(await stateOf(database), { version: versionOf(2), holder: '' })
})

t.test('two releases send to one database while it is migrated, and after', async (t) => {
  const database = await emptyFor(t)
  const older = startProgram(t, 1)
  await older.says('serves')
  await database.write(() =>
    insert(
      messages,
      Array.from({ length: 400 }, (_, n) => storedMessage(n + 1)),
    ),
  )
  const newer = startProgram(t, 2, { sliceMs: 10 })
  await newer.says('serves')
  await until('both send', async () => (await senders(database)).size === 3)
  // The release before starts anew on the new schema: a roll-out that is taken back.
  const again = startProgram(t, 1)
  await again.says('serves')
  t.same(again.said('migrates'), [])
  await until('all send', async () => (await senders(database)).size === 4)
  const totals = await Promise.all([older, newer, again].map((program) => program.stop()))
  for (const { sent, slowestMs, errors } of totals) {
    t.same(errors, [])
    t.ok(sent > 0)
    t.ok(slowestMs < 5_000, `${slowestMs} ms`)
  }
  const rows = await database.read(() => scan(editedMessages, []))
  const sent = totals.reduce((sum, total) => sum + total.sent, 0)
  t.equal(rows.filter(({ conversationId }) => conversationId !== 'si_a_b').length, sent)
  for (const [conversationId, seqs] of seqsOf(rows)) {
    t.same(
      seqs,
      Array.from({ length: seqs.length }, (_, n) => n + 1),
      `${conversationId} has no hole`,
    )
  }
  t.ok(rows.filter(({ conversationId }) => conversationId === 'si_a_b').every(({ rev }) => rev === 1))
})

async function senders(database: MysqlDatabase) {
  return new Set((await database.read(() => scan(messages, []))).map(({ senderId }) => senderId))
}

function seqsOf(rows: readonly { conversationId: string; seq: number }[]) {
  const seqs = new Map<string, number[]>()
  for (const { conversationId, seq } of rows)
    seqs.set(conversationId, [...(seqs.get(conversationId) ?? []), seq])
  return seqs
}

t.test('a program that dies in a migration is followed by one that goes on where it was', async (t) => {
  const ROWS = 200
  const database = await emptyFor(t)
  await migrateTo(database, 1)
  await database.write(() =>
    insert(
      messages,
      Array.from({ length: ROWS }, (_, n) => storedMessage(n + 1)),
    ),
  )
  const dying = startProgram(t, 2, { sliceMs: 100 })
  await until('it is in the middle', async () => (await changedBy(database)) >= 20)
  const following = startProgram(t, 2)
  await until('it waits', () => following.said('migrates').length > 0)
  t.match(following.lines, [
    { migrates: new RegExp(`^schema ${versionOf(2)}: waiting for r2\\w+, which migrates the database$`) },
  ])
  dying.child.kill('SIGKILL')
  await following.says('serves')
  t.ok((await changedBy(database)) === ROWS)
  const steps = following.said('migrates').map((line) => (line as { migrates: string }).migrates)
  t.notOk(
    steps.some((line) => line.includes('step 1 of 5')),
    'what is done is not done again',
  )
  t.match(await stateOf(database), { version: versionOf(2), minProgram: 1, holder: '' })
  await following.stop()
})

/** How many messages the fill has come to. */
async function changedBy(database: MysqlDatabase): Promise<number> {
  const rows = await server.query(
    `SELECT 1 FROM information_schema.columns WHERE table_schema = 'porchlight' AND column_name = 'rev'`,
  )
  if (rows.length === 0) return 0
  const found = await database.read(() => scan(editedMessages, []))
  return found.filter(({ rev }) => rev === 1).length
}

t.test('a change of a table that is in use holds up nobody, and is done when it is free', async (t) => {
  const database = await emptyFor(t)
  await migrateTo(database, 1)
  const { host, port, username, password, database: name } = server.address
  const user = await mysql.createConnection({ host, port, user: username, password, database: name })
  t.teardown(() => user.destroy())
  await user.query('BEGIN')
  await user.query('SELECT * FROM messages')
  const lines: string[] = []
  const migrating = migrateTo(database, 2, { tell: (line) => void lines.push(line) })
  await until('it waits', () =>
    lines.some((line) => /waiting for transactions that use the table/.test(line)),
  )
  const startMs = performance.now()
  await database.write(() => insert(messages, [storedMessage(1)]))
  t.ok(performance.now() - startMs < 4_000, 'it stands in nobody’s way for long')
  t.match(await stateOf(database), { version: versionOf(1) })
  await user.query('COMMIT')
  await migrating
  t.match(await stateOf(database), { version: versionOf(2) })
})

t.test(
  'what a release has dropped the one before does not miss, and the one before that does not start',
  async (t) => {
    const database = await emptyFor(t)
    await migrateTo(database, 2)
    const kept = startProgram(t, 2)
    await kept.says('serves')
    await migrateTo(database, 3)
    t.notOk(await database.hasTable(reactions.name))
    const tooOld = startProgram(t, 1)
    await tooOld.says('refused')
    t.match(tooOld.lines, [
      {
        refused: new RegExp(
          `needs programs that know ${versionOf(2)} or later; this one knows ${versionOf(1)}`,
        ),
      },
    ])
    const { errors } = await kept.stop()
    t.same(errors, [])
  },
)

t.test('the clock of the server is the same in every time zone', async (t) => {
  await server.query(`SET GLOBAL time_zone = '+09:00'`)
  t.teardown(() => server.query(`SET GLOBAL time_zone = 'SYSTEM'`))
  const database = await openDatabase()
  t.teardown(() => database.close())
  t.ok(Math.abs((await database.clockMs()) - Date.now()) < 1_000)
})
