/** What every engine of `Database` has to do: one suite for the file, the server, and the simulation's double. */
import t, { type Test } from 'tap'
import { hasCode } from '../../../src/errors/errors.js'
import type { Database, Operation, Row, Table, Value } from '../../../src/store/ports/database.js'
import {
  count,
  findMany,
  findOne,
  insert,
  lock,
  put,
  raise,
  remove,
  scan,
  update,
} from '../../../src/store/ports/steps.js'
import { TABLES } from '../../../src/store/schema/tables.js'
import { counters, links, plain, type Thing, thing, things } from './things.js'

export interface Bench {
  writer: Database
  /** Of the same data; it may be the writer itself. */
  reader: Database
  stop(): unknown
}

const plains = (rows: readonly (Row | undefined)[]) => rows.map(plain)
const idsOf = (rows: readonly { thingId: string }[]) => rows.map(({ thingId }) => thingId)

/** Ids that a database may take for one, or for a pattern. In the order of their bytes. */
const UNLIKE = [
  '',
  ' ',
  '%',
  "'; DROP TABLE things; --",
  'A',
  'ANN',
  'Ann',
  '\\',
  '\\0',
  '_nn',
  'a',
  'ann',
  'ann ',
  'ann  ',
  'anna',
  'x'.repeat(255),
  '\u00e5',
  '\u0061\u030a',
  '\ufffd',
  '\u{1f600}',
].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

export function databaseSuite(name: string, start: () => Promise<Bench>): void {
  t.test(name, async (t) => {
    const { writer, reader, stop } = await start()
    t.teardown(stop)
    let buckets = 0
    /** Each test has a bucket of its own. */
    const kit = (): Kit => new Kit(writer, reader, ++buckets)
    for (const tests of [rowTests, valueTests, identityTests, rangeTests, transactionTests]) tests(t, kit)
  })
}

class Kit {
  constructor(
    readonly writer: Database,
    readonly reader: Database,
    readonly bucket: number,
  ) {}

  thing(thingId: string, rest: Partial<Row> = {}): Thing {
    return thing(this.bucket, thingId, rest)
  }

  async insert(...things_: Thing[]): Promise<void> {
    await this.writer.write(() => insert(things, things_))
  }

  async all(): Promise<(Row | undefined)[]> {
    return plains(await this.reader.read(() => scan(things, [this.bucket])))
  }
}

type Section = (t: Test, kit: () => Kit) => void

