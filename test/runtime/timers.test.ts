import fc from 'fast-check'
import t from 'tap'
import type { Context } from '../../src/runtime/actor.js'
import { realEnvironment } from '../../src/runtime/environment.js'
import { Machine, World } from '../../src/runtime/testkit/world.js'
import { TimerQueue } from '../../src/runtime/timer-queue.js'
import { spawnActor } from './support.js'

interface Due {
  kind: 'due'
  text: string
}
type Do = { kind: 'do'; what: (ctx: Context<Due | Do>) => void }

/** An actor that does what it is told, and keeps which timers it hears and when. */
function stage() {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const stops: string[] = []
  const ref = spawnActor<Due | Do>(
    system,
    (ctx, message) => {
      if (message.kind === 'do') message.what(ctx)
      else heard.push(`${message.text}@${ctx.nowMs()}`)
    },
    { onStop: (_ctx, _state, cause) => stops.push(cause) },
  )
  const run = (what: (ctx: Context<Due | Do>) => void) => system.tell(ref, { kind: 'do', what })
  return { world, system, heard, stops, run }
}

const due = (text: string): Due => ({ kind: 'due', text })

t.test('a timer is heard once, when it is due', async (t) => {
  const { world, heard, run } = stage()
  run((ctx) => ctx.once('a', 50, due('a')))
  world.advance(49)
  t.same(heard, [])
  world.advance(1_000)
  t.same(heard, ['a@50'])
})

t.test('a timer replaces the one of the same key and leaves others alone', async (t) => {
  const { world, heard, run } = stage()
  run((ctx) => {
    ctx.once('a', 50, due('old'))
    ctx.once('b', 60, due('other'))
    ctx.once('a', 100, due('new'))
  })
  world.advance(1_000)
  t.same(heard, ['other@60', 'new@100'])
})

t.test('a cancelled timer is never heard, even when it was due and waits in the mailbox', async (t) => {
  const { world, system, heard, run } = stage()
  run((ctx) => {
    ctx.once('early', 50, due('early'))
    ctx.once('late', 100, due('late'))
  })
  world.advance(10)
  run((ctx) => ctx.cancel('early'))
  world.advance(80)
  t.same(heard, [])
  // Due at 100: the letter goes into the mailbox behind this message, which then cancels it.
  system.timers.add(10, () => run((ctx) => ctx.cancel('late')))
  run(() => {})
  world.advance(1_000)
  t.same(heard, ['late@100'], 'the timer set first is first at the same instant')

  const again = stage()
  again.system.timers.add(100, () => again.run((ctx) => ctx.cancel('late')))
  again.run((ctx) => ctx.once('late', 100, due('late')))
  again.world.advance(1_000)
  t.same(again.heard, [], 'cancelled with its letter in the mailbox')
})

t.test('a timer replaced with its letter in the mailbox is heard only as its successor', async (t) => {
  const { world, system, heard, run } = stage()
  system.timers.add(100, () => run((ctx) => ctx.once('a', 50, due('new'))))
  run((ctx) => ctx.once('a', 100, due('old')))
  world.advance(1_000)
  t.same(heard, ['new@150'])
})

t.test('a periodic timer is heard each period until it is cancelled', async (t) => {
  const { world, heard, run } = stage()
  run((ctx) => ctx.every('tick', 100, due('tick')))
  world.advance(350)
  t.same(heard, ['tick@100', 'tick@200', 'tick@300'])
  run((ctx) => ctx.cancel('tick'))
  world.advance(1_000)
  t.equal(heard.length, 3)
})

t.test('a long period is kept on average, although long timers have slack', async (t) => {
  const { world, heard, run } = stage()
  world.advance(400)
  run((ctx) => {
    ctx.every('ten', 10_000, due('ten'))
    ctx.every('more', 10_250, due('more'))
  })
  world.advance(44_000)
  const times = (text: string) => heard.filter((one) => one.startsWith(text)).map((one) => one.split('@')[1])
  t.same(times('ten'), ['11000', '21000', '31000', '41000'])
  t.same(times('more'), ['11000', '21250', '31500', '41750'])
})

t.test('periods that went by while the thread was busy are not made up for', async (t) => {
  const world = new World({ seed: 1 })
  const machine = new Machine()
  const system = world.system(0, 0, machine)
  const heard: number[] = []
  const ref = spawnActor<'start' | 'tick'>(system, (ctx, message) => {
    if (message === 'start') ctx.every('tick', 100, 'tick')
    else heard.push(ctx.nowMs())
  })
  system.tell(ref, 'start')
  world.advance(110)
  machine.pause()
  world.advance(340)
  machine.resume()
  world.advance(200)
  t.same(heard, [100, 450, 550, 650])
})

