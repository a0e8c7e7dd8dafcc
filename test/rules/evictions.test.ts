import fc from 'fast-check'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { AdminKicks } from '../../src/rules/shard/admin-kicks.js'
import { EVICT_AGAIN_MS, EVICT_TRIES_MAX, Evictions } from '../../src/rules/shard/evictions.js'
import { OVERDUE_MS, Probes } from '../../src/rules/shard/probes.js'
import { Decided } from './shard-support.js'

const [B, C] = ['node-2#1', 'node-3#1'] as const
const EVICTION = { userId: 'ann', before: 9, platformIds: [Platform.Android], newcomer: 'T' }
const CALLER = { thread: 3, correlation: 17 }
const KICK = { kind: 'kick', id: 1 } as const
const LEFT = { connectionId: 'c', platformId: Platform.Android, nodeId: 'node-2', background: false }

t.test('an eviction is sent once while it is unanswered, and anew after the answer', async (t) => {
  const decided = new Decided()
  const evictions = new Evictions(0)
  evictions.send(B, EVICTION, undefined, 0, decided.out)
  evictions.send(B, EVICTION, undefined, 1, decided.out)
  t.same(decided.take(), [
    { kind: 'sendEviction', to: B, id: 1, eviction: EVICTION },
    { kind: 'arm', due: { timer: 'evictAgain' }, delayMs: EVICT_AGAIN_MS },
  ])
  evictions.send(C, EVICTION, undefined, 1, decided.out)
  evictions.send(B, EVICTION, KICK, 1, decided.out)
  t.same(
    decided.takeOf('sendEviction').map(({ to, id }) => [to, id]),
    [
      [C, 2],
      [B, 3],
    ],
    'others, or for others',
  )
  evictions.answered(1, { gone: 1, left: [] }, decided.out)
  t.same(decided.take(), [], 'nobody waited')
  evictions.send(B, EVICTION, undefined, 2, decided.out)
  t.match(decided.takeOf('sendEviction'), [{ to: B, id: 4 }])
})

t.test('it is sent again with growing pauses, and given up with a word after the last try', async (t) => {
  const decided = new Decided()
  const evictions = new Evictions(0)
  evictions.send(B, EVICTION, undefined, 0, decided.out)
  decided.take()
  const sentMs: number[] = []
  let lost = 0
  for (let nowMs = EVICT_AGAIN_MS; nowMs < 1_000_000 && lost === 0; nowMs += EVICT_AGAIN_MS) {
    evictions.againDue(nowMs, decided.out)
    for (const { kind } of decided.take()) {
      if (kind === 'sendEviction') sentMs.push(nowMs)
      if (kind === 'evictionLost') lost++
    }
  }
  t.equal(sentMs.length, EVICT_TRIES_MAX - 1)
  t.same(sentMs.slice(0, 3), [500, 1_500, 3_500])
  t.equal(lost, 1)
  evictions.answered(1, { gone: 1, left: [] }, decided.out)
  t.same(decided.take(), [])
})

t.test('the answer goes to the one that waits, unless nobody waits any more', async (t) => {
  const decided = new Decided()
  const evictions = new Evictions(0)
  evictions.send(B, EVICTION, KICK, 0, decided.out)
  evictions.send(C, EVICTION, { kind: 'login', seat: '2/x.1', holder: C }, 0, decided.out)
  decided.take()
  evictions.answered(1, { gone: 1, left: [LEFT] }, decided.out)
  evictions.answered(1, { gone: 1, left: [LEFT] }, decided.out)
  t.same(decided.take(), [{ kind: 'evictionEnded', waiter: KICK, from: B, gone: 1, left: [LEFT] }], 'once')
  evictions.forget({ kind: 'login', seat: '2/x.2' }, decided.out)
  t.same(decided.take(), [])
  evictions.forget({ kind: 'login', seat: '2/x.1' }, decided.out)
  t.same(decided.take(), [{ kind: 'disarm', due: { timer: 'evictAgain' } }])
  evictions.answered(2, { gone: 1, left: [] }, decided.out)
  t.same(decided.take(), [])
})