const rowTests: Section = (t, newKit) => {
  t.test('a row is read as it was inserted; an absent one is undefined, in the order asked', async (t) => {
    const kit = newKit()
    const [a, b] = [kit.thing('a', { rank: 1, note: 'n' }), kit.thing('b', { rank: 2, label: 'l' })]
    await kit.insert(b, a)
    const keys = ['b', 'nobody', 'a', 'b'].map((thingId) => [kit.bucket, thingId])
    const found = await kit.reader.read(() => findMany(things, keys))
    t.strictSame(plains(found), [b, undefined, a, b])
    t.strictSame(plain(await kit.reader.read(() => findOne(things, kit.bucket, 'a'))), a)
    t.equal(await kit.reader.read(() => findOne(things, kit.bucket + 0.5e6, 'a')), undefined)
  })

  t.test('no more of a row is read than the columns that were asked for', async (t) => {
    const kit = newKit()
    await kit.insert(kit.thing('a', { rank: 1, note: 'n' }))
    const columns = ['note', 'rank'] as const
    const found = await kit.reader.read(() => findMany(things, [[kit.bucket, 'a']], { columns }))
    t.strictSame(plains(found), [{ note: 'n', rank: 1 }])
  })

  t.test('rows are found by a unique index', async (t) => {
    const kit = newKit()
    const [a, b] = [kit.thing('a'), kit.thing('b')]
    await kit.insert(a, b)
    const keys = [b.digest, Buffer.from('none'), a.digest].map((digest) => [kit.bucket, digest])
    const found = await kit.reader.read(() => findMany(things, keys, { order: 'byDigest' }))
    t.strictSame(plains(found), [b, undefined, a])
  })

  t.test(
    'an inserted row whose key is there fails with DUPLICATE_KEY, and takes nothing with it',
    async (t) => {
      const kit = newKit()
      await kit.insert(kit.thing('a'))
      const again = [kit.thing('b'), kit.thing('a', { digest: Buffer.from('another') })]
      await t.rejects(kit.insert(...again), { code: 'DUPLICATE_KEY' })
      await t.rejects(kit.insert(kit.thing('c'), kit.thing('c', { digest: Buffer.from('c2') })), {
        code: 'DUPLICATE_KEY',
      })
      t.strictSame(await kit.all(), [kit.thing('a')])
    },
  )

  t.test('no step makes two rows with the same entry of a unique index', async (t) => {
    const kit = newKit()
    const [a, b] = [kit.thing('a'), kit.thing('b')]
    await kit.insert(a, b)
    const usurper = kit.thing('c', { digest: a.digest })
    const attempts: Record<string, () => Operation<unknown>> = {
      insert: () => insert(things, [usurper]),
      put: () => put(things, [usurper]),
      'put over another row': () => put(things, [{ ...b, digest: a.digest }]),
      lock: () => lock(things, [usurper]),
      update: () => update(things, [{ key: [kit.bucket, 'b'], set: { digest: a.digest } }]),
    }
    for (const [name, begin] of Object.entries(attempts)) {
      await t.rejects(kit.writer.write(begin), { code: 'DUPLICATE_KEY' }, name)
      t.strictSame(await kit.all(), [a, b], name)
    }
  })

  t.test('put inserts, and replaces the row with the same key as a whole', async (t) => {
    const kit = newKit()
    const a = kit.thing('a', { rank: 1, label: 'old', note: 'n', body: Buffer.from('old') })
    await kit.insert(a, kit.thing('b'))
    const newer = kit.thing('a', { rank: 2, label: 'new', digest: Buffer.from('new') })
    await kit.writer.write(() => put(things, [kit.thing('c'), newer]))
    t.strictSame(await kit.all(), [newer, kit.thing('b'), kit.thing('c')])
    await kit.writer.write(() => put(things, [newer]))
    t.strictSame(await kit.all(), [newer, kit.thing('b'), kit.thing('c')])
  })

  t.test('rows that are all key can be put and locked again and again', async (t) => {
    const kit = newKit()
    const link = { bucket: kit.bucket, fromId: 'a', toId: 'b' }
    await kit.writer.write(() => put(links, [link]))
    await kit.writer.write(() => put(links, [link]))
    t.strictSame(plains(await kit.writer.write(() => lock(links, [link]))), [link])
    t.equal(await kit.reader.read(() => count(links, [kit.bucket])), 1)
  })

  t.test('update changes the named columns of present rows, and makes none', async (t) => {
    const kit = newKit()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => kit.thing(name, { label: name, note: name })) as Thing[]
    await kit.insert(a!, b!, c!)
    await kit.writer.write(() =>
      update(things, [
        { key: [kit.bucket, 'c'], set: { rank: 3, label: 'new' } },
        { key: [kit.bucket, 'nobody'], set: { rank: 3, label: 'new' } },
        { key: [kit.bucket, 'a'], set: { note: null } },
        { key: [kit.bucket, 'c'], set: { rank: 4 } },
      ]),
    )
    t.strictSame(await kit.all(), [{ ...a!, note: null }, b, { ...c!, rank: 4, label: 'new' }])
  })

  t.test('raise never lowers a number, and makes no row', async (t) => {
    const kit = newKit()
    await kit.insert(kit.thing('a', { rank: 5 }), kit.thing('b', { rank: 5 }), kit.thing('c', { rank: -5 }))
    await kit.writer.write(() =>
      raise(things, [
        { key: [kit.bucket, 'a'], set: { rank: 4 } },
        { key: [kit.bucket, 'b'], set: { rank: 6 } },
        { key: [kit.bucket, 'c'], set: { rank: -7 } },
        { key: [kit.bucket, 'nobody'], set: { rank: 6 } },
        { key: [kit.bucket, 'b'], set: { rank: 5 } },
      ]),
    )
    t.same(
      (await kit.all()).map((row) => row!.rank),
      [5, 6, -5],
    )
  })

  t.test('raise changes each number for itself', async (t) => {
    const kit = newKit()
    const row = { bucket: kit.bucket, total: 5, seen: 5 }
    await kit.writer.write(() => insert(counters, [row]))
    await kit.writer.write(() => raise(counters, [{ key: [kit.bucket], set: { total: 4, seen: 9 } }]))
    t.strictSame(plain(await kit.reader.read(() => findOne(counters, kit.bucket))), { ...row, seen: 9 })
  })

  t.test('remove takes the rows that are there, and no other', async (t) => {
    const kit = newKit()
    await kit.insert(...['a', 'b', 'c', 'd'].map((name) => kit.thing(name)))
    const gone = ['d', 'nobody', 'b'].map((name) => [kit.bucket, name])
    await kit.writer.write(() => remove(things, gone))
    t.strictSame(await kit.all(), [kit.thing('a'), kit.thing('c')])
    await kit.insert(kit.thing('b'))
    t.equal((await kit.all()).length, 3)
  })

  t.test('lock makes the rows that are absent, and answers all as they are', async (t) => {
    const kit = newKit()
    const held = kit.thing('b', { rank: 7, label: 'held' })
    await kit.insert(held)
    const asked = ['a', 'b', 'c'].map((name) => kit.thing(name, { rank: 1 }))
    const locked = await kit.writer.write(() => lock(things, asked))
    t.strictSame(plains(locked), [asked[0], held, asked[2]])
    t.strictSame(await kit.all(), [asked[0], held, asked[2]])
  })

  t.test('a step without rows or keys does nothing', async (t) => {
    const kit = newKit()
    await kit.writer.write(function* () {
      t.same(yield { kind: 'lock', table: things, rows: [] }, [])
      t.same(yield { kind: 'find', table: things, order: 'key', keys: [], columns: ['rank'] }, [])
      yield { kind: 'insert', table: things, rows: [] }
      yield { kind: 'put', table: things, rows: [] }
      yield { kind: 'update', table: things, changes: [] }
      yield { kind: 'raise', table: things, changes: [] }
      yield { kind: 'remove', table: things, keys: [] }
    })
    t.same(await kit.all(), [])
  })

  t.test('hundreds of rows go through one step', async (t) => {
    const kit = newKit()
    const names = Array.from({ length: 700 }, (_, i) => `${String(i).padStart(4, '0')}`)
    const rows = names.map((name, i) => kit.thing(name, { rank: i }))
    const keys = names.map((name) => [kit.bucket, name])
    await kit.writer.write(function* () {
      yield* lock(things, rows)
      yield* update(
        things,
        keys.map((key, i) => ({ key, set: { rank: 2 * i } })),
      )
      yield* raise(
        things,
        keys.map((key) => ({ key, set: { rank: 700 } })),
      )
      yield* put(things, rows.slice(0, 100))
      yield* remove(things, keys.slice(600))
    })
    const found = await kit.reader.read(() => findMany(things, keys))
    t.same(
      found.map((row) => row?.rank),
      names.map((_, i) => (i < 100 ? i : i < 600 ? Math.max(2 * i, 700) : undefined)),
    )
  })

  t.test('every table of the schema takes a row and gives it back', async (t) => {
    const kit = newKit()
    const sample = { int: 7, id: 'x', text: 'x', bytes: Buffer.from('x') }
    for (const table of TABLES as readonly Table[]) {
      const columns = Object.entries(table.columns)
      const values = columns.map(([name, { kind, isNullable }]) => [name, isNullable ? null : sample[kind]])
      const row: Row = { ...Object.fromEntries(values), bucket: kit.bucket }
      await kit.writer.write(() => insert(table, [row as never]))
      const key = table.key.map((name) => row[name]!)
      t.strictSame(plain(await kit.reader.read(() => findOne(table, ...key))), row, table.name)
    }
  })
}