t.test('timers end with the life that set them', async (t) => {
  const { world, system, heard, stops, run } = stage()
  const setBoth = (ctx: Context<Due | Do>) => {
    ctx.once('once', 5_000, due('once'))
    ctx.every('every', 5_000, due('every'))
  }
  run(setBoth)
  world.settle()
  run(() => {
    throw new Error('as told')
  })
  world.advance(20_000)
  t.same([stops, heard], [['restarting'], []])
  t.equal(system.timers.size, 0)
  run(setBoth)
  run((ctx) => ctx.stop())
  world.advance(20_000)
  t.same([stops, heard], [['restarting', 'stopped'], []])
  t.equal(system.timers.size, 0)
})

t.test('a timer that waits in the mailbox at a restart is not heard by the next life', async (t) => {
  const { world, system, heard, run } = stage()
  system.timers.add(100, () =>
    run(() => {
      throw new Error('as told')
    }),
  )
  run((ctx) => ctx.once('a', 100, due('a')))
  world.advance(10_000)
  t.same(heard, [])
})

t.test('what an actor sets or asks while it stops belongs to the life that ends', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  const ref = spawnActor<Due | { kind: 'fail' }>(
    system,
    (_ctx, message) => {
      if (message.kind === 'fail') throw new Error('as told')
      heard.push(message.text)
    },
    {
      onStop: (ctx) => {
        ctx.once('a', 1, due('timer'))
        ctx.pipe(Promise.resolve(1), () => due('promise'))
      },
    },
  )
  system.tell(ref, { kind: 'fail' })
  world.settle()
  await new Promise((resolve) => setImmediate(resolve))
  world.advance(1_000)
  t.same(heard, [])
  t.equal(system.timers.size, 0)
})

t.test('timers fire in order of time, ties in the order they were set, cancelled ones never', async () => {
  const commands = fc.array(fc.record({ delayMs: fc.nat(50), cancels: fc.option(fc.nat(200)) }), {
    maxLength: 300,
  })
  fc.assert(
    fc.property(commands, (list) => {
      const world = new World({ seed: 1 })
      const queue = new TimerQueue(world.environment)
      const fired: number[] = []
      const entries = list.map(({ delayMs }, n) => queue.add(delayMs, () => fired.push(n)))
      const cancelled = new Set<number>()
      for (const { cancels } of list) {
        if (cancels === null || cancels >= entries.length) continue
        cancelled.add(cancels)
        queue.cancel(entries[cancels]!)
      }
      const expected = list
        .map(({ delayMs }, n) => ({ delayMs, n }))
        .filter(({ n }) => !cancelled.has(n))
        .sort((a, b) => a.delayMs - b.delayMs || a.n - b.n)
        .map(({ n }) => n)
      if (queue.size !== expected.length) return false
      world.advance(50)
      return fired.join() === expected.join() && queue.size === 0
    }),
  )
})

t.test('a timer of a month is no busy loop on the real clock', async (t) => {
  const warnings: string[] = []
  const note = (warning: Error) => warnings.push(warning.name)
  process.on('warning', note)
  t.teardown(() => process.off('warning', note))
  let wakes = 0
  const takeBack = realEnvironment.wake(2 ** 32, () => wakes++)
  await new Promise<void>((resolve) => void realEnvironment.wake(20, resolve))
  takeBack()
  t.same([wakes, warnings], [0, []])
})

t.test('after a stall what arrived meanwhile is heard before timers are', async (t) => {
  const world = new World({ seed: 1, linkDelayMs: () => 1 })
  const machine = new Machine()
  const [here, there] = [world.system(0, 0, machine), world.system(1)]
  world.link(here, there)
  const heard: string[] = []
  const ref = spawnActor<Due | Do>(here, (ctx, message) => {
    if (message.kind === 'do') message.what(ctx)
    else heard.push(message.text)
  })
  const deadline = due('deadline')
  here.tell(ref, { kind: 'do', what: (ctx) => ctx.once('deadline', 1_000, deadline) })
  world.advance(500)
  machine.pause()
  world.advance(600)
  // It comes after the deadline was due, and before this machine has run.
  there.tell(ref, due('sign of life'))
  world.advance(5_000)
  machine.resume()
  world.advance(1_000)
  t.same(heard, ['sign of life', 'deadline'])
})

t.test('a thread that is always late comes to its timers all the same', async (t) => {
  const world = new World({ seed: 1 })
  const machine = new Machine()
  const system = world.system(0, 0, machine)
  const heard: number[] = []
  const ref = spawnActor<Due | Do>(system, (ctx, message) => {
    if (message.kind === 'do') message.what(ctx)
    else heard.push(ctx.nowMs())
  })
  system.tell(ref, { kind: 'do', what: (ctx) => ctx.every('tick', 100, due('tick')) })
  for (let round = 0; round < 10; round++) {
    machine.pause()
    world.advance(1_000)
    machine.resume()
    world.advance(1)
  }
  t.ok(heard.length >= 4, `${heard.length} ticks in ten stalls`)
})
