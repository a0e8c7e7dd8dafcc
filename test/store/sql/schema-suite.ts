/** What migrations promise on every engine. */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { SchemaDatabase } from '../../../src/store/ports/schema.js'
import {
  bytes,
  defineTable,
  findMany,
  id,
  insert,
  int,
  nullable,
  scan,
  text,
} from '../../../src/store/ports/steps.js'
import { fillRows } from '../../../src/store/schema/fill-rows.js'
import { MIGRATIONS } from '../../../src/store/schema/migrations.js'
import { noteDone, schemaStates } from '../../../src/store/schema/schema-state.js'
import { messages, TABLES } from '../../../src/store/schema/tables.js'
import {
  assertServes,
  type MigrateOptions,
  migrate,
  plannedSteps,
  stateOf,
} from '../../../src/store/sql/schema/migrate.js'
import { SchemaLease } from '../../../src/store/sql/schema/schema-lease.js'
import { editedMessages, laterMigrations, upTo, versionOf } from './schema-versions.js'

export interface EmptyDatabase {
  database: SchemaDatabase
  stop(): Promise<void>
}

const MINUTE_MS = 60_000
/** Of all migrations. */
const STEPS = MIGRATIONS.flatMap(({ steps }) => steps).length
let holders = 0

export async function migrateTo(
  database: SchemaDatabase,
  number: number,
  options: Partial<MigrateOptions> = {},
): Promise<string[]> {
  const lines: string[] = []
  await migrate({
    database,
    holder: `holder ${++holders}`,
    migrations: upTo(number),
    tell: (line) => void lines.push(line),
    ...options,
  })
  return lines
}

export function storedMessage(seq: number, conversationId = 'si_a_b') {
  return {
    bucket: 1,
    conversationId,
    seq,
    digest: createHash('sha256').update(`${conversationId} ${seq}`).digest(),
    senderId: 'a',
    sentMs: seq,
    contentType: 101,
    state: 0,
    body: Buffer.from('body'),
    revoke: null,
  }
}