const valueTests: Section = (t, newKit) => {
  t.test('whole numbers are exact up to 2^53 - 1', async (t) => {
    const kit = newKit()
    const numbers = [
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2 ** 52 + 1,
      2 ** 51,
      2 ** 31,
      0,
      -1,
      -2,
      -10,
    ]
    await kit.insert(...numbers.map((rank, i) => kit.thing(`n${i}`, { rank })))
    t.same(
      (await kit.all()).map((row) => row!.rank),
      numbers,
    )
    const sorted = await kit.reader.read(() => scan(things, [kit.bucket], { order: 'byRank' }))
    t.same(
      sorted.map(({ rank }) => rank),
      [...numbers].sort((a, b) => a - b),
    )
  })

  t.test(
    'a value that its column cannot hold is refused, and nothing of the operation is done',
    async (t) => {
      const kit = newKit()
      const unfit: [string, unknown][] = [
        ['rank', 2 ** 53],
        ['rank', -(2 ** 53)],
        ['rank', 1.5],
        ['rank', Number.NaN],
        ['rank', '1'],
        ['rank', null],
        ['rank', undefined],
        ['thingId', 'x'.repeat(256)],
        ['thingId', '\u{1f600}'.repeat(64)],
        ['thingId', 'a\0b'],
        ['thingId', '\ud800'],
        ['thingId', 7],
        ['label', null],
        ['label', 'x'.repeat(64 * 1024 + 1)],
        ['note', Buffer.from('n')],
        ['body', 'text'],
        ['body', Buffer.alloc(16 * 1024 * 1024 + 1)],
        ['digest', Buffer.alloc(256)],
      ]
      for (const [name, value] of unfit) {
        const row = { ...kit.thing('x'), [name]: value } as Thing
        await t.rejects(kit.insert(kit.thing('a'), row), { name: 'TypeError' }, `${name}: ${typeof value}`)
        if (name === 'thingId') continue
        const change = { key: [kit.bucket, 'a'], set: { [name]: value } as Row }
        await t.rejects(
          kit.writer.write(() => update(things, [change as never])),
          { name: 'TypeError' },
        )
      }
      t.same(await kit.all(), [])
    },
  )

  t.test('steps that do not keep to the port are refused', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    const odd: Record<string, () => Operation<unknown>> = {
      'a key that is too short': () => findMany(things, [[bucket]]),
      'a key that is too long': () => remove(things, [[bucket, 'a', 'b']]),
      'an order that is not unique': () => findMany(things, [[bucket, 0]], { order: 'byRank' }),
      'a column that is not there': () => findMany(things, [[bucket, 'a']], { columns: ['size' as 'rank'] }),
      'an order that is not there': () => scan(things, [bucket], { order: 'byLabel' }),
      'a bound beyond the order': () => scan(things, [bucket, 'a'], { from: 'b' }),
      'a limit below 0': () => scan(things, [bucket], { limit: -1 }),
      'a change of the key': () => update(things, [{ key: [bucket, 'a'], set: { thingId: 'b' } }]),
      'a change of nothing': () => update(things, [{ key: [bucket, 'a'], set: {} }]),
      'a raised text': () => raise(things, [{ key: [bucket, 'a'], set: { label: 'b' } }]),
    }
    for (const [name, begin] of Object.entries(odd))
      await t.rejects(kit.writer.write(begin), { name: 'TypeError' }, name)
  })

  t.test('bytes may be empty, of any value, and 100 KiB', async (t) => {
    const kit = newKit()
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const bodies = [Buffer.alloc(0), every, Buffer.alloc(100 * 1024, every), new Uint8Array([0, 39, 92])]
    await kit.insert(...bodies.map((body, i) => kit.thing(`b${i}`, { body })))
    const rows = await kit.all()
    for (const [i, body] of bodies.entries()) t.ok(Buffer.from(body).equals(rows[i]!.body as Buffer), `${i}`)
  })

  t.test('texts come back as they were, and null is no text', async (t) => {
    const kit = newKit()
    const texts = ['', ' ', "it's", '\\n "x" `y`', 'a\0b', '\u{1f600}\n', 'null', 'x'.repeat(64 * 1024), null]
    await kit.insert(...texts.map((note, i) => kit.thing(`t${i}`, { note, label: note ?? '' })))
    const rows = await kit.all()
    for (const [i, note] of texts.entries()) {
      t.equal(rows[i]!.note, note)
      t.equal(rows[i]!.label, note ?? '')
    }
    await kit.writer.write(() => update(things, [{ key: [kit.bucket, 't0'], set: { label: 'c\0d' } }]))
    t.equal((await kit.all())[0]!.label, 'c\0d')
  })

  t.test('what the caller does with its bytes afterwards changes nothing', async (t) => {
    const kit = newKit()
    const row = kit.thing('a', { body: Buffer.from('as it was') })
    await kit.insert(row)
    row.body.fill(0)
    row.rank = 9
    const [first] = await kit.all()
    t.equal(String(first!.body), 'as it was')
    t.equal(first!.rank, 0)
    ;(first!.body as Buffer).fill(0)
    t.equal(String((await kit.all())[0]!.body), 'as it was')
  })
}

