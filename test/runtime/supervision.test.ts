import fc from 'fast-check'
import t from 'tap'
import {
  type FailureRecord,
  judge,
  noFailures,
  restartWithBackoff,
  type Supervision,
  stopOnFailure,
} from '../../src/runtime/supervision.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { keptLog, type Note, spawnActor } from './support.js'

t.test('the backoff doubles from its least to its ceiling, with at most a fifth of jitter', async () => {
  const rules = fc.record({
    backoffMinMs: fc.integer({ min: 1, max: 1_000 }),
    ceiling: fc.integer({ min: 1, max: 1_000 }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    failures: fc.integer({ min: 1, max: 2_000 }),
  })
  fc.assert(
    fc.property(rules, ({ backoffMinMs, ceiling, random, failures }) => {
      const backoffMaxMs = backoffMinMs * ceiling
      const rule: Supervision = {
        directive: 'restart',
        backoffMinMs,
        backoffMaxMs,
        calmMs: 1_000,
        restartsMax: Number.POSITIVE_INFINITY,
      }
      let record: FailureRecord = noFailures
      let plainMs = backoffMinMs
      for (let n = 0; n < failures; n++) {
        const verdict = judge(rule, record, n, random)
        if (verdict.directive !== 'restart') return false
        if (verdict.delayMs < plainMs || verdict.delayMs > plainMs * 1.2) return false
        record = verdict.record
        plainMs = Math.min(backoffMaxMs, plainMs * 2)
      }
      return record.inARow === failures
    }),
  )
})

t.test('the count of failures starts over exactly after the calm period', async () => {
  const gaps = fc.array(fc.nat(100), { minLength: 1, maxLength: 50 })
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 100 }), fc.nat(10), (gapsMs, calmMs, restartsMax) => {
      const rule: Supervision = { ...restartWithBackoff, calmMs, restartsMax }
      let record: FailureRecord = noFailures
      let nowMs = 0
      let inARow = 0
      return gapsMs.every((gapMs) => {
        nowMs += gapMs
        inARow = inARow > 0 && gapMs < calmMs ? inARow + 1 : 1
        const verdict = judge(rule, record, nowMs, 0.5)
        record = verdict.record
        return verdict.record.inARow === inARow && (verdict.directive === 'escalate') === inARow > restartsMax
      })
    }),
  )
})

t.test('a rule that stops or escalates does so at the first failure', async (t) => {
  t.equal(judge(stopOnFailure, noFailures, 0, 0).directive, 'stop')
  t.equal(judge({ ...restartWithBackoff, directive: 'escalate' }, noFailures, 0, 0).directive, 'escalate')
})

/** An actor that counts what it hears, and throws when it hears `fail`. */
function stage(supervision?: Supervision) {
  const { log, lines } = keptLog()
  const escalations: string[] = []
  const world = new World({ seed: 1, log, onEscalation: (error) => escalations.push(error.message) })
  const system = world.system(0)
  const history: string[] = []
  const ref = system.spawn<Note, { heard: number }, void>(
    {
      kind: 'fragile',
      supervision,
      start: (ctx) => {
        history.push(`start ${ctx.restarts}@${Math.floor(ctx.nowMs())}`)
        return { heard: 0 }
      },
      receive: (_ctx, state, { text }) => {
        if (text === 'fail') throw new Error('as told')
        history.push(`${text} ${++state.heard}`)
      },
      onStop: (_ctx, state, cause) => history.push(`${cause} after ${state.heard}`),
    },
    undefined,
  )
  const tell = (...texts: string[]) => {
    for (const text of texts) system.tell(ref, { kind: 'note', text })
  }
  return { world, system, history, tell, ref, escalations, lines }
}

t.test('an actor that throws starts again with fresh state, and its letters wait for it', async (t) => {
  const { world, system, history, tell } = stage({ ...restartWithBackoff, backoffMinMs: 100 })
  tell('a', 'b', 'fail', 'c')
  world.advance(99)
  t.same(history, ['start 0@0', 'a 1', 'b 2', 'restarting after 2'])
  tell('d')
  world.advance(21)
  t.equal(history.length, 7)
  t.match(history[4], /^start 1@1[0-2]\d$/, 'after the backoff and its jitter')
  t.same(history.slice(5), ['c 1', 'd 2'])
  t.same(system.stats().failures, { fragile: 1 })
})

