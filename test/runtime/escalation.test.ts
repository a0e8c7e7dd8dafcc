import t from 'tap'
import { restartWithBackoff } from '../../src/runtime/supervision.js'
import { World } from '../../src/runtime/testkit/world.js'
import { type Note, spawnActor } from './support.js'

const rule = { ...restartWithBackoff, restartsMax: 2 }

function stage(directive: 'restart' | 'escalate') {
  const escalations: Error[] = []
  const world = new World({ seed: 1, onEscalation: (error) => escalations.push(error) })
  const system = world.system(0)
  const causes: string[] = []
  const ref = spawnActor<Note>(
    system,
    () => {
      throw new Error('as told')
    },
    { supervision: { ...rule, directive }, onStop: (_ctx, _state, cause) => causes.push(cause) },
  )
  const fail = () => {
    system.tell(ref, { kind: 'note', text: 'x' })
    world.advance(1_000)
  }
  return { system, escalations, causes, fail }
}

t.test('one restart too many without calm between escalates', async (t) => {
  const { system, escalations, causes, fail } = stage('restart')
  fail()
  fail()
  t.same([escalations.length, system.stats().actors], [0, 1])
  fail()
  t.match(escalations, [{ message: 'actor test failed for good: as told', cause: { message: 'as told' } }])
  t.same(causes, ['restarting', 'restarting', 'failed'])
  t.equal(system.stats().actors, 0)
})

t.test('calm between failures keeps an actor from escalating', async (t) => {
  const world = new World({ seed: 1, onEscalation: (error) => t.fail(error.message) })
  const system = world.system(0)
  const ref = spawnActor<Note>(
    system,
    () => {
      throw new Error('as told')
    },
    { supervision: rule },
  )
  for (let n = 0; n < 10; n++) {
    system.tell(ref, { kind: 'note', text: 'x' })
    world.advance(rule.calmMs + 100)
  }
  t.same(system.stats().failures, { test: 10 })
})

t.test('an actor that must not fail escalates at once', async (t) => {
  const { escalations, fail } = stage('escalate')
  fail()
  t.equal(escalations.length, 1)
})

t.test('unless somebody takes it, an escalation is thrown, which ends the thread', async (t) => {
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const ref = spawnActor<Note>(
    system,
    () => {
      throw new Error('as told')
    },
    { supervision: { ...rule, directive: 'escalate' } },
  )
  system.tell(ref, { kind: 'note', text: 'x' })
  t.throws(() => world.settle(), { message: 'actor test failed for good: as told' })
})