const identityTests: Section = (t, newKit) => {
  t.test('ids that differ in case, blanks or any byte are different', async (t) => {
    const kit = newKit()
    const rows = UNLIKE.map((name, i) => kit.thing(name, { rank: i, digest: Buffer.from(name) }))
    await kit.insert(...[...rows].reverse())
    t.strictSame(await kit.all(), rows)
    const keys = UNLIKE.map((name) => [kit.bucket, name])
    t.strictSame(plains(await kit.reader.read(() => findMany(things, keys))), rows)
    const digests = rows.map(({ digest }) => [kit.bucket, digest])
    t.strictSame(plains(await kit.reader.read(() => findMany(things, digests, { order: 'byDigest' }))), rows)
    for (const [i, name] of UNLIKE.entries()) {
      await kit.writer.write(() => update(things, [{ key: [kit.bucket, name], set: { rank: -i } }]))
    }
    t.same(
      (await kit.all()).map((row) => row!.rank),
      rows.map(({ rank }) => 0 - rank),
    )
    for (const name of UNLIKE) await kit.writer.write(() => remove(things, [[kit.bucket, name]]))
    t.same(await kit.all(), [])
  })

  t.test('an absent id is not taken for one like it', async (t) => {
    const kit = newKit()
    await kit.insert(kit.thing('Ann'), kit.thing('bob'))
    const like = ['ann', 'ANN', 'Ann ', 'A%', '_nn', 'Ann\u200b', 'bo_', '%', '']
    const keys = like.map((name) => [kit.bucket, name])
    const found = await kit.reader.read(() => findMany(things, keys))
    t.ok(found.every((row) => row === undefined))
    await kit.writer.write(() => remove(things, keys))
    t.equal((await kit.all()).length, 2)
  })
}

