/** MySQL's dialect, on a real MariaDB. */
import fc from 'fast-check'
import mysql from 'mysql2/promise'
import t, { type Test } from 'tap'
import type { MysqlTls } from '../../../src/net/mysql-url.js'
import type { Operation } from '../../../src/store/ports/database.js'
import { count, findOne, insert, lock, raise, scan, update } from '../../../src/store/ports/steps.js'
import { TABLES } from '../../../src/store/schema/tables.js'
import { MysqlDatabase, type MysqlOptions } from '../../../src/store/sql/mysql/mysql-database.js'
import {
  changeRows,
  createTable,
  removeRows,
  type Statement,
  selectMany,
  selectRange,
} from '../../../src/store/sql/mysql/statements.js'
import { certificates, SERVER_NAME } from '../../support/certificates.js'
import { startCuttingProxy } from '../../support/cutting-proxy.js'
import { MARIADB_MISSING, startMariadb } from '../../support/mariadb-server.js'
import { until } from '../../support/redis.js'
import { DatabaseModel } from '../../world/database.js'
import { databaseSuite } from './database-suite.js'
import { assertAlike, operations } from './random-operations.js'
import { counters, SUITE_TABLES, thing, things } from './things.js'

if (MARIADB_MISSING !== undefined) {
  t.plan(0, MARIADB_MISSING)
  process.exit(0)
}

const server = await startMariadb()
t.teardown(() => server.stop())

async function openDatabase(test: Pick<Test, 'teardown'>, options: Partial<MysqlOptions> = {}) {
  const settings = { address: server.address, writersMax: 8, readersMax: 4, statementMs: 10_000 }
  const database = await MysqlDatabase.open({ ...settings, ...options })
  test.teardown(() => database.close())
  return database
}

databaseSuite('MariaDB', async () => {
  const database = await openDatabase({ teardown: () => {} })
  await database.create(SUITE_TABLES)
  // They are there.
  await database.create(SUITE_TABLES)
  return { writer: database, reader: database, stop: () => database.close() }
})

t.test('random operations come to the same on MariaDB and on the model', async (t) => {
  const mariadb = await openDatabase(t)
  const property = fc.asyncProperty(operations, async (drawn) => {
    await server.query('DELETE FROM porchlight.things')
    await assertAlike(drawn, mariadb, new DatabaseModel().connect())
  })
  await fc.assert(property, { numRuns: 50 })
})

let buckets = 1_000

/** An operation on a row of its own that counts its attempts, and one more each time that it is done. */
function adding() {
  const bucket = ++buckets
  const counted = {
    bucket,
    attempts: 0,
    *begin(): Operation<number> {
      counted.attempts++
      const [row] = yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
      yield* update(counters, [{ key: [bucket], set: { total: row!.total + 1 } }])
      return row!.total + 1
    },
  }
  return counted
}

const UNAVAILABLE = { code: 'DATABASE_UNAVAILABLE' }

/** Another client holds the row, until `release`. */
async function holdRow(bucket: number) {
  const { host, port, username, password, database } = server.address
  const holder = await mysql.createConnection({ host, port, user: username, password, database })
  holder.on('error', () => {})
  await holder.query('BEGIN')
  await holder.query('SELECT * FROM counters WHERE bucket = ? FOR UPDATE', [bucket])
  return { release: () => holder.destroy() }
}

t.test('of two transactions that wait for each other one is begun again', async (t) => {
  const database = await openDatabase(t)
  const [a, b] = [++buckets, ++buckets]
  const STEPS_MAX = 5_000
  let attempts = 0
  const holding = new Set<number>()
  const addBoth = (...order: number[]) =>
    database.write(function* () {
      attempts++
      for (const bucket of order) {
        const [row] = yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
        holding.add(bucket)
        yield* update(counters, [{ key: [bucket], set: { total: row!.total + 1 } }])
        for (let steps = 0; holding.size < 2 && steps < STEPS_MAX; steps++) yield* count(counters, [bucket])
      }
    })
  await Promise.all([addBoth(a, b), addBoth(b, a)])
  t.equal(attempts, 3)
  const rows = await database.read(() => scan(counters, [], { from: a, to: b }))
  t.same(
    rows.map(({ total }) => total),
    [2, 2],
  )
})

