import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { type InboundFrame, Link, type LinkPort } from '../../src/runtime/link.js'
import { type Ref, refTo } from '../../src/runtime/ref.js'
import type { ActorSystem } from '../../src/runtime/system.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { type Command, keptLog, type Note, spawnActor, spawnEcho } from './support.js'

const note = (text: string): Note => ({ kind: 'note', text })
const texts = (messages: Note[]) => messages.map(({ text }) => text)
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => String(n + from))

function pair(windowBytes = 4 * 1024 * 1024, heldCountMax = 262_144) {
  const world = new World({ seed: 1, linkDelayMs: () => 5, linkLimits: { windowBytes, heldCountMax } })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  return { world, a, b }
}

t.test('what is told during one turn crosses as one frame', async (t) => {
  const { world, a, b } = pair()
  const probe = spawnProbe<Note>(b)
  for (const n of numbers(200)) a.tell(probe.ref, note(n))
  world.advance(10)
  t.same(texts(probe.heard), numbers(200))
  t.match(a.stats(), { linkFrames: 1, linkLetters: 200, linkHeld: 0 })
  a.tell(probe.ref, note('next turn'))
  world.advance(10)
  t.equal(a.stats().linkFrames, 2)
})

t.test('order is kept over frames that are full, flushed and held back', async (t) => {
  const { world, a, b } = pair(2_000)
  const probe = spawnProbe<Note>(b)
  let told = 0
  for (const count of [1, 300, 2, 1_000, 256, 512, 3]) {
    for (const n of numbers(count, told)) a.tell(probe.ref, note(n))
    told += count
    world.advance(1)
  }
  world.advance(5_000)
  t.same(texts(probe.heard), numbers(told))
  t.equal(a.stats().linkLetters, told)
})

t.test('answers and questions share the frames of a turn', async (t) => {
  const { world, a, b } = pair()
  const echo = spawnEcho(b)
  const answers: string[] = []
  for (const n of numbers(50)) {
    a.askThen(echo, { kind: 'echo', text: `q${n}` } satisfies Command, 1_000, (outcome) => {
      if (outcome.ok) answers.push(outcome.value as string)
    })
  }
  world.advance(20)
  t.same(
    answers,
    numbers(50).map((n) => `Q${n}`),
  )
  t.same([a.stats().linkFrames, b.stats().linkFrames], [1, 1])
})

/** Two ends of a link by hand: frames cross when the test says so, mailboxes drain when it says so. */
function byHand(windowBytes: number, heldCountMax = 100_000) {
  const limits = { windowBytes, heldCountMax }
  const received: unknown[] = []
  const crossing = { toReceiver: [] as Uint8Array[], toSender: [] as Uint8Array[] }
  const listeners: Record<keyof typeof crossing, (frame: Uint8Array) => void> = {
    toReceiver: () => {},
    toSender: () => {},
  }
  const port = (out: keyof typeof crossing, into: keyof typeof crossing): LinkPort => ({
    postMessage: (frame) => crossing[out].push(frame),
    on: (_event, listener) => {
      listeners[into] = listener
    },
    close: () => {},
  })
  let largestFrame = 0
  const untaken: InboundFrame[] = []
  const sender = new Link(
    port('toReceiver', 'toSender'),
    limits,
    (_to, _c, _payload, frame) => untaken.push(frame),
    () => {},
  )
  const receiver = new Link(
    port('toSender', 'toReceiver'),
    limits,
    (_to, _c, payload, frame) => {
      received.push(payload)
      untaken.push(frame)
    },
    () => {},
  )
  /** Take every letter that was delivered, on both ends. */
  const drain = () => {
    for (const frame of untaken.splice(0)) frame.letterTaken()
  }
  /** Let every frame cross that is on its way. Returns the bytes that reached the receiver. */
  const cross = () => {
    let bytes = 0
    for (const frame of crossing.toReceiver.splice(0)) {
      bytes += frame.length
      largestFrame = Math.max(largestFrame, frame.length)
      listeners.toReceiver(frame)
    }
    for (const frame of crossing.toSender.splice(0)) listeners.toSender(frame)
    return bytes
  }
  return { sender, receiver, received, cross, drain, largestFrame: () => largestFrame }
}