const rangeTests: Section = (t, newKit) => {
  t.test('a scan is in the order of the bytes, forward and back', async (t) => {
    const kit = newKit()
    await kit.insert(...UNLIKE.map((name) => kit.thing(name)).reverse())
    const { bucket } = kit
    t.same(idsOf(await kit.reader.read(() => scan(things, [bucket]))), UNLIKE)
    const back = await kit.reader.read(() => scan(things, [bucket], { isDescending: true }))
    t.same(idsOf(back), [...UNLIKE].reverse())
    const byDigest = await kit.reader.read(() => scan(things, [bucket], { order: 'byDigest' }))
    t.same(idsOf(byDigest), UNLIKE)
  })

  t.test('bounds are inclusive, and limit and offset count within them', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    await kit.insert(...[...'abcdefgh'].map((name) => kit.thing(name)))
    const cases: [Parameters<typeof scan>[2], string][] = [
      [{ from: 'c', to: 'e' }, 'cde'],
      [{ from: 'c' }, 'cdefgh'],
      [{ to: 'c' }, 'abc'],
      [{ from: 'bb', to: 'dd' }, 'cd'],
      [{ from: 'e', to: 'c' }, ''],
      [{ limit: 2 }, 'ab'],
      [{ limit: 0 }, ''],
      [{ offset: 6 }, 'gh'],
      [{ offset: 9 }, ''],
      [{ from: 'c', limit: 2, offset: 1 }, 'de'],
      [{ from: 'c', to: 'f', isDescending: true }, 'fedc'],
      [{ to: 'f', isDescending: true, limit: 2, offset: 1 }, 'ed'],
    ]
    for (const [range, expected] of cases) {
      const rows = await kit.reader.read(() => scan(things, [bucket], range))
      t.equal(idsOf(rows).join(''), expected, JSON.stringify(range))
    }
  })

  t.test('an index sorts by its columns, and rows that are equal in them by the key', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    const ranks = { a: 2, b: 1, c: 2, d: 3, e: 2, f: -1 }
    await kit.insert(...Object.entries(ranks).map(([name, rank]) => kit.thing(name, { rank })))
    const cases: [Value[], Parameters<typeof scan>[2], string][] = [
      [[bucket], {}, 'fbaced'],
      [[bucket], { isDescending: true }, 'decabf'],
      [[bucket], { from: 2 }, 'aced'],
      [[bucket], { from: 1, to: 2 }, 'bace'],
      [[bucket], { to: 2, isDescending: true, limit: 3 }, 'eca'],
      [[bucket], { offset: 2, limit: 3 }, 'ace'],
      [[bucket, 2], {}, 'ace'],
      [[bucket, 2], { isDescending: true, offset: 1 }, 'ca'],
      [[bucket, 7], {}, ''],
    ]
    for (const [prefix, range, expected] of cases) {
      const rows = await kit.reader.read(() => scan(things, prefix, { ...range, order: 'byRank' }))
      t.equal(idsOf(rows).join(''), expected, `${prefix.slice(1)} ${JSON.stringify(range)}`)
    }
  })

  t.test('a prefix may be empty, a part of the order, or all of it', async (t) => {
    const kit = newKit()
    const totals = [3, 1, 2].map((n) => ({ bucket: kit.bucket * 1_000_000 + n, total: n, seen: 0 }))
    await kit.writer.write(() => insert(counters, totals))
    const all = await kit.reader.read(() => scan(counters, [], { from: kit.bucket * 1_000_000 }))
    t.same(
      all.map(({ total }) => total),
      [1, 2, 3],
    )
    t.ok((await kit.reader.read(() => scan(counters, []))).length >= 3)
    await kit.insert(kit.thing('a'))
    t.strictSame(plains(await kit.reader.read(() => scan(things, [kit.bucket, 'a']))), [kit.thing('a')])
    t.same(await kit.reader.read(() => scan(things, [kit.bucket, 'b'])), [])
  })

  t.test('a count is that of the rows that a scan would give', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    await kit.insert(...[...'abcde'].map((name, i) => kit.thing(name, { rank: i % 2 })))
    t.equal(await kit.reader.read(() => count(things, [bucket])), 5)
    t.equal(await kit.reader.read(() => count(things, [bucket, 'c'])), 1)
    t.equal(await kit.reader.read(() => count(things, [bucket, 'C'])), 0)
    const counted = function* (range: object): Operation<unknown> {
      return yield { kind: 'count', table: things, range: { order: 'key', prefix: [bucket], ...range } }
    }
    t.equal(await kit.reader.read(() => counted({ from: 'b', to: 'd' })), 3)
    t.equal(await kit.reader.read(() => counted({ limit: 2 })), 2)
    t.equal(await kit.reader.read(() => counted({ offset: 4 })), 1)
    t.equal(await kit.reader.read(() => counted({ order: 'byRank', prefix: [bucket, 1] })), 2)
  })
}

