/** The simulation's database: it does what an engine does, and goes wrong as it is told. */
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Operation, Step } from '../../../src/store/ports/database.js'
import { findOne, insert, lock, put, scan, update } from '../../../src/store/ports/steps.js'
import { SqliteDatabase } from '../../../src/store/sql/sqlite/sqlite-database.js'
import { type CommitFault, DatabaseModel, type Faults, type Refusal } from '../../world/database.js'
import { databaseSuite } from './database-suite.js'
import { assertAlike, operations } from './random-operations.js'
import { counters, links, plain, thing, things } from './things.js'

databaseSuite('the model of a database', async () => {
  const model = new DatabaseModel()
  return { writer: model.connect(), reader: model.connect(), stop: () => {} }
})

databaseSuite('the model of a database whose steps take their time', async () => {
  const model = new DatabaseModel({ pause: turn })
  return { writer: model.connect(), reader: model.connect(), stop: () => {} }
})

t.test('random operations come to the same on the model and on SQLite', async () => {
  const property = fc.asyncProperty(operations, async (drawn) => {
    const sqlite = SqliteDatabase.open({ path: ':memory:', readOnly: false })
    try {
      sqlite.create([things])
      await assertAlike(drawn, new DatabaseModel().connect(), sqlite)
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
    await t.rejects(faulty.write(counted.begin), { code: 'DATABASE_CONFLICT' })
    t.equal(counted.attempts, 10)
    t.equal(await ranks(), 'a0')
  }
})

t.test('a commit whose answer is lost is done', async (t) => {
  const { faulty, ranks } = await withFaults({ onCommit: (): CommitFault => ({ isAnswerLost: true }) })
  await t.rejects(faulty.write(twoSteps().begin), { code: 'COMMIT_UNKNOWN' })
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
    if (isAnswerLost) await t.rejects(late, { code: 'COMMIT_UNKNOWN' })
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

t.test('rows to be locked have to be sorted, and none comes twice', async (t) => {
  const { other } = await withFaults({})
  for (const names of [
    ['b', 'a'],
    ['a', 'a'],
  ]) {
    const rows = names.map((name) => thing(1, name))
    await t.rejects(
      other.write(() => lock(things, rows)),
      { message: /not sorted/ },
    )
  }
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

t.test('a lock that is waited for too long is given up, and the transaction begun again', async (t) => {
  const turns = async (count: number) => {
    for (let left = count; left > 0; left--) await turn()
  }
  const model = new DatabaseModel({ pause: turn, lockWait: () => turns(10) })
  const add = (attempts: { count: number }) =>
    model.connect().write(function* () {
      attempts.count++
      const [row] = yield* lock(counters, [{ bucket: 1, total: 0, seen: 0 }])
      yield* update(counters, [{ key: [1], set: { total: row!.total + 1 } }])
    })
  const slow = model.connect({ onCommit: () => ({ until: turns(30) }) })
  const first = slow.write(() => lock(counters, [{ bucket: 1, total: 0, seen: 0 }]))
  await turns(5)
  const attempts = { count: 0 }
  await Promise.all([first, add(attempts)])
  t.ok(attempts.count > 1, `${attempts.count} attempts`)
  t.same((await model.connect().read(() => scan(counters, []))).map(plain), [
    { bucket: 1, total: 1, seen: 0 },
  ])
})

t.test('who wants to know hears of each row that a commit changes', async (t) => {
  const heard: string[] = []
  const model = new DatabaseModel({
    changed: (table, before, after) =>
      heard.push(`${table.name}: ${before?.rank ?? 'none'} to ${after?.rank ?? 'none'}`),
  })
  const connection = model.connect()
  await connection.write(() => insert(things, [thing(1, 'a')]))
  await connection.write(() => update(things, [{ key: [1, 'a'], set: { rank: 2 } }]))
  const failing = connection.write(function* () {
    yield* update(things, [{ key: [1, 'a'], set: { rank: 3 } }])
    throw new Error('undone')
  })
  await t.rejects(failing, /undone/)
  t.same(heard, ['things: none to 0', 'things: 0 to 2'])
})
