/** Random operations, to be carried out on two databases that have to agree. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { codeOf } from '../../../src/errors/errors.js'
import type { Database, Operation, Step, Value } from '../../../src/store/ports/database.js'
import { count, scan } from '../../../src/store/ports/steps.js'
import { plain, thing, things } from './things.js'

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
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 4 })

const byKey = (a: { bucket: number; thingId: string }, b: { bucket: number; thingId: string }) =>
  a.bucket - b.bucket || Buffer.compare(Buffer.from(a.thingId), Buffer.from(b.thingId))
const rowsToLock = fc.uniqueArray(row, {
  selector: (one) => `${one.bucket} ${one.thingId}`,
  minLength: 1,
  maxLength: 4,
})
const note = fc.constantFrom(null, 'm')
const set = fc.record({ rank, note }, { requiredKeys: ['rank'] })
/** In which order the rows of one step give up and take entries of a unique index, engines need not agree. */
const rowsToPut = fc.oneof(
  row.map((one) => [one]),
  few(row).map((rows) => rows.map((one) => ({ ...one, digest: thing(one.bucket, one.thingId).digest }))),
)
const changes = fc.oneof(
  few(fc.record({ key, set })),
  fc.record({ key, set: fc.record({ rank, note, digest }) }).map((change) => [change]),
)

const columns = fc.subarray(Object.keys(things.columns), { minLength: 1 })

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
  rowsToLock.map((rows): Step => ({ kind: 'lock', table: things, rows: rows.sort(byKey) })),
  few(row).map((rows): Step => ({ kind: 'insert', table: things, rows })),
  rowsToPut.map((rows): Step => ({ kind: 'put', table: things, rows })),
  changes.map((changes): Step => ({ kind: 'update', table: things, changes })),
  few(fc.record({ key, set: rank.map((one) => ({ rank: one })) })).map(
    (changes): Step => ({ kind: 'raise', table: things, changes }),
  ),
  few(key).map((keys): Step => ({ kind: 'remove', table: things, keys })),
  fc
    .record({ keys: few(key), columns })
    .map((wanted): Step => ({ kind: 'find', table: things, order: 'key', ...wanted })),
  fc
    .record({ keys: few(fc.tuple(bucket, digest)), columns })
    .map((wanted): Step => ({ kind: 'find', table: things, order: 'byDigest', ...wanted })),
  range.map((one): Step => ({ kind: 'scan', table: things, range: one })),
  range.map((one): Step => ({ kind: 'count', table: things, range: one })),
)

export interface Drawn {
  steps: Step[]
  throws: boolean
}

const operation: fc.Arbitrary<Drawn> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 6 }),
  throws: fc.nat(5).map((chance) => chance === 0),
})

/** What the steps answered, how the operation failed, and all rows afterwards. */
async function outcomeOn(database: Database, { steps, throws }: Drawn): Promise<unknown> {
  const answers: unknown[] = []
  const begin = function* (): Operation<void> {
    for (const one of steps) answers.push(comparable(yield one))
    // An engine may find out with the next answer that a step without one has failed.
    yield* count(things, [])
    if (throws) throw new Error('changed its mind')
  }
  const failure = await database.write(begin).then(
    () => undefined,
    (error) => codeOf(error) ?? (error as Error).message,
  )
  return {
    answers: answers.filter((answer) => answer !== undefined),
    failure,
    rows: comparable(await database.read(() => scan(things, []))),
  }
}

const comparable = (answer: unknown) => (Array.isArray(answer) ? answer.map(plain) : answer)

export const operations = fc.array(operation, { maxLength: 12 })

/** Throws where they differ. Both have an empty table of things. */
export async function assertAlike(drawn: Drawn[], actual: Database, expected: Database): Promise<void> {
  for (const one of drawn)
    assert.deepStrictEqual(await outcomeOn(actual, one), await outcomeOn(expected, one))
}
