/** SQLite, in files of its own. */
import { execFile } from 'node:child_process'
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { count, findOne, insert, scan, update } from '../../../src/store/ports/steps.js'
import { Checkpoints } from '../../../src/store/sql/sqlite/checkpoints.js'
import { SqliteDatabase } from '../../../src/store/sql/sqlite/sqlite-database.js'
import { removeFolder, temporaryFolder } from '../../support/leftovers.js'
import { databaseSuite } from './database-suite.js'
import type { Filled } from './fill-file.js'
import { plain, SUITE_TABLES, thing, things } from './things.js'

/** A new file, and a handle that writes to it. */
function newFile(t: Pick<Test, 'teardown'>, onGrown?: () => void) {
  const folder = temporaryFolder('sqlite')
  t.teardown(() => removeFolder(folder))
  const path = join(folder, 'database')
  const writer = SqliteDatabase.open({ path, readOnly: false, onGrown })
  t.teardown(() => writer.close())
  writer.create(SUITE_TABLES)
  return { path, writer }
}

databaseSuite('SQLite, with a reader beside the writer', async () => {
  const ends: (() => unknown)[] = []
  const { path, writer } = newFile({ teardown: (end) => void ends.push(end as () => unknown) })
  const reader = SqliteDatabase.open({ path, readOnly: true })
  ends.push(() => reader.close())
  return {
    writer,
    reader,
    stop: async () => {
      for (const end of ends.reverse()) await end()
    },
  }
})

t.test('what was committed is there when the file is opened again, and what was not is not', async (t) => {
  const { path, writer } = newFile(t)
  await writer.write(() => insert(things, [thing(1, 'a')]))
  const failed = writer.write(function* () {
    yield* insert(things, [thing(1, 'b')])
    throw new Error('no')
  })
  await t.rejects(failed, { message: 'no' })
  await writer.close()
  const again = SqliteDatabase.open({ path, readOnly: false })
  t.teardown(() => again.close())
  again.create(SUITE_TABLES)
  t.strictSame((await again.read(() => scan(things, []))).map(plain), [thing(1, 'a')])
})

t.test('a handle that only reads sees each commit of the writer, and writes nothing', async (t) => {
  const { path, writer } = newFile(t)
  const reader = SqliteDatabase.open({ path, readOnly: true })
  t.teardown(() => reader.close())
  t.equal(await reader.read(() => findOne(things, 1, 'a')), undefined)
  await writer.write(() => insert(things, [thing(1, 'a')]))
  t.strictSame(plain(await reader.read(() => findOne(things, 1, 'a'))), thing(1, 'a'))
  await t.rejects(
    reader.write(() => insert(things, [thing(1, 'b')])),
    { code: 'DATABASE_UNAVAILABLE' },
  )
})

t.test('when its writer has closed, the file alone has everything, though others read it', async (t) => {
  const { path, writer } = newFile(t)
  const reader = SqliteDatabase.open({ path, readOnly: true })
  t.teardown(() => reader.close())
  await writer.write(() => insert(things, [thing(1, 'a')]))
  t.equal(await reader.read(() => count(things, [])), 1)
  await writer.close()
  const copy = `${path}-copy`
  copyFileSync(path, copy)
  const copied = SqliteDatabase.open({ path: copy, readOnly: true })
  t.teardown(() => copied.close())
  t.equal(await copied.read(() => count(things, [])), 1)
})

t.test('a path that is not there is DATABASE_UNAVAILABLE', async (t) => {
  const folder = temporaryFolder('sqlite')
  t.teardown(() => removeFolder(folder))
  const away = [
    { path: join(folder, 'no', 'database'), readOnly: false },
    { path: join(folder, 'database'), readOnly: true },
  ]
  for (const options of away)
    t.throws(() => SqliteDatabase.open(options), { code: 'DATABASE_UNAVAILABLE' }, options.path)
})

t.test(
  'a disk that takes no more is DATABASE_UNAVAILABLE, and loses nothing that was answered',
  async (t) => {
    const folder = temporaryFolder('sqlite')
    t.teardown(() => removeFolder(folder))
    const path = join(folder, 'database')
    const BLOCKS = 600
    const script = fileURLToPath(new URL('fill-file.js', import.meta.url))
    const limited = [`ulimit -f ${BLOCKS}; exec "$0" "$@"`, process.execPath, script, path]
    const { stdout } = await promisify(execFile)('sh', ['-c', ...limited])
    const { acknowledged, code, readable } = JSON.parse(stdout) as Filled
    t.equal(code, 'DATABASE_UNAVAILABLE')
    t.ok(acknowledged > 0)
    t.equal(readable, acknowledged)
    const database = SqliteDatabase.open({ path, readOnly: false })
    t.teardown(() => database.close())
    t.equal(await database.read(() => count(things, [1])), acknowledged)
  },
)

const MIB = 1024 * 1024

t.test('the log begins anew after a checkpoint of another handle, which is asked for in time', async (t) => {
  let checkpoints: Checkpoints | undefined
  let asked = 0
  const { path, writer } = newFile(t, () => {
    asked++
    checkpoints!.checkpoint()
  })
  checkpoints = new Checkpoints(path)
  t.teardown(() => checkpoints.close())
  for (let round = 0; round < 20; round++) {
    const rows = Array.from({ length: 1_000 }, (_, n) => thing(round, `${n}`))
    await writer.write(() => insert(things, rows))
  }
  t.equal(asked, 5, 'each 4,000 rows')
  const { size } = statSync(`${path}-wal`)
  t.ok(size < 4 * MIB, `${size} bytes`)
  t.equal(await writer.read(() => count(things, [19])), 1_000)
})

t.test('where nobody makes checkpoints the log is bounded all the same', async (t) => {
  const { path, writer } = newFile(t)
  await writer.write(() => insert(things, [thing(1, 'a')]))
  for (let round = 0; round < 30; round++) {
    const set = { body: Buffer.alloc(2 * MIB, round) }
    await writer.write(() => update(things, [{ key: [1, 'a'], set }]))
  }
  const { size } = statSync(`${path}-wal`)
  t.ok(size < 40 * MIB, `${size} bytes`)
})