export function schemaSuite(name: string, open: () => Promise<EmptyDatabase>): void {
  const suite = (title: string, act: (t: Test, database: SchemaDatabase) => Promise<void>) =>
    t.test(`${name}: ${title}`, async (t) => {
      const { database, stop } = await open()
      t.teardown(stop)
      await act(t, database)
    })

  suite('a new database gets what the program knows, and then needs nothing', async (t, database) => {
    t.match(await stateOf(database), { version: 0, minProgram: 0 })
    await t.rejects(assertServes(database, upTo(1)), { code: 'DATABASE_UNAVAILABLE' })
    t.equal(plannedSteps(await stateOf(database), upTo(1)).length, STEPS)
    const lines = await migrateTo(database, 1)
    t.equal(lines.length, STEPS + MIGRATIONS.length)
    t.match(await stateOf(database), { version: versionOf(1), minProgram: 1, holder: '', progress: '' })
    t.same(await migrateTo(database, 1), [])
    await assertServes(database, upTo(1))
  })

  suite('tables of a program from before there were numbers are taken as they are', async (t, database) => {
    for (const table of TABLES) await database.change({ kind: 'makeTable', table })
    await database.write(() => insert(messages, [storedMessage(1)]))
    await migrateTo(database, 1)
    t.match(await stateOf(database), { version: versionOf(1) })
    t.equal((await database.read(() => scan(messages, [1]))).length, 1)
  })

  suite('an older program goes on, and starts again, on an expanded schema', async (t, database) => {
    await migrateTo(database, 1)
    await database.write(() =>
      insert(
        messages,
        [1, 2, 3].map((seq) => storedMessage(seq)),
      ),
    )
    await migrateTo(database, 2)
    t.match(await stateOf(database), { version: versionOf(2), minProgram: 1 })
    t.same(await migrateTo(database, 1), [])
    await assertServes(database, upTo(1))
    // As the older one writes it, without the new columns.
    await database.write(() => insert(messages, [storedMessage(4)]))
    const rows = await database.read(() => scan(editedMessages, [1], { order: 'bySender' }))
    t.same(
      rows.map(({ seq, rev, mood }) => ({ seq, rev, mood })),
      [1, 1, 1, 0].map((rev, index) => ({ seq: index + 1, rev, mood: null })),
    )
  })

  suite('a program that the schema is too new for is told what to do', async (t, database) => {
    await migrateTo(database, 3)
    t.match(await stateOf(database), { version: versionOf(3), minProgram: versionOf(2) })
    const tooNew = {
      code: 'SCHEMA_TOO_NEW',
      message: new RegExp(
        `has schema ${versionOf(3)}, which needs programs that know ${versionOf(2)} or later; ` +
          `this one knows ${versionOf(1)}\\. Start a newer release`,
      ),
    }
    await t.rejects(migrateTo(database, 1), tooNew)
    await t.rejects(assertServes(database, upTo(1)), tooNew)
    t.same(await migrateTo(database, 2), [])
    await t.rejects(
      database.read(() => scan(editedMessages, [1])),
      { code: 'DATABASE_UNAVAILABLE' },
      'the column is dropped',
    )
  })

  suite('each step may be done again', async (t, database) => {
    await migrateTo(database, 1)
    for (const { steps } of laterMigrations()) {
      for (const step of steps) {
        if (step.kind === 'fill') continue
        await database.change(step)
        await database.change(step)
      }
    }
    t.match(await stateOf(database), { version: versionOf(1) })
    await migrateTo(database, 3)
    t.match(await stateOf(database), { version: versionOf(3) })
  })

  suite('a column that servers have no default for is refused', async (t, database) => {
    await migrateTo(database, 1)
    const wrong = { someBytes: bytes, number: int, someText: nullable(text), name: id }
    const table = defineTable(messages.name, { ...messages.columns, ...wrong }, [...messages.key] as ['seq'])
    const initials = { someBytes: Buffer.alloc(1), number: null, someText: 'x', name: 1 }
    for (const [column, initial] of Object.entries(initials))
      await t.rejects(database.change({ kind: 'addColumn', table, column, initial }), TypeError, column)
  })

  suite('slices see each row once, whatever the keys', async (t, database) => {
    await migrateTo(database, 2)
    const names = ['a', 'a\u0001', 'ab', 'b', 'é', '😀', 'x'.repeat(255), `${'x'.repeat(254)}y`]
    const rows = names.flatMap((name) => [1, 2, 3].map((seq) => storedMessage(seq, name)))
    await database.write(() => insert(messages, rows))
    const fill = fillRows(editedMessages, { what: '', rows: 2, change: ({ rev }) => ({ rev: rev + 1 }) })
    let slices = 0
    for (
      let next: Parameters<typeof fill.slice>[0], isFirst = true;
      isFirst || next !== undefined;
      isFirst = false
    ) {
      next = (await database.write(() => fill.slice(next))).next
      slices++
    }
    const filled = await database.read(() => scan(editedMessages, [1]))
    t.equal(filled.length, rows.length)
    t.ok(filled.every(({ rev }) => rev === 1))
    t.equal(slices, rows.length / 2 + 1)
  })

  suite('a migration that failed goes on from where it was', async (t, database) => {
    await migrateTo(database, 1)
    const ROWS = 20
    const all = Array.from({ length: ROWS }, (_, index) => storedMessage(index + 1))
    await database.write(() => insert(messages, all))
    let slices = 0
    const failing = laterMigrations(() => {
      if (++slices === 4) throw new Error('dies')
    }, 5)
    await t.rejects(migrateTo(database, 2, { migrations: upTo(2, failing) }), { message: 'dies' })
    t.match(await stateOf(database), { version: versionOf(1), holder: '' })
    const again = laterMigrations(() => slices++, 5)
    const lines = await migrateTo(database, 2, { migrations: upTo(2, again) })
    t.equal(lines.length, 3, 'of the steps that were done none is done again')
    t.equal(slices, 4 + 2)
    t.equal(
      (await database.read(() => scan(editedMessages, [1]))).filter(({ rev }) => rev === 1).length,
      ROWS,
    )
  })

  suite('the lease is one holder’s until it is over, and is then lost', async (t, database) => {
    const ahead = (ms: number): SchemaDatabase => ({
      hasTable: (name) => database.hasTable(name),
      change: (step) => database.change(step),
      write: (begin) => database.write(begin),
      read: (begin) => database.read(begin),
      clockMs: async () => (await database.clockMs()) + ms,
      close: async () => {},
    })
    await database.change({ kind: 'makeTable', table: schemaStates })
    const take = (holder: string, aheadMs: number) => SchemaLease.take(ahead(aheadMs), holder, MINUTE_MS)
    const first = (await take('first', 0)) as SchemaLease
    t.match(await take('second', 0.9 * MINUTE_MS), { holder: 'first' })
    await first.renew()
    const second = await take('second', 1.5 * MINUTE_MS)
    t.ok(second instanceof SchemaLease)
    const lost = { code: 'SCHEMA_LEASE_LOST' }
    await t.rejects(
      first.write(() => noteDone(7)),
      lost,
    )
    await t.rejects(first.renew(), lost)
    await first.giveUp()
    t.match(await stateOf(database), { holder: 'second', version: 0 })
    await (second as SchemaLease).giveUp()
    t.match(await stateOf(database), { holder: '' })
  })

  suite('who is told to stop does so between two slices', async (t, database) => {
    await migrateTo(database, 1)
    const end = new AbortController()
    const migrations = laterMigrations(() => end.abort(new Error('stopped')), 1)
    await database.write(() => insert(messages, [storedMessage(1), storedMessage(2)]))
    await t.rejects(migrateTo(database, 2, { migrations: upTo(2, migrations), signal: end.signal }), {
      message: 'stopped',
    })
    const [first, second] = await database.read(() =>
      findMany(editedMessages, [
        [1, 'si_a_b', 1],
        [1, 'si_a_b', 2],
      ]),
    )
    t.same([first!.rev, second!.rev], [1, 0])
  })
}