t.test('an operation whose lock took too long is begun again from its start', async (t) => {
  const database = await openDatabase(t, { statementMs: 2_000 })
  const adds = adding()
  await database.write(adds.begin)
  const holder = await holdRow(adds.bucket)
  const other = ++buckets
  const writing = database.write(function* () {
    // After a lock that took too long the server undoes one statement alone.
    yield* insert(counters, [{ bucket: other, total: adds.attempts, seen: 0 }])
    return yield* adds.begin()
  })
  await until('it is begun again', () => adds.attempts >= 3)
  holder.release()
  t.equal(await writing, 2)
  t.equal((await database.read(() => findOne(counters, other)))!.total, adds.attempts - 1)
})

t.test('a lock that is held for ever is DATABASE_CONFLICT, and others go on', async (t) => {
  const database = await openDatabase(t, { statementMs: 2_000, writersMax: 1 })
  const adds = adding()
  await database.write(adds.begin)
  const holder = await holdRow(adds.bucket)
  t.teardown(holder.release)
  const stuck = t.rejects(database.write(adds.begin), { code: 'DATABASE_CONFLICT' })
  // It waits for the one connection, and gets it between two attempts.
  t.equal(await database.write(adding().begin), 1)
  await stuck
  t.ok(adds.attempts >= 3 && adds.attempts <= 4, `${adds.attempts} attempts`)
})

t.test('who finds no free connection in time is told so, and takes none away', async (t) => {
  const STATEMENT_MS = 2_000
  const database = await openDatabase(t, { statementMs: STATEMENT_MS, writersMax: 1 })
  const busyUntilMs = performance.now() + 1.2 * STATEMENT_MS
  const busy = database.write(function* () {
    while (performance.now() < busyUntilMs) yield* count(counters, [0])
  })
  await t.rejects(database.write(adding().begin), UNAVAILABLE)
  await busy
  t.equal(await database.write(adding().begin), 1)
})

t.test('a server that does not write for a while is asked again, and again not without end', async (t) => {
  const database = await openDatabase(t)
  const adds = adding()
  await server.query('SET GLOBAL read_only = 1')
  t.teardown(() => server.query('SET GLOBAL read_only = 0'))
  await t.rejects(database.write(adds.begin), UNAVAILABLE)
  t.equal(adds.attempts, 8)
  t.same(await database.read(() => scan(counters, [adds.bucket])), [])
  const before = adds.attempts
  const writing = database.write(adds.begin)
  await until('it has failed', () => adds.attempts > before)
  await server.query('SET GLOBAL read_only = 0')
  t.equal(await writing, 1)
})

/** Ends all connections of the database's user. */
async function killConnections(): Promise<number> {
  const rows = await server.query(`SELECT id FROM information_schema.processlist WHERE user = 'porchlight'`)
  for (const { id } of rows) await server.query(`KILL CONNECTION ${id}`)
  return rows.length
}

t.test('connections that were closed while nobody used them fail nobody', async (t) => {
  const database = await openDatabase(t)
  await Promise.all(Array.from({ length: 5 }, () => database.write(adding().begin)))
  t.ok((await killConnections()) >= 5)
  const results = await Promise.all(Array.from({ length: 5 }, () => database.write(adding().begin)))
  t.same(results, [1, 1, 1, 1, 1])
})

t.test('an operation whose connection ends before its commit is begun again', async (t) => {
  const database = await openDatabase(t)
  const adds = adding()
  let isHalfway = false
  const writing = database.write(function* () {
    const result = yield* adds.begin()
    while (adds.attempts === 1) {
      isHalfway = true
      yield* count(counters, [adds.bucket])
    }
    return result
  })
  await until('it is halfway', () => isHalfway)
  await killConnections()
  t.equal(await writing, 1)
  t.equal(adds.attempts, 2)
})

