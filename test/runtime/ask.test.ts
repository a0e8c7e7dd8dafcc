import t from 'tap'
import type { Outcome } from '../../src/runtime/actor.js'
import { type RuntimeError, runtimeError } from '../../src/runtime/errors.js'
import { type Ref, type ReplyTo, refTo } from '../../src/runtime/ref.js'
import type { ActorSystem } from '../../src/runtime/system.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { type Command, type Echo, macrotask, spawnActor, spawnEcho } from './support.js'

type Asking = { kind: 'go' } | { kind: 'fail' } | { kind: 'heard'; outcome: Outcome<string> }

interface Asker {
  ref: Ref<Asking>
  outcomes: string[]
}

/** An actor that asks `to` when told to go, and keeps what comes of it. */
function spawnAsker(system: ActorSystem, to: Ref<Command>, deadlineMs = 1_000): Asker {
  const outcomes: string[] = []
  const ref = spawnActor<Asking>(system, (ctx, message) => {
    if (message.kind === 'fail') throw new Error('as told')
    if (message.kind === 'heard') outcomes.push(show(message.outcome))
    else ctx.ask(to, { kind: 'echo', text: 'hi' }, deadlineMs, (outcome) => ({ kind: 'heard', outcome }))
  })
  return { ref, outcomes }
}

function show(outcome: Outcome<string>): string {
  return outcome.ok ? outcome.value : outcome.error.code
}

function pair(linkDelayMs = 0): { world: World; a: ActorSystem; b: ActorSystem } {
  const world = new World({ seed: 1, linkDelayMs: () => linkDelayMs })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  return { world, a, b }
}

t.test('the answer to an ask comes as a message, on the same thread and over a link', async (t) => {
  const { world, a, b } = pair(5)
  const here = spawnAsker(a, spawnEcho(a))
  const there = spawnAsker(a, spawnEcho(b))
  a.tell(here.ref, { kind: 'go' })
  a.tell(there.ref, { kind: 'go' })
  world.settle()
  t.same([here.outcomes, there.outcomes], [['HI'], []])
  world.advance(10)
  t.same(there.outcomes, ['HI'])
  t.equal(a.timers.size, 0, 'no deadline is left')
})

t.test('an answer may come later than the message in hand, as long as the deadline stands', async (t) => {
  const { world, a, b } = pair()
  const probe = spawnProbe<Command>(b)
  const asker = spawnAsker(a, probe.ref, 100)
  a.tell(asker.ref, { kind: 'go' })
  world.advance(99)
  spawnActor<{ kind: 'now' }>(b, () => {}, {
    start: (ctx) => {
      ctx.reply(probe.lastReplyTo() as ReplyTo<string>, 'at last')
      return null
    },
  })
  world.settle()
  t.same(asker.outcomes, ['at last'])
  world.advance(1_000)
  t.equal(asker.outcomes.length, 1, 'and the deadline says nothing more')
})

t.test('without an answer the deadline answers, and a later answer is a counted dead letter', async (t) => {
  const { world, a, b } = pair()
  const probe = spawnProbe<Command>(b)
  const asker = spawnAsker(a, probe.ref, 100)
  a.tell(asker.ref, { kind: 'go' })
  world.advance(99)
  t.same(asker.outcomes, [])
  world.advance(1)
  t.same(asker.outcomes, ['ASK_DEADLINE'])
  b.answer(probe.lastReplyTo()!, true, 'late')
  world.advance(10)
  t.same(asker.outcomes, ['ASK_DEADLINE'])
  t.equal(a.stats().deadLetters.lateAnswer, 1)
})

t.test('of two answers to one question the second is a dead letter', async (t) => {
  const { world, a } = pair()
  const twice = spawnActor<Command>(a, (ctx) => {
    ctx.reply(ctx.replyTo as ReplyTo<string>, 'one')
    ctx.reply(ctx.replyTo as ReplyTo<string>, 'two')
  })
  const asker = spawnAsker(a, twice)
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  t.same(asker.outcomes, ['one'])
  t.equal(a.stats().deadLetters.lateAnswer, 1)
})

t.test('an ask fails at once when there is no such actor', async (t) => {
  const { world, a, b } = pair()
  const stopped = spawnActor<Command>(b, (ctx) => ctx.stop())
  b.tell(stopped, { kind: 'note', text: 'stop' })
  world.settle()
  for (const nobody of [refTo<Command>(0, 77), refTo<Command>(1, 77), stopped]) {
    const asker = spawnAsker(a, nobody)
    a.tell(asker.ref, { kind: 'go' })
    world.settle()
    t.same(asker.outcomes, ['NO_SUCH_ACTOR'])
  }
})

