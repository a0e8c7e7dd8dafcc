/** The simulation's database: it does what an engine does, and goes wrong as it is told. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { codeOf } from '../../../src/errors/errors.js'
import type { Database, Operation, Step, Value } from '../../../src/store/ports/database.js'
import { findOne, insert, lock, put, scan, update } from '../../../src/store/ports/steps.js'
import { SqliteDatabase } from '../../../src/store/sql/sqlite/sqlite-database.js'
import { type CommitFault, DatabaseModel, type Faults, type Refusal } from '../../world/database.js'
import { databaseSuite } from './database-suite.js'
import { counters, links, plain, thing, things } from './things.js'

databaseSuite('the model of a database', async () => {
  const model = new DatabaseModel()
  return { writer: model.connect(), reader: model.connect(), stop: () => {} }
})

databaseSuite('the model of a database whose steps take their time', async () => {
  const model = new DatabaseModel({ pause: turn })
  return { writer: model.connect(), reader: model.connect(), stop: () => {} }
})

const BUCKETS = [1, 2]
const IDS = ['', 'A', 'a', 'a ', '\ufffd', '\u{1f600}']
const DIGESTS = ['', 'x', 'xy', 'y', 'yz', 'z', '\0', '\0\0', '\0z'].map((text) => Buffer.from(text))

const bucket = fc.constantFrom(...BUCKETS)
const thingId = fc.constantFrom(...IDS)
const digest = fc.constantFrom(...DIGESTS)
const rank = fc.integer({ min: -2, max: 3 })
const row = fc
  .record({ bucket, thingId, rank, digest, note: fc.constantFrom(null, 'n') })
  .map(({ bucket, thingId, ...rest }) => thing(bucket, thingId, rest))
const key = fc.tuple(bucket, thingId)
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 4 })

const byKey = (a: { bucket: number; thingId: string }, b: { bucket: number; thingId: string }) =>
  a.bucket - b.bucket || Buffer.compare(Buffer.from(a.thingId), Buffer.from(b.thingId))
const set = fc.record({ rank, digest, note: fc.constantFrom(null, 'm') }, { requiredKeys: ['rank'] })

const ORDERS: Record<string, fc.Arbitrary<Value>> = { key: thingId, byRank: rank, byDigest: digest }
const range = fc.constantFrom(...Object.keys(ORDERS)).chain((order) =>
  fc.record(
    {
      order: fc.constant(order),
      prefix: bucket.map((first): Value[] => [first]),
      from: ORDERS[order]!,
      to: ORDERS[order]!,
      isDescending: fc.boolean(),
      offset: fc.nat(3),
      limit: fc.nat(4),
    },
    { requiredKeys: ['order', 'prefix'] },
  ),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  few(row).map((rows): Step => ({ kind: 'lock', table: things, rows: rows.sort(byKey) })),
  few(row).map((rows): Step => ({ kind: 'insert', table: things, rows })),
  few(row).map((rows): Step => ({ kind: 'put', table: things, rows })),
  few(fc.record({ key, set })).map((changes): Step => ({ kind: 'update', table: things, changes })),
  few(fc.record({ key, set: rank.map((one) => ({ rank: one })) })).map(
    (changes): Step => ({ kind: 'raise', table: things, changes }),
  ),
  few(key).map((keys): Step => ({ kind: 'remove', table: things, keys })),
  few(key).map((keys): Step => ({ kind: 'find', table: things, order: 'key', keys })),
  few(fc.tuple(bucket, digest)).map(
    (keys): Step => ({ kind: 'find', table: things, order: 'byDigest', keys }),
  ),
  range.map((one): Step => ({ kind: 'scan', table: things, range: one })),
  range.map((one): Step => ({ kind: 'count', table: things, range: one })),
)

interface Drawn {
  steps: Step[]
  throws: boolean
}

const operation: fc.Arbitrary<Drawn> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 6 }),
  throws: fc.nat(5).map((chance) => chance === 0),
})

/** What each step answered, or how the operation failed, and all rows afterwards. */
async function outcomeOn(database: Database, { steps, throws }: Drawn): Promise<unknown> {
  const answers: unknown[] = []
  const begin = function* (): Operation<void> {
    for (const one of steps) answers.push(comparable(yield one))
    if (throws) throw new Error('changed its mind')
  }
  const failure = await database.write(begin).then(
    () => undefined,
    (error) => codeOf(error) ?? (error as Error).message,
  )
  return { answers, failure, rows: comparable(await database.read(() => scan(things, []))) }
}

