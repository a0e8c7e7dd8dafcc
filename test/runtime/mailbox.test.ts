import fc from 'fast-check'
import t from 'tap'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { type Note, spawnActor } from './support.js'

t.test('each sender is heard in its own order, on the same thread and over slow links', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ sender: fc.nat(2), waitMs: fc.nat(3) }), { maxLength: 60 }),
      fc.integer(),
      (tells, seed) => {
        const world = new World({ seed, linkDelayMs: (random) => random * 10 })
        const here = world.system(0)
        const threads = [here, world.system(1), world.system(2)]
        world.link(here, threads[1]!)
        world.link(here, threads[2]!)
        const probe = spawnProbe<{ kind: 'n'; sender: number; n: number }>(here)
        const told = [0, 0, 0]
        for (const { sender, waitMs } of tells) {
          threads[sender]!.tell(probe.ref, { kind: 'n', sender, n: told[sender]!++ })
          world.advance(waitMs)
        }
        world.advance(100)
        for (const sender of [0, 1, 2]) {
          const heard = probe.heard.filter((message) => message.sender === sender).map(({ n }) => n)
          if (heard.join() !== Array.from({ length: told[sender]! }, (_, n) => n).join()) return false
        }
        return true
      },
    ),
    { numRuns: 200 },
  )
})

t.test('a message told by an actor to itself comes after those that wait already', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const ref = spawnActor<Note>(system, (ctx, { text }) => {
    heard.push(text)
    if (text === 'first') ctx.tell(ctx.self, { kind: 'note', text: 'from self' })
  })
  for (const text of ['first', 'second']) system.tell(ref, { kind: 'note', text })
  world.settle()
  t.same(heard, ['first', 'second', 'from self'])
})

t.test('an actor is never run inside another one that tells it', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  let isInside = false
  let overlaps = 0
  const inner = spawnActor<Note>(system, () => {
    if (isInside) overlaps++
  })
  const outer = spawnActor<Note>(system, (ctx, message) => {
    isInside = true
    ctx.tell(inner, message)
    isInside = false
  })
  system.tell(outer, { kind: 'note', text: 'x' })
  world.settle()
  t.equal(overlaps, 0)
  t.equal(system.stats().waitingMessages, 0)
})

t.test('news of a thread keeps its place behind messages that came before', async (t) => {
  const world = new World({ seed: 1 })
  const [a, b] = [world.system(0), world.system(1)]
  const heard: string[] = []
  const ref = spawnActor<Note>(a, (_ctx, { text }) => heard.push(text), {
    onSignal: (_ctx, _state, { kind, thread }) => heard.push(`${kind} ${thread}`),
  })
  a.tell(ref, { kind: 'note', text: 'one' })
  a.tell(ref, { kind: 'note', text: 'two' })
  world.link(a, b)
  a.unlink(1, 'test')
  world.settle()
  t.same(heard, ['one', 'two', 'linked 1', 'unlinked 1'])
})

t.test('an actor that starts late is told which threads are linked', async (t) => {
  const world = new World({ seed: 1 })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const heard: string[] = []
  spawnActor<Note>(a, () => {}, {
    onSignal: (_ctx, _state, { kind, thread }) => heard.push(`${kind} ${thread}`),
  })
  world.settle()
  t.same(heard, ['linked 1'])
})

t.test('a busy actor has a turn of at most 64 messages before its neighbour has one', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  let busyCount = 0
  let busyBefore = -1
  const busy = spawnActor<Note>(system, () => busyCount++)
  const neighbour = spawnActor<Note>(system, () => {
    busyBefore = busyCount
  })
  for (let n = 0; n < 5_000; n++) system.tell(busy, { kind: 'note', text: 'more' })
  system.tell(neighbour, { kind: 'note', text: 'me too' })
  world.settle()
  t.equal(busyBefore, 64)
  t.equal(busyCount, 5_000)
})

t.test(
  'an actor that always tells itself more leaves the others and the event loop their turns',
  async (t) => {
    const world = new World({ seed: 1 })
    const system = world.system(0)
    let rounds = 0
    const loop = spawnActor<Note>(system, (ctx, message) => {
      if (++rounds < 100_000) ctx.tell(ctx.self, message)
    })
    const neighbour = spawnProbe<Note>(system)
    system.tell(loop, { kind: 'note', text: 'again' })
    system.tell(neighbour.ref, { kind: 'note', text: 'me too' })
    let atLoopTurn = -1
    // Queued behind the system's own run, as a socket's callback would be.
    world.environment.defer(() => {
      atLoopTurn = rounds
    })
    world.settle()
    t.equal(neighbour.heard.length, 1)
    t.ok(
      atLoopTurn > 0 && atLoopTurn <= 8_192 + 64,
      `the event loop had its turn after ${atLoopTurn} messages`,
    )
    t.equal(rounds, 100_000)
  },
)

t.test('what a full mailbox cannot take is a counted dead letter, the rest is heard', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const ref = spawnActor<Note>(system, (_ctx, { text }) => heard.push(text), { mailboxCountMax: 3 })
  for (const text of ['1', '2', '3', '4', '5']) system.tell(ref, { kind: 'note', text })
  t.equal(system.stats().deadLetters.mailboxFull, 2)
  world.settle()
  t.same(heard, ['1', '2', '3'])
  system.tell(ref, { kind: 'note', text: '6' })
  world.settle()
  t.same(heard, ['1', '2', '3', '6'], 'there is room again')
})
