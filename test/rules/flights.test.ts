import fc from 'fast-check'
import t from 'tap'
import { Flights, RETRY_MIN_MS } from '../../src/rules/shard/flights.js'
import { Decided, type EffectOf } from './shard-support.js'

const MERGE_MS = 100
const DEPARTED_KEPT_MS = 60_000

function flights(batchSize = 10): Flights {
  return new Flights({
    batchSize,
    mergeIntervalMs: MERGE_MS,
    flightsMax: 2,
    presenceTtlS: 24,
    watchTtlS: 24,
  })
}

function opened(decided: Decided): Flights {
  const opened = flights()
  opened.open(decided.out)
  opened.flush(0, decided.out)
  decided.take()
  return opened
}

t.test('a flush is asked for once, until it came', async (t) => {
  const decided = new Decided()
  const some = opened(decided)
  some.assert(['ann'], 0, decided.out)
  some.read(['bob'], 0, decided.out)
  t.same(decided.take(), [{ kind: 'flushSoon' }])
  some.flush(0, decided.out)
  t.same(decided.take(), [
    { kind: 'sendAssertions', userIds: ['ann'], isBackground: false },
    { kind: 'sendInterests', userIds: ['bob'], isBackground: false },
  ])
  some.assert(['ann'], 1, decided.out)
  t.same(decided.take(), [{ kind: 'flushSoon' }])
})

t.test('nothing is sent before the shard knows its own connections', async (t) => {
  const decided = new Decided()
  const some = flights()
  some.assert(['ann'], 0, decided.out)
  some.flush(0, decided.out)
  t.same(decided.take(), [{ kind: 'flushSoon' }])
  some.open(decided.out)
  some.flush(0, decided.out)
  t.match(decided.takeOf('sendAssertions'), [{ userIds: ['ann'] }])
})

t.test(
  'after a failure nothing is sent before the retry, and the pause doubles until a flight lands',
  async (t) => {
    const decided = new Decided()
    const some = opened(decided)
    some.assert(['ann'], 0, decided.out)
    some.flush(0, decided.out)
    let [sent] = decided.takeOf('sendAssertions')
    const pauses: number[] = []
    for (let round = 0; round < 7; round++) {
      t.same(some.asserted(sent!.userIds, new Set(['ann']), false, round), [])
      some.next(false, round, decided.out)
      pauses.push(...decided.takeOf('arm').map(({ delayMs }) => delayMs))
      t.equal(some.isPaused, true)
      some.flush(round, decided.out)
      t.same(decided.takeOf('sendAssertions'), [], 'paused')
      some.retry(round, decided.out)
      ;[sent] = decided.takeOf('sendAssertions')
    }
    t.same(pauses, [100, 200, 400, 800, 1_600, 2_000, 2_000])
    t.same(some.asserted(sent!.userIds, new Set(), true, 7), ['ann'])
    some.next(true, 7, decided.out)
    t.same(decided.take(), [{ kind: 'allRecorded' }])
    some.next(false, 8, decided.out)
    t.match(decided.takeOf('arm'), [{ delayMs: RETRY_MIN_MS }], 'from the start again')
  },
)

t.test('one user that the store cannot serve rests, and the others go on', async (t) => {
  const decided = new Decided()
  const some = opened(decided)
  some.assert(['ann', 'bob'], 0, decided.out)
  some.flush(0, decided.out)
  const [sent] = decided.takeOf('sendAssertions')
  t.same(some.asserted(sent!.userIds, new Set(['ann']), true, 10), ['bob'])
  some.next(true, 10, decided.out)
  t.same(decided.take(), [{ kind: 'arm', due: { timer: 'merge' }, delayMs: 1_000 }])
  some.flush(1_010, decided.out)
  t.match(decided.takeOf('sendAssertions'), [{ userIds: ['ann'] }])
})

t.test('a watch that ends before the store was told of it is not sent at all', async (t) => {
  const decided = new Decided()
  const some = opened(decided)
  some.watchStarted(['ann', 'bob'], 0, decided.out)
  some.watchEnded(['ann'], 0, decided.out)
  some.flush(0, decided.out)
  t.same(
    decided.takeOf('sendInterests').map(({ userIds }) => userIds),
    [['bob']],
  )
  some.watchEnded(['bob'], 1, decided.out)
  some.interestsSet(['bob'], new Set(), [], true, 2)
  some.next(true, 2, decided.out)
  some.flush(2 + MERGE_MS, decided.out)
  t.match(decided.takeOf('sendInterests'), [{ userIds: ['bob'] }], 'the end of one that was sent is')
})

t.test('a user who left is asserted with version 0, unless somebody waits for the answer', async (t) => {
  const decided = new Decided()
  const some = opened(decided)
  t.equal(some.versionSeen('ann', false, 5, 7), 7)
  some.departed('ann', 0)
  t.equal(some.versionSeen('ann', false, 5, 7), 0)
  t.equal(some.versionSeen('ann', true, 5, 7), 7)
  some.arrived('ann')
  t.equal(some.versionSeen('ann', false, 9, 7), 9)
})