t.test('a receiver that does not drain stops the sender within the window and one frame', async (t) => {
  const windowBytes = 10_000
  const { sender, received, cross, drain, largestFrame } = byHand(windowBytes)
  for (let n = 0; n < 5_000; n++) sender.push(1, 0, { n, text: 'x'.repeat(20) })
  sender.flush()
  let inFlight = 0
  for (let turn = 0; turn < 10; turn++) {
    inFlight += cross()
    sender.flush()
  }
  t.ok(sender.congested)
  t.ok(inFlight >= windowBytes, 'the window is used')
  t.ok(inFlight < windowBytes + largestFrame(), `${inFlight} bytes, the largest frame ${largestFrame()}`)
  t.equal(sender.held + received.length, 5_000, 'nothing is lost meanwhile')
  while (received.length < 5_000) {
    const before = received.length
    drain()
    cross()
    cross()
    sender.flush()
    if (received.length === before) return t.fail(`stuck at ${before}`)
  }
  drain()
  cross()
  t.same(
    received.map((payload) => (payload as { n: number }).n),
    Array.from({ length: 5_000 }, (_, n) => n),
  )
  t.notOk(sender.congested)
})

t.test(
  'however pushes, frames, drains and flushes fall, credit is kept and all arrives in order',
  async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('push' as const),
        count: fc.integer({ min: 1, max: 700 }),
        size: fc.nat(200),
      }),
      fc.record({ do: fc.constantFrom('flush' as const, 'cross' as const, 'drain' as const) }),
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 100, max: 20_000 }),
        (steps, windowBytes) => {
          const { sender, received, cross, drain, largestFrame } = byHand(windowBytes)
          let pushed = 0
          let delivered = 0
          let undrained = 0
          for (const one of steps) {
            if (one.do === 'push') {
              for (let n = 0; n < one.count; n++)
                sender.push(1, 0, { n: pushed++, text: 'x'.repeat(one.size) })
            } else if (one.do === 'flush') sender.flush()
            else if (one.do === 'cross') {
              undrained += cross()
            } else {
              drain()
              undrained = 0
            }
            delivered = Math.max(delivered, undrained)
          }
          if (delivered >= windowBytes + largestFrame()) return false
          for (let n = 0; received.length < pushed && n < 10_000; n++) {
            sender.flush()
            cross()
            drain()
          }
          return (
            received.length === pushed && received.every((payload, n) => (payload as { n: number }).n === n)
          )
        },
      ),
      { numRuns: 100 },
    )
  },
)

t.test('the receiver acknowledges at the latest when a quarter of the window is taken', async (t) => {
  const { sender, receiver, cross, drain } = byHand(1_000)
  let acknowledgements = 0
  for (let n = 0; n < 50; n++) {
    sender.push(1, 0, 'x'.repeat(60))
    sender.flush()
    cross()
    drain()
    if (receiver.stats.framesSent > acknowledgements) acknowledgements = receiver.stats.framesSent
    cross()
    t.notOk(sender.congested)
  }
  t.equal(acknowledgements, Math.floor(50 / 4), 'and no oftener: four such frames are a quarter')
  t.equal(receiver.stats.lettersSent, 0)
})

t.test('an acknowledgement travels with letters where there are some', async (t) => {
  const { sender, receiver, cross, drain } = byHand(1_000)
  for (let n = 0; n < 50; n++) {
    sender.push(1, 0, 'x'.repeat(60))
    sender.flush()
    cross()
    drain()
    receiver.push(1, 0, 'y')
    receiver.flush()
    cross()
    drain()
    t.notOk(sender.congested)
  }
  t.equal(receiver.stats.framesSent, 50)
})

t.test('an actor that keeps telling itself more does not hold back the links of its thread', async (t) => {
  const { world, a, b } = pair(2_000)
  const probe = spawnProbe<Note>(b)
  let turns = 0
  const busy = spawnActor<Note>(b, (ctx, message) => {
    // As long as the rest arrives: a mailbox of this thread is never empty meanwhile.
    if (++turns < 20_000 && probe.heard.length < 5_000) ctx.tell(ctx.self, message)
  })
  b.tell(busy, note('more'))
  for (const n of numbers(5_000)) a.tell(probe.ref, note(n))
  world.advance(5_000)
  t.equal(probe.heard.length, 5_000)
})