const comparable = (answer: unknown) => (Array.isArray(answer) ? answer.map(plain) : answer)

t.test('random operations come to the same on the model and on SQLite', async () => {
  const property = fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
    const sqlite = SqliteDatabase.open({ path: ':memory:', readOnly: false })
    try {
      sqlite.create([things])
      const model = new DatabaseModel().connect()
      for (const one of operations) {
        assert.deepStrictEqual(await outcomeOn(model, one), await outcomeOn(sqlite, one))
      }
    } finally {
      await sqlite.close()
    }
  })
  await fc.assert(property, { numRuns: 200 })
})

/** A database with one row, and one who uses it under faults. */
async function withFaults(faults: Faults) {
  const model = new DatabaseModel({ pause: turn })
  const other = model.connect()
  await other.write(() => insert(things, [thing(1, 'a')]))
  const ranks = async () => {
    const rows = await other.read(() => scan(things, [1]))
    return rows.map(({ thingId, rank }) => `${thingId}${rank}`).join()
  }
  return { model, other, faulty: model.connect(faults), ranks }
}

/** Two steps, whose every attempt is counted. */
function twoSteps() {
  const counted = {
    attempts: 0,
    *begin(): Operation<string> {
      counted.attempts++
      yield* update(things, [{ key: [1, 'a'], set: { rank: 1 } }])
      yield* insert(things, [thing(1, 'b', { rank: 1 })])
      return 'done'
    },
  }
  return counted
}

t.test('a step or a commit that is refused undoes the transaction', async (t) => {
  const refusals: [Refusal, RegExp][] = [
    ['unavailable', /a made-up failure/],
    [new RangeError('as told'), /as told/],
  ]
  for (const [refusal, expected] of refusals) {
    for (const chosen of [0, 1]) {
      const onStep = (_: Step, number: number) => (number === chosen ? refusal : undefined)
      const { faulty, ranks } = await withFaults({ onStep })
      const { begin } = twoSteps()
      await t.rejects(faulty.write(begin), expected)
      t.equal(await ranks(), 'a0')
    }
    const { faulty, ranks } = await withFaults({ onCommit: () => refusal })
    await t.rejects(faulty.write(twoSteps().begin), expected)
    t.equal(await ranks(), 'a0')
  }
})

t.test('after a conflict the operation is begun again, and not without end', async (t) => {
  let conflicts = 2
  const { faulty, ranks } = await withFaults({
    onStep: (_, number) => (number === 1 && conflicts-- > 0 ? 'conflict' : undefined),
  })
  const counted = twoSteps()
  t.equal(await faulty.write(counted.begin), 'done')
  t.equal(counted.attempts, 3)
  t.equal(await ranks(), 'a1,b1')
  const endless: Faults[] = [{ onStep: () => 'conflict' }, { onCommit: () => 'conflict' }]
  for (const faults of endless) {
    const { faulty, ranks } = await withFaults(faults)
    const counted = twoSteps()
    await t.rejects(faulty.write(counted.begin), { code: 'DATABASE_UNAVAILABLE' })
    t.equal(counted.attempts, 10)
    t.equal(await ranks(), 'a0')
  }
})

t.test('a commit whose answer is lost is done', async (t) => {
  const { faulty, ranks } = await withFaults({ onCommit: (): CommitFault => ({ isAnswerLost: true }) })
  await t.rejects(faulty.write(twoSteps().begin), { code: 'DATABASE_UNAVAILABLE' })
  t.equal(await ranks(), 'a1,b1')
})