t.test(
  'an operation whose connection ends in its commit is not: nobody knows whether it was done',
  async (t) => {
    const proxy = await startCuttingProxy(t, server.address.port)
    const database = await openDatabase(t, { address: { ...server.address, port: proxy.port } })
    const adds = adding()
    // Not that of READ COMMITTED.
    proxy.cutAfter = '; COMMIT'
    await t.rejects(database.write(adds.begin), { code: 'COMMIT_UNKNOWN' })
    proxy.cutAfter = undefined
    t.equal(adds.attempts, 1)
    // The server may still be at it.
    await until('it was', async () => {
      const found = await database.read(() => findOne(counters, adds.bucket))
      return found?.total === 1
    })
  },
)

t.test('a row that the server does not take is ROW_REFUSED, and the connection goes on', async (t) => {
  const database = await openDatabase(t, { writersMax: 1 })
  const [type] = await server.query(
    'ALTER TABLE porchlight.counters ADD CONSTRAINT few CHECK (total < 1000)',
    'SELECT 1',
  )
  t.ok(type)
  t.teardown(() => server.query('ALTER TABLE porchlight.counters DROP CONSTRAINT few'))
  const bucket = ++buckets
  const refused = database.write(() => insert(counters, [{ bucket, total: 1_000, seen: 0 }]))
  await t.rejects(refused, { code: 'ROW_REFUSED' })
  t.equal(await database.write(adding().begin), 1)
})

t.test('a server that hangs is DATABASE_UNAVAILABLE in time, and is used again after that', async (t) => {
  const STATEMENT_MS = 2_000
  const database = await openDatabase(t, { statementMs: STATEMENT_MS })
  await database.write(adding().begin)
  await server.freeze()
  const startMs = performance.now()
  try {
    await Promise.all([
      t.rejects(database.write(adding().begin), UNAVAILABLE),
      t.rejects(
        database.read(() => count(counters, [])),
        UNAVAILABLE,
      ),
      t.rejects(openDatabase(t, { statementMs: STATEMENT_MS }), UNAVAILABLE),
    ])
  } finally {
    server.thaw()
  }
  const tookMs = performance.now() - startMs
  t.ok(tookMs >= STATEMENT_MS && tookMs < 2 * STATEMENT_MS, `${tookMs} ms`)
  t.equal(await database.write(adding().begin), 1)
})

t.test('a server that dies is DATABASE_UNAVAILABLE, and has what was answered when it is back', async (t) => {
  const database = await openDatabase(t)
  const adds = adding()
  await database.write(adds.begin)
  await server.kill()
  await t.rejects(database.write(adds.begin), UNAVAILABLE)
  await t.rejects(
    database.read(() => count(counters, [])),
    UNAVAILABLE,
  )
  await t.rejects(openDatabase(t), UNAVAILABLE)
  await server.restart()
  t.equal((await database.read(() => findOne(counters, adds.bucket)))!.total, 1)
  t.equal(await database.write(adds.begin), 2)
})

t.test('who is not let in is told why, without the password', async (t) => {
  const wrong = [
    { ...server.address, password: 'hunter2' },
    { ...server.address, username: 'nobody' },
    { ...server.address, database: 'elsewhere' },
  ]
  for (const address of wrong) {
    const error = await openDatabase(t, { address }).then(
      () => undefined,
      (reason) => reason as Error,
    )
    t.match(error, { ...UNAVAILABLE, message: /^the database cannot be reached: Access denied for user/ })
    t.notMatch(String(error), /hunter2/)
  }
})

t.test('more than the server takes at once goes in several statements', async (t) => {
  const database = await openDatabase(t)
  const bucket = ++buckets
  const body = Buffer.alloc(3 * 1024 * 1024, 'body')
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  await database.write(function* () {
    yield* insert(
      things,
      names.map((name) => thing(bucket, name, { body })),
    )
    yield* update(
      things,
      names.map((name) => ({ key: [bucket, name], set: { body: body.subarray(1) } })),
    )
  })
  const rows = await database.read(() => scan(things, [bucket]))
  t.ok(rows.every((row) => Buffer.from(row.body).equals(body.subarray(1))))
  t.ok(
    rows.every((row) => row.digest.buffer.byteLength === row.digest.length),
    'they keep no packet in memory',
  )
})