t.test(
  'when the store is back it is told of the users here, and of those who left a while ago',
  async (t) => {
    const decided = new Decided()
    const some = opened(decided)
    some.departed('old', 0)
    some.departed('gone', 1)
    some.departed('later', DEPARTED_KEPT_MS + 1)
    some.storeBack(['ann'], DEPARTED_KEPT_MS + 2, decided.out)
    some.flush(DEPARTED_KEPT_MS + 2, decided.out)
    t.same(decided.takeOf('sendAssertions'), [
      { kind: 'sendAssertions', userIds: ['ann', 'gone', 'later'], isBackground: true },
    ])
  },
)

t.test('each user here is renewed once in a third of the TTL, and no user who left', async (t) => {
  const decided = new Decided()
  const some = opened(decided)
  for (const userId of ['ann', 'bob', 'cid']) some.arrived(userId)
  some.departed('bob', 0)
  const renewed: string[] = []
  for (let nowMs = some.renewTickMs; nowMs <= 8_000; nowMs += some.renewTickMs) {
    some.renew(nowMs, decided.out)
    some.flush(nowMs, decided.out)
    for (const { userIds } of decided.takeOf('sendAssertions')) {
      renewed.push(...userIds)
      some.asserted(userIds, new Set(), true, nowMs)
    }
  }
  t.same(renewed.sort(), ['ann', 'cid'])
})

type Step =
  | { do: 'assert' | 'assertAgain'; userId: string }
  | { do: 'land'; which: number; fails: 0 | 1 | 2 }
  | { do: 'wait' }

t.test('every user reaches the store after their last change, and is in one flight at a time', async () => {
  const userId = fc.constantFrom('ann', 'bob', 'cid', 'dan', 'eve')
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constantFrom('assert' as const, 'assertAgain' as const), userId }),
    fc.record({
      do: fc.constant('land' as const),
      which: fc.nat(3),
      fails: fc.constantFrom(0 as const, 1 as const, 2 as const),
    }),
    fc.record({ do: fc.constant('wait' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const decided = new Decided()
      const some = flights(2)
      some.open(decided.out)
      let nowMs = 0
      const inFlight: EffectOf<'sendAssertions'>[] = []
      /** Users whose last change no flight that left after it has brought to the store. */
      const owed = new Set<string>()
      const sentOwed = new Map<EffectOf<'sendAssertions'>, string[]>()
      const look = () => {
        for (const effect of decided.take()) {
          if (effect.kind !== 'sendAssertions') continue
          for (const userId of effect.userIds) {
            if (inFlight.some(({ userIds }) => userIds.includes(userId)))
              throw new Error(`${userId} flies twice`)
          }
          inFlight.push(effect)
          sentOwed.set(
            effect,
            effect.userIds.filter((userId) => owed.has(userId)),
          )
          for (const userId of effect.userIds) owed.delete(userId)
        }
      }
      const land = (which: number, fails: 0 | 1 | 2) => {
        const [flight] = inFlight.splice(which % Math.max(1, inFlight.length), 1)
        if (flight === undefined) return
        const failed = new Set(fails === 0 ? [] : fails === 1 ? flight.userIds.slice(0, 1) : flight.userIds)
        for (const userId of failed) owed.add(userId)
        some.asserted(flight.userIds, failed, fails !== 2, nowMs)
        some.next(fails !== 2, nowMs, decided.out)
        look()
      }
      const wait = () => {
        nowMs += 2_500
        if (some.isPaused) some.retry(nowMs, decided.out)
        else some.flush(nowMs, decided.out)
        look()
      }
      for (const one of steps) {
        if (one.do === 'land') land(one.which, one.fails)
        else if (one.do === 'wait') wait()
        else {
          owed.add(one.userId)
          some[one.do]([one.userId], nowMs, decided.out)
          look()
        }
      }
      for (let round = 0; round < 40; round++) {
        wait()
        while (inFlight.length > 0) land(0, 0)
      }
      if (owed.size > 0) throw new Error(`the store was not told of ${[...owed]}`)
      if (some.size > 0) throw new Error(`${some.size} still wait`)
    }),
    { numRuns: 500 },
  )
})

t.test(
  'who was asserted without an answer is asserted once more when that cannot arrive any more',
  async (t) => {
    const decided = new Decided()
    const some = opened(decided)
    const land = (nowMs: number, isAnswered: boolean) => {
      const [sent] = decided.takeOf('sendAssertions')
      some.asserted(sent!.userIds, new Set(isAnswered ? [] : sent!.userIds), isAnswered, nowMs)
      some.next(isAnswered, nowMs, decided.out)
    }
    some.assert(['ann'], 0, decided.out)
    some.flush(0, decided.out)
    land(3_000, false)
    some.retry(3_000 + RETRY_MIN_MS, decided.out)
    land(3_200, true)
    t.notOk(some.wasOffRecord('ann'), 'that was the retry')
    decided.take()
    some.renew(12_000, decided.out)
    some.flush(12_000, decided.out)
    t.same(decided.takeOf('sendAssertions'), [], 'not yet')
    some.renew(13_000, decided.out)
    some.flush(13_000, decided.out)
    t.match(decided.takeOf('sendAssertions'), [{ userIds: ['ann'], isBackground: true }])
    t.ok(some.wasOffRecord('ann'))
    t.notOk(some.wasOffRecord('ann'), 'once')
    some.renew(60_000, decided.out)
    some.flush(60_000, decided.out)
    t.same(decided.takeOf('sendAssertions'), [], 'once')
  },
)