t.test('a failure is logged with its actor, cause and directive', async (t) => {
  const { world, tell, lines, ref } = stage()
  tell('fail')
  world.settle()
  t.match(lines, [
    {
      level: 'error',
      message: 'actor failed',
      fields: { kind: 'fragile', actor: ref.actor, directive: 'restart', inARow: 1, error: /as told/ },
    },
  ])
})

t.test('restarts come further and further apart, up to the ceiling, and start over after calm', async (t) => {
  const rule: Supervision = {
    directive: 'restart',
    backoffMinMs: 100,
    backoffMaxMs: 400,
    calmMs: 10_000,
    restartsMax: 100,
  }
  const { world, history, tell } = stage(rule)
  const delays: number[] = []
  const failOnce = () => {
    const before = history.length
    const failedMs = world.nowMs
    tell('fail')
    while (!history.slice(before).some((line) => line.startsWith('start'))) world.advance(1)
    delays.push(world.nowMs - failedMs)
  }
  for (let n = 0; n < 4; n++) failOnce()
  world.advance(10_000)
  failOnce()
  const leastMs = [100, 200, 400, 400, 100]
  t.ok(
    delays.every((delay, n) => delay >= leastMs[n]! && delay <= leastMs[n]! * 1.2 + 1),
    delays.join(),
  )
})

t.test('an actor whose rule is to stop ends at its first failure', async (t) => {
  const { world, system, history, tell, escalations } = stage(stopOnFailure)
  tell('a', 'fail', 'b')
  world.advance(60_000)
  t.same(history, ['start 0@0', 'a 1', 'failed after 1'])
  t.same([system.stats().actors, system.stats().deadLetters.stopped], [0, 1])
  t.same(escalations, [])
})

t.test('a failure while it starts is a failure like any other', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard: string[] = []
  let starts = 0
  const ref = spawnActor<Note>(system, (_ctx, { text }) => heard.push(text), {
    start: () => {
      if (++starts < 4) throw new Error('not yet')
      return null
    },
  })
  system.tell(ref, { kind: 'note', text: 'patient' })
  world.advance(60_000)
  t.same([starts, heard], [4, ['patient']])
})

t.test('a failure in a signal is a failure like any other', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const restarts: number[] = []
  spawnActor<Note>(system, () => {}, {
    start: (ctx) => {
      restarts.push(ctx.restarts)
      return null
    },
    onSignal: () => {
      throw new Error('as told')
    },
  })
  world.link(system, world.system(1))
  world.advance(60_000)
  t.same(restarts, [0, 1])
})

t.test(
  'the cause of a stop is told: stopped by itself, closed with its system, failed, restarting',
  async (t) => {
    const world = new World({ seed: 1 })
    const system = world.system(0)
    const causes: string[] = []
    const spawn = (supervision?: Supervision) =>
      spawnActor<Note>(
        system,
        (ctx, { text }) => {
          if (text === 'fail') throw new Error('as told')
          ctx.stop()
        },
        { supervision, onStop: (_ctx, _state, cause) => causes.push(cause) },
      )
    system.tell(spawn(), { kind: 'note', text: 'stop' })
    system.tell(spawn(stopOnFailure), { kind: 'note', text: 'fail' })
    const restarts = spawn()
    system.tell(restarts, { kind: 'note', text: 'fail' })
    world.advance(1_000)
    t.same(causes, ['stopped', 'failed', 'restarting'])
    system.close()
    t.same(causes, ['stopped', 'failed', 'restarting', 'stopped'])
  },
)

t.test('a failing goodbye is logged and does not hold up the end', async (t) => {
  const { log, lines } = keptLog()
  const world = new World({ seed: 1, log })
  const system = world.system(0)
  spawnActor<Note>(system, () => {}, {
    onStop: () => {
      throw new Error('as told')
    },
  })
  const probe = spawnProbe<Note>(system)
  system.close()
  t.match(lines, [{ level: 'error', message: 'actor failed while it stopped' }])
  t.equal(system.stats().actors, 0)
  t.equal(probe.heard.length, 0)
})

t.test('what actors tell other threads while their system closes still arrives', async (t) => {
  const world = new World({ seed: 1, linkDelayMs: () => 5 })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const probe = spawnProbe<Note>(b)
  spawnActor<Note>(a, () => {}, {
    onStop: (ctx) => ctx.tell(probe.ref, { kind: 'note', text: 'goodbye' }),
  })
  a.close()
  world.advance(10)
  t.match(probe.heard, [{ text: 'goodbye' }])
})