t.test('a question that waits when its actor stops fails at once', async (t) => {
  const { world, a, b } = pair()
  const stops = spawnActor<Command>(b, (ctx) => ctx.stop())
  a.tell(stops, { kind: 'note', text: 'stop' })
  const failed = a.ask(stops, { kind: 'echo', text: 'x' }, 1_000)
  world.settle()
  t.equal(b.stats().deadLetters.stopped, 1)
  await t.rejects(failed, { code: 'NO_SUCH_ACTOR' })
})

t.test('an ask to a full mailbox fails at once', async (t) => {
  const { world, a, b } = pair()
  const full = spawnActor<Command>(b, () => {}, { mailboxCountMax: 1 })
  const asker = spawnAsker(a, full)
  a.tell(asker.ref, { kind: 'go' })
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  t.same(asker.outcomes, ['MAILBOX_FULL'])
  t.equal(b.stats().deadLetters.mailboxFull, 1)
})

t.test('an outcome is heard even by an actor whose mailbox takes nothing more', async (t) => {
  const { world, a, b } = pair(5)
  const echo = spawnEcho(b)
  const heard: string[] = []
  const asker = spawnActor<Asking>(a, (_ctx, message) => heard.push(message.kind), {
    mailboxCountMax: 0,
    start: (ctx) => {
      ctx.ask(echo, { kind: 'echo', text: 'hi' }, 1_000, (outcome) => ({ kind: 'heard', outcome }))
      return null
    },
  })
  a.tell(asker, { kind: 'go' })
  world.advance(20)
  t.same(heard, ['heard'])
  t.equal(a.stats().deadLetters.mailboxFull, 1)
})

t.test('an ask fails at once when the thread is lost, or was never linked', async (t) => {
  const { world, a, b } = pair(5)
  const lost = spawnAsker(a, spawnEcho(b))
  a.tell(lost.ref, { kind: 'go' })
  world.advance(1)
  a.unlink(1, 'it died')
  world.settle()
  t.same(lost.outcomes, ['THREAD_LOST'])
  const never = spawnAsker(a, refTo<Command>(9, 1))
  a.tell(never.ref, { kind: 'go' })
  world.settle()
  t.same(never.outcomes, ['THREAD_LOST'])
  world.advance(5_000)
  t.same([lost.outcomes.length, never.outcomes.length], [1, 1], 'exactly one outcome each')
})

t.test('a failed answer keeps its code and message over a link', async (t) => {
  const { world, a, b } = pair()
  const fails = spawnActor<Command>(b, (ctx) =>
    ctx.fail(ctx.replyTo!, runtimeError('MAILBOX_FULL', 'no room')),
  )
  const throwsPlain = spawnActor<Command>(b, (ctx) => ctx.fail(ctx.replyTo!, new Error('plain')))
  const heard: RuntimeError[] = []
  for (const ref of [fails, throwsPlain]) {
    a.askThen(ref, { kind: 'echo', text: 'x' } satisfies Echo, 1_000, (outcome) => {
      if (!outcome.ok) heard.push(outcome.error)
    })
  }
  world.settle()
  t.match(heard, [
    { code: 'MAILBOX_FULL', message: 'no room' },
    { code: 'UNKNOWN', message: 'plain' },
  ])
})

t.test('an answer for a former life is never seen, wherever the restart finds it', async (t) => {
  const { world, a } = pair()
  const probe = spawnProbe<Command>(a)
  const asker = spawnAsker(a, probe.ref, 10_000)
  // On its way when the actor fails.
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  a.tell(asker.ref, { kind: 'fail' })
  world.settle()
  a.answer(probe.lastReplyTo()!, true, 'while it waits')
  world.advance(5_000)
  t.same(asker.outcomes, [])
  // In the mailbox, behind the message that fails.
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  a.tell(asker.ref, { kind: 'fail' })
  a.answer(probe.lastReplyTo()!, true, 'in the mailbox')
  world.advance(5_000)
  t.same(asker.outcomes, [])
  // The life that asks hears.
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  a.answer(probe.lastReplyTo()!, true, 'of this life')
  world.settle()
  t.same(asker.outcomes, ['of this life'])
})