t.test('a batch costs three round trips, however many rows and tables it changes', async (t) => {
  const proxy = await startCuttingProxy(t, server.address.port)
  const address = { ...server.address, port: proxy.port }
  const database = await openDatabase(t, { address, writersMax: 1 })
  await database.write(adding().begin)
  const bucket = ++buckets
  proxy.sent.length = 0
  await database.write(function* () {
    yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
    yield* scan(things, [bucket])
    yield* insert(
      things,
      Array.from({ length: 100 }, (_, i) => thing(bucket, `${i}`)),
    )
    yield* update(counters, [{ key: [bucket], set: { total: 100 } }])
    yield* raise(counters, [{ key: [bucket], set: { seen: 100 } }])
  })
  t.equal(proxy.sent.filter((bytes) => bytes[3] === 0).length, 3)
})

t.test('each row is found by its index, in however small a table', async (t) => {
  const { host, port, username, password, database } = server.address
  const connection = await mysql.createConnection({ host, port, user: username, password, database })
  t.teardown(() => connection.destroy())
  await connection.query(createTable(things).replace('`things`', '`few`'))
  await connection.query('INSERT INTO few SELECT * FROM things LIMIT 3')
  await connection.query('ANALYZE TABLE few')
  const few = { ...things, name: 'few' }
  const keys = ['a', 'b', 'c', 'd'].map((name) => [1, name])
  const digests = ['a', 'b', 'c', 'd'].map((name) => [1, Buffer.from(name)])
  const columns = Object.keys(few.columns)
  const byKey = { order: 'key', keys, columns }
  const changes = keys.map((key) => ({ key, set: { rank: 1 } }))
  const range = { prefix: [1], limit: 2 }
  const looks: [Statement, string, string][] = [
    [selectMany(few, byKey)[0]!, 'eq_ref', 'PRIMARY'],
    [selectMany(few, byKey, true)[0]!, 'eq_ref', 'PRIMARY'],
    [selectMany(few, { order: 'byDigest', keys: digests, columns })[0]!, 'eq_ref', 'byDigest'],
    [changeRows(few, changes, false)[0]!, 'eq_ref', 'PRIMARY'],
    [changeRows(few, changes, true)[0]!, 'eq_ref', 'PRIMARY'],
    [removeRows(few, keys)[0]!, 'eq_ref', 'PRIMARY'],
    [selectRange(few, { ...range, order: 'byRank', from: 0 }), 'range', 'byRank'],
    [selectRange(few, { ...range, order: 'key', isDescending: true }), 'ref', 'PRIMARY'],
  ]
  for (const [statement, type, key] of looks) {
    const explained = await connection.query<mysql.RowDataPacket[]>(
      `EXPLAIN ${statement.sql}`,
      statement.parameters,
    )
    const look = explained[0].find(({ table }) => table === 't' || table === 'few')
    t.match(look, { type, key }, statement.sql)
    t.notMatch(look!.Extra, /filesort|temporary/, statement.sql)
  }
})

t.test('a server with a certificate is trusted if it is the right one', async (t) => {
  const secure = await startMariadb({ tls: true })
  t.teardown(() => secure.stop())
  const { ca: caFile, clientCert: certFile, clientKey: keyFile } = certificates()
  const open = (tls?: MysqlTls) => openDatabase(t, { address: { ...secure.address, ...(tls && { tls }) } })
  const good = { isVerified: true, serverName: SERVER_NAME, caFile }
  const database = await open(good)
  await database.create(TABLES)
  await t.resolves(open({ ...good, serverName: 'localhost', certFile, keyFile }))
  await t.resolves(open({ isVerified: false, serverName: 'elsewhere.test' }))
  await t.rejects(open({ ...good, serverName: 'elsewhere.test' }), UNAVAILABLE)
  await t.rejects(open({ isVerified: true, serverName: SERVER_NAME }), UNAVAILABLE)
  await t.rejects(open(), UNAVAILABLE)
  await secure.query(`ALTER USER porchlight@'127.0.0.1' REQUIRE X509`)
  await t.rejects(open(good), UNAVAILABLE)
  await t.resolves(open({ ...good, certFile, keyFile }))
  await t.rejects(open({ ...good, caFile: `${caFile}.away` }), { code: 'ENOENT' })
})