t.test('an admin kick goes to other nodes first, and is answered when all have confirmed', async (t) => {
  const decided = new Decided()
  const kicks = new AdminKicks(0)
  kicks.start(CALLER, { userId: 'ann', platformIds: [Platform.Android] }, 5_000, decided.out)
  t.same(decided.take(), [{ kind: 'arm', due: { timer: 'kick', id: 1 }, delayMs: 5_000 }])
  kicks.begin('bob', 9, [B], decided.out)
  t.same(decided.take(), [])
  kicks.begin('ann', 9, [B, C], decided.out)
  const eviction = { userId: 'ann', platformIds: [Platform.Android], before: 10 }
  t.same(decided.take(), [
    { kind: 'evictElsewhere', to: B, eviction, waiter: KICK },
    { kind: 'evictElsewhere', to: C, eviction, waiter: KICK },
    { kind: 'evictHere', eviction, waiter: KICK },
  ])
  kicks.begin('ann', 10, [B], decided.out)
  t.same(decided.take(), [], 'it has begun')
  kicks.answered(1, undefined, { gone: 1, left: [] }, decided.out)
  kicks.answered(1, B, { gone: 2, left: [LEFT] }, decided.out)
  t.same(decided.take(), [])
  kicks.answered(1, C, { gone: 0, left: [] }, decided.out)
  t.same(decided.take(), [
    { kind: 'disarm', due: { timer: 'kick', id: 1 } },
    { kind: 'stopWaiting', waiter: KICK },
    { kind: 'answerKick', caller: CALLER, unanswered: [], gone: 3, left: [LEFT] },
  ])
  kicks.answered(1, C, { gone: 1, left: [] }, decided.out)
  t.same(decided.take(), [], 'answered once')
})

t.test('when its time is over the caller hears what is known, or that the store was silent', async (t) => {
  const decided = new Decided()
  const kicks = new AdminKicks(0)
  for (const _ of [1, 2]) kicks.start(CALLER, { userId: 'ann' }, 5_000, decided.out)
  kicks.due(1, decided.out)
  t.match(decided.takeOf('answerKick'), [{ unanswered: undefined }])
  kicks.begin('ann', 9, [C, B], decided.out)
  kicks.answered(2, undefined, { gone: 1, left: [] }, decided.out)
  kicks.due(2, decided.out)
  t.match(decided.takeOf('answerKick'), [{ gone: 1, unanswered: ['node-2', 'node-3'] }])
  kicks.due(2, decided.out)
  t.same(decided.take(), [])
})

t.test('a kick that names no platform only lists the logins', async (t) => {
  const decided = new Decided()
  const kicks = new AdminKicks(0)
  kicks.start(CALLER, { userId: 'ann', platformIds: [] }, 5_000, decided.out)
  kicks.begin('ann', 9, [], decided.out)
  t.match(decided.takeOf('evictHere'), [{ eviction: { before: 0, platformIds: [] } }])
  kicks.answered(1, undefined, { gone: 0, left: [LEFT] }, decided.out)
  t.match(decided.takeOf('answerKick'), [{ unanswered: [], gone: 0, left: [LEFT] }])
})

t.test('a waiter is answered when every connection of the device has answered or gone', async () => {
  const steps = fc.array(fc.record({ key: fc.integer({ min: 1, max: 5 }), isGone: fc.boolean() }), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(fc.subarray([1, 2, 3, 4]), steps, fc.boolean(), (keys, answers, isRemote) => {
      const decided = new Decided()
      const probes = new Probes(0)
      const waiter = isRemote
        ? ({ kind: 'node', holder: B, id: 4 } as const)
        : ({ kind: 'login', seat: '2/x.1', holder: 'node-1#1' } as const)
      probes.start('ann', keys, waiter, decided.out)
      probes.start('ann', keys.length === 0 ? [] : [...keys, 9], waiter, decided.out)
      const firsts = new Map<number, boolean>()
      for (const { key, isGone } of answers) {
        if (keys.includes(key) && !firsts.has(key)) firsts.set(key, isGone)
        probes.answered('ann', key, isGone, decided.out)
      }
      const all = decided.take()
      const ends = all.filter(({ kind }) => kind === (isRemote ? 'answerEviction' : 'evictionEnded'))
      const asked = all.filter(({ kind }) => kind === 'signal').length
      if (asked !== keys.length) throw new Error(`${asked} probed of ${keys}`)
      const isOver = firsts.size === keys.length
      // With no connection there is nothing to wait for: each question is answered at once.
      const expected = keys.length === 0 ? 2 : isOver ? 1 : 0
      if (ends.length !== expected) throw new Error(`${ends.length} answers instead of ${expected}`)
      const gone = [...firsts.values()].filter(Boolean).length
      for (const end of ends) if (!('gone' in end) || end.gone !== gone) throw new Error(`not ${gone} gone`)
      probes.due(1, decided.out)
      const late = decided.take().length
      if (late !== (isOver ? 0 : 2)) throw new Error(`after the time: ${late}`)
    }),
    { numRuns: 500 },
  )
})

t.test('a lost verdict is not waited for longer than a probe takes', async (t) => {
  const decided = new Decided()
  const probes = new Probes(0)
  probes.start('ann', [1, 2], { kind: 'node', holder: B, id: 4 }, decided.out)
  t.match(decided.takeOf('arm'), [{ due: { timer: 'probing', id: 1 }, delayMs: OVERDUE_MS }])
  probes.answered('ann', 1, true, decided.out)
  probes.due(1, decided.out)
  t.same(decided.takeOf('answerEviction'), [
    { kind: 'answerEviction', to: B, id: 4, userId: 'ann', gone: 1, left: [] },
  ])
})
