import t from 'tap'
import { refKey, refTo } from '../../src/runtime/ref.js'
import { mulberry32, World } from '../../src/runtime/testkit/world.js'
import { spawnActor } from './support.js'

interface Ball {
  kind: 'ball'
  n: number
}

/** Three systems that throw balls at each other at random; the history is who heard what, when. */
function play(seed: number): string[] {
  const world = new World({ seed, linkDelayMs: (random) => random * 20 })
  const systems = [world.system(0), world.system(1), world.system(2)]
  const history: string[] = []
  const players = systems.map((system) =>
    spawnActor<Ball>(system, (ctx, { n }) => {
      history.push(`${ctx.self.thread} heard ${n} at ${ctx.nowMs()}`)
      const next = players[Math.floor(ctx.random() * 3)]!
      if (n > 0) ctx.tell(next, { kind: 'ball', n: n - 1 })
    }),
  )
  world.link(systems[0]!, systems[1]!)
  world.link(systems[1]!, systems[2]!)
  world.link(systems[0]!, systems[2]!)
  for (const player of players) systems[0]!.tell(player, { kind: 'ball', n: 50 })
  world.advance(10_000)
  return history
}

t.test('the same seed gives the same history, another seed another', async (t) => {
  const history = play(7)
  t.equal(history.length, 153)
  t.same(play(7), history)
  t.not(play(8).join(), history.join())
})

t.test('frames of one link arrive in the order they were sent, whatever their delays', async (t) => {
  const delays = [50, 10, 30, 0]
  const world = new World({ seed: 1, linkDelayMs: () => delays.shift() ?? 0 })
  const [a, b] = [world.system(0), world.system(1)]
  world.link(a, b)
  const heard: string[] = []
  const ref = spawnActor<Ball>(b, (ctx, { n }) => heard.push(`${n}@${ctx.nowMs()}`))
  for (let n = 0; n < 4; n++) {
    a.tell(ref, { kind: 'ball', n })
    world.advance(1)
  }
  world.advance(100)
  t.same(heard, ['0@50', '1@50', '2@50', '3@50'])
})

t.test('time stands still until it is advanced, and callbacks see the time they were due', async (t) => {
  const world = new World({ seed: 1 })
  const seen: number[] = []
  const takeBack = world.environment.wake(10, () => seen.push(-1))
  world.environment.wake(20, () => seen.push(world.nowMs))
  world.environment.wake(5, () => seen.push(world.nowMs))
  takeBack()
  world.settle()
  t.same(seen, [])
  world.advance(100)
  t.same([seen, world.nowMs], [[5, 20], 100])
})

t.test('the seeded generator is uniform in [0, 1) and starts with its known values', async (t) => {
  const random = mulberry32(42)
  const first = [random(), random(), random()].map((value) => value.toFixed(6))
  t.same(first, ['0.601104', '0.448291', '0.852466'])
  const tenths = new Array<number>(10).fill(0)
  for (let n = 0; n < 100_000; n++) tenths[Math.floor(random() * 10)]!++
  t.ok(
    tenths.every((count) => count > 9_500 && count < 10_500),
    tenths.join(),
  )
})

t.test('addresses of different incarnations and threads have different keys', async (t) => {
  const keys = new Set<number>()
  const incarnations = 512
  for (let incarnation = 0; incarnation < incarnations; incarnation++) {
    for (let thread = 0; thread < 8; thread++) {
      const world = new World({ seed: 1 })
      keys.add(refKey(spawnActor(world.system(thread, incarnation), () => {})))
    }
  }
  keys.add(refKey(refTo(0, 1)))
  t.equal(keys.size, incarnations * 8 + 1)
})