t.test('an ask that a full link refuses fails at once, and says that the thread is not lost', async (t) => {
  const { a, b } = pair(500, 10)
  const echo = spawnEcho(b)
  const codes: string[] = []
  for (const n of numbers(2_000)) {
    a.askThen(echo, { kind: 'echo', text: n } satisfies Command, 1_000, (outcome) => {
      if (!outcome.ok) codes.push(outcome.error.code)
    })
  }
  t.ok(codes.length > 0)
  t.same([...new Set(codes)], ['LINK_FULL'])
})

t.test('letters over the held bound are counted dead letters, and the others arrive', async (t) => {
  const { log, lines } = keptLog()
  const world = new World({ seed: 1, log, linkLimits: { windowBytes: 500, heldCountMax: 1_000 } })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const probe = spawnProbe<Note>(b)
  for (const n of numbers(5_000)) a.tell(probe.ref, note(n))
  const { linkFull } = a.stats().deadLetters
  t.ok(a.isCongested(1))
  t.ok(linkFull > 3_000 && linkFull < 5_000, `${linkFull} refused`)
  t.match(lines, [{ level: 'warn', fields: { reason: 'linkFull', thread: 1 } }])
  world.advance(1_000)
  t.equal(probe.heard.length + linkFull, 5_000)
  t.same(texts(probe.heard), numbers(probe.heard.length), 'the first ones, in order')
  t.notOk(a.isCongested(1))
  a.tell(probe.ref, note('again'))
  world.advance(10)
  t.match(probe.heard.at(-1), { text: 'again' })
})

t.test('a thread gives credit once its mailboxes are empty: a busy one holds its senders back', async (t) => {
  const { world, a, b } = pair(2_000)
  const probe = spawnProbe<Note>(b)
  let heardWhenDone = {}
  let rounds = 0
  const busy = spawnActor<Note>(b, (ctx, message) => {
    if (++rounds < 50_000) ctx.tell(ctx.self, message)
    else heardWhenDone = { letters: probe.heard.length, congested: a.isCongested(1) }
  })
  a.tell(busy, note('again'))
  for (const n of numbers(1_000)) a.tell(probe.ref, note(n))
  world.advance(5_000)
  t.match(heardWhenDone, { letters: 255, congested: true })
  t.notOk(a.isCongested(1))
  t.same(texts(probe.heard), numbers(1_000))
})

/** Values that cross a link unchanged. */
const key = fc.string({ minLength: 1, maxLength: 6 }).filter((text) => text !== '__proto__')
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.boolean(),
    fc.constant(null),
    fc.constant(undefined),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}))

/** For comparison: bytes as a list. */
function plain(payload: unknown): unknown {
  if (payload instanceof Uint8Array) return { bytes: [...payload] }
  if (Array.isArray(payload)) return payload.map(plain)
  if (typeof payload !== 'object' || payload === null) return payload
  return Object.fromEntries(Object.entries(payload).map(([name, part]) => [name, plain(part)]))
}

t.test('messages of any shape cross unchanged, one after another on one link', async () => {
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (payloads) => {
      const { sender, received, cross } = byHand(1_000_000)
      payloads.forEach((payload, n) => {
        sender.push(1, 0, payload)
        if (n % 3 === 0) sender.flush()
      })
      sender.flush()
      cross()
      return isDeepStrictEqual(received.map(plain), payloads.map(plain))
    }),
    { numRuns: 100 },
  )
})

t.test('more record shapes than msgpackr keeps at once survive, whatever order they come in', async (t) => {
  const SHAPES = 1_000
  const shaped = (shape: number, n: number) => ({
    kind: `kind-${shape}`,
    [`field-${shape}`]: n,
    ...(shape % 2 === 0 ? { optional: n } : {}),
    ...(shape % 3 === 0 ? { missing: undefined } : {}),
    nested: { [`inner-${shape % 70}`]: { deep: [n, { [`leaf-${shape % 90}`]: null }] } },
    bytes: new Uint8Array([n & 255, shape & 255]),
  })
  const { sender, received, cross } = byHand(100_000_000)
  const sent: object[] = []
  for (let n = 0; n < 20_000; n++) {
    // A few shapes often, many seldom, and all of them in cycles longer than the 64 that are kept.
    const shape = n % 3 === 0 ? n % 5 : (n * 7_919) % SHAPES
    sent.push(shaped(shape, n))
    sender.push(1, 0, shaped(shape, n))
    if (n % 37 === 0) {
      sender.flush()
      cross()
    }
  }
  sender.flush()
  cross()
  t.equal(received.length, sent.length)
  const wrong = sent.findIndex(
    (message, n) => JSON.stringify(plain(message)) !== JSON.stringify(plain(received[n])),
  )
  t.equal(wrong, -1, `first wrong: ${JSON.stringify(received[wrong])}`)
})