t.test('a late commit keeps its locks and shows nothing until it is done', async (t) => {
  for (const isAnswerLost of [false, true]) {
    let commit = () => {}
    const until = new Promise<void>((resolve) => {
      commit = resolve
    })
    let isAsked = false
    const onCommit = () => {
      isAsked = true
      return { until, isAnswerLost }
    }
    const { faulty, other, ranks } = await withFaults({ onCommit })
    let isAnswered = false
    const late = faulty.write(twoSteps().begin).finally(() => {
      isAnswered = true
    })
    if (isAnswerLost) await t.rejects(late, { code: 'DATABASE_UNAVAILABLE' })
    while (!isAsked) await turn()
    let isWritten = false
    const next = other
      .write(() => update(things, [{ key: [1, 'b'], set: { rank: 2 } }]))
      .then(() => {
        isWritten = true
      })
    for (let turns = 0; turns < 20; turns++) await turn()
    t.equal(await ranks(), 'a0')
    t.equal(isWritten, false)
    t.equal(isAnswered, isAnswerLost)
    commit()
    await next
    if (!isAnswerLost) t.equal(await late, 'done')
    t.equal(await ranks(), 'a1,b2')
  }
})

t.test('a connection that is cut undoes what it has not asked to be committed', async (t) => {
  const { model, ranks } = await withFaults({})
  const connection = model.connect({
    onStep: (_, number) => (number === 1 ? void connection.cut() : undefined),
  })
  await t.rejects(connection.write(twoSteps().begin), { code: 'DATABASE_UNAVAILABLE' })
  t.equal(await ranks(), 'a0')
  await t.rejects(
    connection.read(() => scan(things, [1])),
    { code: 'DATABASE_UNAVAILABLE' },
  )
})

t.test('a write of two buckets is refused in the tables that were named', async (t) => {
  const { model, other } = await withFaults({})
  const link = (bucket: number) => ({ bucket, fromId: 'a', toId: 'b' })
  const both = (second: () => Operation<unknown>) => () =>
    (function* (): Operation<void> {
      yield* insert(things, [thing(1, 'c')])
      yield* second()
      throw new Error('the end')
    })()
  const touching: Record<string, () => Operation<unknown>> = {
    insert: () => insert(links, [link(2)]),
    lock: () => lock(things, [thing(2, 'a')]),
    put: () => put(things, [thing(2, 'a')]),
    update: () => update(things, [{ key: [2, 'a'], set: { rank: 1 } }]),
    find: () => findOne(things, 2, 'a'),
    scan: () => scan(things, [2]),
    'scan of all': () => scan(things, []),
  }
  for (const [name, second] of Object.entries(touching)) {
    await t.rejects(other.write(both(second)), { message: 'the end' }, `${name}, before`)
  }
  model.refuseTwoBuckets([things, links])
  for (const [name, second] of Object.entries(touching)) {
    await t.rejects(other.write(both(second)), { message: /two buckets/ }, name)
  }
  const allowed = [() => insert(counters, [{ bucket: 2, total: 0, seen: 0 }]), () => insert(links, [link(1)])]
  for (const second of allowed) await t.rejects(other.write(both(second)), { message: 'the end' })
})

t.test('rows to be locked have to be sorted', async (t) => {
  const { other } = await withFaults({})
  await t.rejects(
    other.write(() => lock(things, [thing(1, 'b'), thing(1, 'a')])),
    { message: /not sorted/ },
  )
})

t.test('of two transactions that wait for each other one is begun again', async (t) => {
  const { other } = await withFaults({})
  let attempts = 0
  const add = (...buckets: number[]) =>
    other.write(function* () {
      attempts++
      for (const bucket of buckets) {
        const [row] = yield* lock(counters, [{ bucket, total: 0, seen: 0 }])
        yield* update(counters, [{ key: [bucket], set: { total: row!.total + 1 } }])
      }
    })
  await Promise.all([add(1, 2), add(2, 1)])
  t.equal(attempts, 3)
  t.same((await other.read(() => scan(counters, []))).map(plain), [
    { bucket: 1, total: 2, seen: 0 },
    { bucket: 2, total: 2, seen: 0 },
  ])
})
