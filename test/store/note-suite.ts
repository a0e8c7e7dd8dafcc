/** What nodes say to each other through every store. Part of `suite.ts`. */
import type { Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { Note } from '../../src/protocol/node/notes.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { until } from '../support/redis.js'
import type { Kit } from './suite.js'

const evicted = (id: number): Note => ({ kind: 'evicted', id, userId: 'u', gone: 0, left: [] })

/** Which notes were heard, by their numbers. */
const idsOf = (notes: Note[]) => notes.map((note) => ('id' in note ? note.id : undefined))

export function noteTests(t: Test, { open, fresh }: Kit): void {
  t.test('a note of each kind arrives as it was sent', async (t) => {
    const a = await open(t)
    const b = await open(t)
    const notes: Note[] = [
      { kind: 'evict', id: 1, from: a.holder, eviction: { userId: 'Åsa', before: ADMIN_KICK } },
      {
        kind: 'evict',
        id: 2,
        from: a.holder,
        eviction: {
          userId: 'u',
          before: 1_763_676_000_123_456,
          platformIds: [Platform.IOS, Platform.Web],
          connectionId: 'c',
          token: 't1',
          newcomer: 't2',
        },
      },
      {
        kind: 'evicted',
        id: 3,
        userId: 'u',
        gone: 2,
        left: [{ connectionId: 'c', platformId: Platform.Web, nodeId: 'b', background: false }],
      },
      { kind: 'died', dead: [{ holder: 'c#7', inMs: 250 }] },
      { kind: 'withdraw', userId: 'u', platformId: Platform.Web, tokens: ['t1', 't2'], by: ADMIN_KICK - 1 },
    ]
    for (const note of notes) a.store.bus.send(b.holder, note)
    await until('all are heard', () => b.heard.notes.length === notes.length)
    t.strictSame(b.heard.notes, notes)
  })

  t.test('notes reach the node that they are for, in order, and nobody else', async (t) => {
    const [a, b, c] = [await open(t), await open(t), await open(t)]
    for (let id = 1; id <= 100; id++) {
      a.store.bus.send(b.holder, evicted(id))
      // Some in one go, some later.
      if (id % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    a.store.bus.send(c.holder, evicted(0))
    await until('all are heard', () => b.heard.notes.length >= 100 && c.heard.notes.length)
    t.same(
      idsOf(b.heard.notes),
      Array.from({ length: 100 }, (_, i) => i + 1),
    )
    t.same(idsOf(c.heard.notes), [0])
    t.same(a.heard.notes, [])
    t.same([...b.heard.misses, ...c.heard.misses], [])
  })

  t.test('notes and changes keep their order among each other', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    await b.store.presence.watch([user])
    for (let id = 1; id <= 20; id++) {
      const [outcome] = await a.store.presence.assert([{ userId: user, platformIds: [id], versionSeen: 0 }])
      t.ok(outcome?.ok)
      a.store.bus.send(b.holder, evicted(id))
    }
    await until('all is heard', () => b.heard.news.length >= 40)
    t.same(
      b.heard.news.map((news) => ('claims' in news ? news.claims[0]?.platformId : idsOf([news])[0])),
      Array.from({ length: 40 }, (_, i) => Math.floor(i / 2) + 1),
    )
    t.same(b.heard.misses, [])
  })

  t.test('what a node says to itself it hears, never inside the call', async (t) => {
    const a = await open(t)
    a.store.bus.send(a.holder, evicted(1))
    a.store.bus.send(a.holder, evicted(2))
    t.same(a.heard.notes, [])
    await until('both are heard', () => a.heard.notes.length === 2)
    t.same(idsOf(a.heard.notes), [1, 2])
  })

  t.test('what becomes of a note after it was sent is seen by nobody', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    for (const { holder } of [a, b]) {
      const note: Note = { kind: 'withdraw', userId: 'u', platformId: Platform.Web, tokens: ['t1'], by: 7 }
      a.store.bus.send(holder, note)
      note.tokens.push('t2')
      note.by = 8
    }
    await until('both are heard', () => a.heard.notes.length && b.heard.notes.length)
    for (const { heard } of [a, b]) t.match(heard.notes, [{ tokens: ['t1'], by: 7 }])
    for (const { heard } of [a, b]) t.equal((heard.notes[0] as { tokens: string[] }).tokens.length, 1)
  })

  t.test('a note for nobody is lost, and nothing else with it', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    a.store.bus.send(b.holder, evicted(1))
    a.store.bus.send(`${fresh('nobody')}#1`, evicted(2))
    a.store.bus.send(b.holder, evicted(3))
    await until('the others are heard', () => b.heard.notes.length >= 2)
    t.same(idsOf(b.heard.notes), [1, 3])
    t.same([...a.heard.misses, ...b.heard.misses], [])
  })

  t.test('a note for an earlier incarnation reaches the node that it is now', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const before = b.holder
    a.store.bus.send(before, evicted(1))
    await until('it is heard', () => b.heard.notes.length)
    const { holder: now } = await b.store.open(b.heard)
    t.not(now, before)
    a.store.bus.send(before, evicted(2))
    await until('it is heard', () => b.heard.notes.length === 2)
    a.store.bus.send(now, evicted(3))
    await until('it is heard', () => b.heard.notes.length === 3)
    a.store.bus.send(before, evicted(4))
    await until('it is heard', () => b.heard.notes.length === 4)
    t.same(idsOf(b.heard.notes), [1, 2, 3, 4])
    t.same(b.heard.misses, [])
  })

  t.test('who is not open says nothing, and hears nothing', async (t) => {
    const [a, b, c] = [await open(t), await open(t), await open(t)]
    await a.store.close(true)
    a.store.bus.send(b.holder, evicted(1))
    await b.store.close(true)
    c.store.bus.send(b.holder, evicted(2))
    c.store.bus.send(c.holder, evicted(3))
    const d = await open(t)
    c.store.bus.send(d.holder, evicted(4))
    await until('the probe is heard', () => d.heard.notes.length)
    t.same(b.heard.notes, [])
  })
}