t.test('an optional field that is absent stays absent, and undefined stays undefined', async (t) => {
  const { sender, received, cross } = byHand(1_000_000)
  const messages = [{ a: 1 }, { a: 1, b: undefined }, { a: 1, b: 2 }, { b: 2, a: 1 }, {}, { a: undefined }]
  for (const message of messages) sender.push(1, 0, message)
  sender.flush()
  cross()
  t.same(
    received.map((message) => Object.keys(message as object)),
    messages.map((message) => Object.keys(message)),
  )
  t.strictSame(received.map(plain), messages)
})

t.test('an end that was closed neither sends nor hears', async (t) => {
  const { sender, receiver, received, cross } = byHand(1_000_000)
  sender.push(1, 0, 'sent before')
  sender.flush()
  receiver.close()
  cross()
  t.same(received, [])
  sender.close()
  sender.push(1, 0, 'after')
  sender.flush()
  t.equal(cross(), 0)
  t.match([...sender.unsent()], [{ to: 1, payload: 'after' }])
})

t.test('what is no plain data arrives as the nearest that is, or throws', async (t) => {
  const { sender, received, cross } = byHand(1_000_000)
  class Point {
    x = 1
  }
  const date = new Date(5)
  const map = new Map([['a', { b: 1 }]])
  const payloads = [date, map, new Set([1, 2]), new Point(), { call: () => 1 }, 2n ** 40n]
  for (const payload of payloads) sender.push(1, 0, payload)
  sender.flush()
  cross()
  t.strictSame(received, [date, map, [1, 2], { x: 1 }, { call: undefined }, 2n ** 40n])
  for (const payload of [Symbol('x'), 2n ** 64n]) {
    const { sender: throwing } = byHand(1_000_000)
    throwing.push(1, 0, payload)
    t.throws(() => throwing.flush())
  }
})

t.test('bytes that were sent belong to the sender still', async (t) => {
  const { sender, received, cross } = byHand(1_000_000)
  const bytes = new Uint8Array([1, 2, 3])
  sender.push(1, 0, { bytes })
  sender.flush()
  bytes.fill(9)
  cross()
  t.same(plain(received[0]), { bytes: { bytes: [1, 2, 3] } })
  t.equal(bytes.length, 3)
})

/** Replace the thread of `b`, as a thread that is hosted anew. */
function replace(world: World, a: ActorSystem, b: ActorSystem): ActorSystem {
  const anew = world.system(b.thread, 1)
  world.link(a, anew)
  return anew
}

t.test(
  'a link that is replaced starts clean: new credit, new record shapes, nothing of the old one',
  async (t) => {
    const { world, a, b } = pair(2_000)
    const ref: Ref<Note> = refTo(1, 7)
    spawnProbe<Note>(b, 7)
    const reasons: string[] = []
    spawnActor<Note>(a, () => {}, {
      onSignal: (_ctx, _state, signal) =>
        reasons.push(signal.kind === 'unlinked' ? `unlinked: ${signal.reason}` : signal.kind),
    })
    world.settle()
    // Some letters are on their way without credit for more when the thread is replaced.
    for (const n of numbers(2_000)) a.tell(ref, note(n))
    world.advance(1)
    t.ok(a.isCongested(1))
    const held = a.stats().linkHeld
    t.ok(held > 0)
    const anew = replace(world, a, b)
    const probe = spawnProbe<Note>(anew, 7)
    t.equal(a.stats().deadLetters.unlinked, held, 'what was never sent is counted')
    t.notOk(a.isCongested(1))
    for (const n of numbers(2_000)) a.tell(ref, note(n))
    world.advance(1_000)
    t.same(texts(probe.heard), numbers(2_000))
    t.same(reasons, ['linked', 'unlinked: replaced', 'linked'])
  },
)

t.test('frames of a link that was replaced are not heard any more', async (t) => {
  const { world, a, b } = pair()
  const probe = spawnProbe<Note>(a)
  b.tell(probe.ref, note('from the old one'))
  world.advance(1)
  const anew = replace(world, a, b)
  b.tell(probe.ref, note('from the old one, later'))
  anew.tell(probe.ref, note('from the new one'))
  world.advance(100)
  t.same(texts(probe.heard), ['from the new one'])
})
