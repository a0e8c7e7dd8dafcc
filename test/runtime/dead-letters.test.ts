import t from 'tap'
import { refTo } from '../../src/runtime/ref.js'
import { World } from '../../src/runtime/testkit/world.js'
import { keptLog, type Note, spawnActor } from './support.js'

const note: Note = { kind: 'note', text: 'x' }

t.test('every message without a reader is counted under its reason', async (t) => {
  const world = new World({ seed: 1, linkLimits: { windowBytes: 1_000, heldCountMax: 2 } })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const stops = spawnActor<Note>(a, (ctx) => ctx.stop())
  const full = spawnActor<Note>(a, () => {}, { mailboxCountMax: 1 })
  for (const ref of [stops, stops, full, full, refTo<Note>(0, 77), refTo<Note>(9, 1)]) a.tell(ref, note)
  for (let n = 0; n < 3; n++) a.tell(refTo<Note>(1, 1), note)
  a.answer({ thread: 0, correlation: 12_345 }, true, 'to nobody')
  world.settle()
  t.same(a.stats().deadLetters, {
    noSuchActor: 1,
    mailboxFull: 1,
    unlinked: 1,
    linkFull: 1,
    lateAnswer: 1,
    stopped: 1,
  })
  t.equal(b.stats().deadLetters.noSuchActor, 2)
})

t.test('dead letters are logged once a second and reason, with the total', async (t) => {
  const { log, lines } = keptLog()
  const world = new World({ seed: 1, log })
  const system = world.system(0)
  const full = spawnActor<Note>(system, () => {}, { mailboxCountMax: 0 })
  // A burst of 10 a millisecond, for 2.5 s.
  for (let ms = 0; ms < 2_500; ms++) {
    for (let n = 0; n < 10; n++) {
      system.tell(refTo<Note>(0, 77), note)
      system.tell(full, note)
    }
    world.advance(1)
  }
  t.same(
    lines.map(({ level, fields }) => `${level} ${fields.reason} ${fields.kind} ${fields.total}`),
    [
      'debug noSuchActor note 1',
      'warn mailboxFull note 1',
      'debug noSuchActor note 10001',
      'warn mailboxFull note 10001',
      'debug noSuchActor note 20001',
      'warn mailboxFull note 20001',
    ],
  )
  t.equal(system.stats().deadLetters.noSuchActor, 25_000)
})

t.test('a message of any shape can be a dead letter', async (t) => {
  const { log, lines } = keptLog()
  const world = new World({ seed: 1, log })
  const system = world.system(0)
  for (const message of [null, undefined, 7, 'text', [1], note]) system.tell(refTo(0, 77), message)
  t.equal(system.stats().deadLetters.noSuchActor, 6)
  t.equal(lines.length, 1)
})