t.test('an answer for a former incarnation of the thread is never seen', async (t) => {
  const { world, a, b } = pair()
  const probe = spawnProbe<Command>(b)
  const former = spawnAsker(a, probe.ref)
  a.tell(former.ref, { kind: 'go' })
  world.settle()
  const replyTo = probe.lastReplyTo() as ReplyTo<string>
  const anew = world.system(0, 1)
  world.link(anew, b)
  const asker = spawnAsker(anew, probe.ref)
  anew.tell(asker.ref, { kind: 'go' })
  world.settle()
  b.answer(replyTo, true, 'for the former one')
  world.settle()
  t.same(asker.outcomes, [])
  t.equal(anew.stats().deadLetters.lateAnswer, 1)
  t.not(asker.ref.actor, former.ref.actor, 'and what was told to its actors finds nobody')
})

t.test('the turn from an outcome to a message is judged like any other work of the actor', async (t) => {
  const { world, a } = pair()
  const echo = spawnEcho(a)
  const ref = spawnActor<{ kind: 'go' }>(a, (ctx) =>
    ctx.ask(echo, { kind: 'echo', text: 'x' }, 100, () => {
      throw new Error('in toMessage')
    }),
  )
  a.tell(ref, { kind: 'go' })
  t.doesNotThrow(() => world.settle())
  t.same(a.stats().failures, { test: 1 })
})

t.test('the end of a promise comes as a message, to the life that waits for it only', async (t) => {
  const { world, a } = pair()
  type Piping =
    | { kind: 'pipe'; promise: Promise<string> }
    | { kind: 'heard'; outcome: Outcome<string> }
    | { kind: 'fail' }
  const heard: string[] = []
  const ref = spawnActor<Piping>(a, (ctx, message) => {
    if (message.kind === 'fail') throw new Error('as told')
    if (message.kind === 'pipe') ctx.pipe(message.promise, (outcome) => ({ kind: 'heard', outcome }))
    else heard.push(show(message.outcome))
  })
  const run = async () => {
    world.advance(1_000)
    await macrotask()
    world.advance(1_000)
  }
  a.tell(ref, { kind: 'pipe', promise: Promise.resolve('done') })
  a.tell(ref, { kind: 'pipe', promise: Promise.reject(runtimeError('THREAD_LOST', 'x')) })
  await run()
  t.same(heard, ['done', 'THREAD_LOST'])
  let resolve: (value: string) => void = () => {}
  a.tell(ref, {
    kind: 'pipe',
    promise: new Promise<string>((done) => {
      resolve = done
    }),
  })
  await run()
  a.tell(ref, { kind: 'fail' })
  await run()
  resolve('for a former life')
  await run()
  t.equal(heard.length, 2)
})

t.test('code outside of actors asks with a promise', async (t) => {
  const { world, a, b } = pair()
  const answered = a.ask(spawnEcho(b), { kind: 'echo', text: 'hi' }, 100)
  const refused = a.ask(refTo<Command>(1, 77), { kind: 'echo', text: 'hi' }, 100)
  world.settle()
  t.equal(await answered, 'HI')
  await t.rejects(refused, { code: 'NO_SUCH_ACTOR' })
})

t.test('a question is answered with what a promise comes to, also after a restart', async (t) => {
  const { world, a } = pair()
  let settle: ((answer: string) => void) | undefined
  const slow = spawnActor<Command>(a, (ctx, message) => {
    if (message.kind === 'note') throw new Error('restart')
    if (message.kind !== 'echo') return
    ctx.replyWith(
      ctx.asker(message),
      new Promise<string>((resolve) => {
        settle = resolve
      }),
    )
  })
  const asker = spawnAsker(a, slow)
  a.tell(asker.ref, { kind: 'go' })
  world.settle()
  a.tell(slow, { kind: 'note', text: '' })
  world.settle()
  settle!('at last')
  await new Promise(setImmediate)
  world.settle()
  t.same(asker.outcomes, ['at last'])
})

t.test('a question that was told, and not asked, has nobody to answer', async (t) => {
  const { world, a } = pair()
  const thrown: unknown[] = []
  const actor = spawnActor<Command>(a, (ctx, message) => {
    if (message.kind !== 'echo') return
    try {
      ctx.asker(message)
    } catch (error) {
      thrown.push(error)
    }
  })
  a.tell(actor, { kind: 'echo', text: 'hello' })
  world.settle()
  t.match(thrown, [TypeError])
})
