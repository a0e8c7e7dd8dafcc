/** What must not be lost is never refused: signals pass full mailboxes and full links, in order. */
import t from 'tap'
import { type Ref, refTo } from '../../src/runtime/ref.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { type Command, type Note, spawnActor, spawnEcho } from './support.js'

const note = (text: string): Note => ({ kind: 'note', text })

t.test('a signal passes a full mailbox, after the messages that were told before', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const ref = spawnActor<Note>(system, (_ctx, { text }) => heard.push(text), { mailboxCountMax: 2 })
  for (const text of ['1', '2', 'refused']) system.tell(ref, note(text))
  system.signal(ref, note('the end'))
  system.tell(ref, note('refused too'))
  world.settle()
  t.same(heard, ['1', '2', 'the end'])
  t.equal(system.stats().deadLetters.mailboxFull, 2)
})

t.test('signals take no room from messages', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const ref = spawnActor<Note>(system, (_ctx, { text }) => heard.push(text), { mailboxCountMax: 1 })
  for (let n = 0; n < 5; n++) system.signal(ref, note('signal'))
  t.ok(system.tryTell(ref, note('message')), 'the mailbox has room for its one message')
  t.notOk(system.tryTell(ref, note('another')), 'and for no other')
  world.settle()
  t.same(heard, [...Array(5).fill('signal'), 'message'])
  t.equal(system.stats().waitingMessages, 0)
})

t.test('signals and answers pass a link that refuses messages', async (t) => {
  const world = new World({
    seed: 1,
    linkDelayMs: () => 5,
    linkLimits: { windowBytes: 200, heldCountMax: 4 },
  })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const probe = spawnProbe<Note>(b)
  const echo = spawnEcho(a)
  const answers: unknown[] = []
  b.askThen(echo, { kind: 'echo', text: 'asked' } satisfies Command, 10_000, (outcome) =>
    answers.push(outcome),
  )
  let refused = 0
  for (let n = 0; n < 2_000; n++) if (!a.tryTell(probe.ref, note(`${n}`))) refused++
  t.ok(refused > 0, 'the link is full')
  a.signal(probe.ref, note('the end'))
  world.advance(10_000)
  t.same(probe.heard.at(-1), note('the end'))
  t.equal(probe.heard.length, 2_000 - refused + 1)
  t.match(answers, [{ ok: true, value: 'ASKED' }])
})

t.test('what was told over a link is not refused by the mailbox at its end', async (t) => {
  const world = new World({ seed: 1, linkDelayMs: () => 5 })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const heard: string[] = []
  const ref = spawnActor<Note>(b, (_ctx, { text }) => heard.push(text), { mailboxCountMax: 1 })
  for (const text of ['1', '2', '3']) a.tell(ref, note(text))
  world.advance(10)
  t.same(heard, ['1', '2', '3'])
})

t.test('the loss of a thread is heard after the last that this thread had told', async (t) => {
  const world = new World({ seed: 1 })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const heard: string[] = []
  const ref = spawnActor<Note>(
    a,
    (ctx, { text }) => {
      heard.push(text)
      // The news comes while letters of the lost thread still wait.
      if (text === '0') a.unlink(1, 'it died')
      if (text === '0') ctx.log.info({}, 'lost')
    },
    { onSignal: (_ctx, _state, { kind }) => heard.push(kind) },
  )
  for (let n = 0; n < 3; n++) b.tell(ref, note(`${n}`))
  world.settle()
  t.same(heard, ['linked', '0', '1', '2', 'unlinked'])
})

t.test('a message that is refused at once is known to its sender', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const nobody: Ref<Note> = refTo(0, 77)
  const noThread: Ref<Note> = refTo(5, 77)
  t.notOk(system.tryTell(nobody, note('to nobody')))
  t.notOk(system.tryTell(noThread, note('to no thread')))
  t.match(system.stats().deadLetters, { noSuchActor: 1, unlinked: 1 })
})