const transactionTests: Section = (t, newKit) => {
  t.test('an operation gives back what it returns', async (t) => {
    const kit = newKit()
    const begin = function* (): Operation<{ seen: number }> {
      yield* insert(things, [kit.thing('a')])
      return { seen: yield* count(things, [kit.bucket]) }
    }
    t.same(await kit.writer.write(begin), { seen: 1 })
  })

  t.test('an operation without a step is carried out too', async (t) => {
    const kit = newKit()
    // biome-ignore lint/correctness/useYield: that is what is tested
    const begin = function* (): Operation<number> {
      return 7
    }
    t.equal(await kit.writer.write(begin), 7)
    t.equal(await kit.reader.read(begin), 7)
  })

  t.test('an operation sees what it has done, by every order', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    await kit.insert(kit.thing('a', { rank: 1 }), kit.thing('b', { rank: 2 }), kit.thing('c', { rank: 3 }))
    await kit.writer.write(function* () {
      yield* insert(things, [kit.thing('d', { rank: 0 })])
      yield* remove(things, [[bucket, 'a']])
      yield* update(things, [{ key: [bucket, 'b'], set: { rank: 9, digest: Buffer.from('new') } }])
      t.same(idsOf(yield* scan(things, [bucket])), ['b', 'c', 'd'])
      t.same(idsOf(yield* scan(things, [bucket], { order: 'byRank' })), ['d', 'c', 'b'])
      t.equal(yield* count(things, [bucket]), 3)
      t.equal(yield* findOne(things, bucket, 'a'), undefined)
      const [byNew, byOld] = yield* findMany(
        things,
        [
          [bucket, Buffer.from('new')],
          [bucket, kit.thing('b').digest],
        ],
        { order: 'byDigest' },
      )
      t.equal(byNew?.thingId, 'b')
      t.equal(byOld, undefined)
      // Free again, in the key and in the index.
      yield* insert(things, [kit.thing('a', { digest: kit.thing('b').digest })])
    })
    t.same(
      (await kit.all()).map((row) => row!.thingId),
      ['a', 'b', 'c', 'd'],
    )
  })

  t.test('a throw inside the operation leaves nothing behind, and comes out as it is', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    await kit.insert(kit.thing('a', { rank: 1 }), kit.thing('b'))
    const before = await kit.all()
    const error = new Error('the operation changed its mind')
    const begin = function* (): Operation<void> {
      yield* lock(things, [kit.thing('a'), kit.thing('c')])
      yield* insert(things, [kit.thing('d')])
      yield* put(things, [kit.thing('e'), kit.thing('a', { rank: 2 })])
      yield* raise(things, [{ key: [bucket, 'a'], set: { rank: 5 } }])
      yield* remove(things, [[bucket, 'b']])
      throw error
    }
    await t.rejects(kit.writer.write(begin), error)
    t.strictSame(await kit.all(), before)
    await kit.insert(kit.thing('d'))
    t.equal((await kit.all()).length, 3)
  })

  t.test('writes that lock the same row come one after another', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    const WRITES = 20
    const begin = function* (): Operation<number> {
      const [row] = yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
      yield* update(counters, [{ key: [bucket], set: { total: row!.total + 1 } }])
      return row!.total
    }
    const totals = await Promise.all(Array.from({ length: WRITES }, () => kit.writer.write(begin)))
    t.same(
      totals.sort((a, b) => a - b),
      Array.from({ length: WRITES }, (_, i) => i),
    )
  })

  t.test('what a write reads once it has a lock is what was committed before it', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    const WRITES = 10
    await kit.insert(kit.thing('a'))
    const begin = function* (): Operation<void> {
      // A first look must not be all that the write ever sees.
      yield* findOne(things, bucket, 'a')
      yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
      const row = yield* findOne(things, bucket, 'a')
      yield* update(things, [{ key: [bucket, 'a'], set: { rank: row!.rank + 1 } }])
    }
    await Promise.all(Array.from({ length: WRITES }, () => kit.writer.write(begin)))
    t.equal((await kit.all())[0]!.rank, WRITES)
  })

  t.test(
    'of two writes that make the same row, or the same entry of a unique index, one fails',
    async (t) => {
      const kit = newKit()
      const same = [1, 2].map((rank) => kit.thing('a', { rank }))
      const alike = ['b', 'c'].map((name) => kit.thing(name, { digest: Buffer.from('alike') }))
      for (const rows of [same, alike]) {
        const outcomes = await Promise.allSettled(rows.map((row) => kit.insert(row)))
        t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
        const failed = outcomes.find((outcome) => outcome.status === 'rejected')
        t.ok(hasCode(failed?.reason, 'DUPLICATE_KEY'))
      }
      t.equal((await kit.all()).length, 2)
    },
  )

  t.test('a write that was answered is seen by the next write, and by the next read', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    for (let i = 0; i < 10; i++) {
      await kit.writer.write(() => put(things, [kit.thing('a', { rank: i })]))
      t.equal((await kit.reader.read(() => findOne(things, bucket, 'a')))!.rank, i)
      t.equal((await kit.writer.write(() => findOne(things, bucket, 'a')))!.rank, i)
    }
  })

  t.test('a read that writes fails, and writes nothing', async (t) => {
    const kit = newKit()
    await t.rejects(kit.reader.read(() => insert(things, [kit.thing('a')])))
    t.same(await kit.all(), [])
  })

  t.test('a read sees one state, whatever is written meanwhile', async (t) => {
    const kit = newKit()
    const { bucket } = kit
    const LOOKS_MAX = 2_000
    await kit.insert(kit.thing('a'), kit.thing('b'))
    let written: Promise<unknown> | undefined
    let isWritten = false
    const seen = new Set<string>()
    await kit.reader.read(function* (): Operation<void> {
      yield* findOne(things, bucket, 'a')
      written = kit.writer
        .write(function* (): Operation<void> {
          yield* update(things, [{ key: [bucket, 'a'], set: { rank: 1 } }])
          yield* remove(things, [[bucket, 'b']])
          yield* insert(things, [kit.thing('c', { rank: 1 })])
        })
        .then(() => {
          isWritten = true
        })
      for (let looks = 0, after = 0; looks < LOOKS_MAX && after < 2; looks++) {
        if (isWritten) after++
        const rows = yield* scan(things, [bucket], { order: looks % 2 ? 'key' : 'byRank' })
        const found = yield* findMany(
          things,
          [...'abc'].map((name) => [bucket, name]),
        )
        seen.add(rows.map(({ thingId, rank }) => thingId + rank).join())
        seen.add(found.flatMap((row) => (row ? [row.thingId + row.rank] : [])).join())
        seen.add(`${yield* count(things, [bucket])}`)
      }
    })
    await written
    t.same([...seen], ['a0,b0', '2'])
    t.same(
      (await kit.all()).map((row) => `${row!.thingId}${row!.rank}`),
      ['a1', 'c1'],
    )
  })
}
