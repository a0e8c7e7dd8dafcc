import t from 'tap'
import { ThreadBeats } from '../../src/health/thread-beats.js'

const READY = [{ name: 'io-0', ready: true }]

/** A thread in the test's hands. */
function fakeThread() {
  const asked: ((parts: unknown) => void)[] = []
  const newLife = () => ({ parts: () => new Promise((resolve) => asked.push(resolve)) })
  let life: ReturnType<typeof newLife> | undefined = newLife()
  return {
    name: 'io-0',
    asked,
    life: () => {
      if (life === undefined) throw new Error('is being hosted anew')
      return life
    },
    end: () => {
      life = undefined
    },
    begin: () => {
      life = newLife()
    },
  }
}

t.test('a thread is silent from the question on that it owes an answer to', async (t) => {
  let nowMs = 0
  const thread = fakeThread()
  const beats = new ThreadBeats([thread], () => nowMs)
  t.teardown(() => beats.stop())
  const first = beats.parts()
  thread.asked.shift()!(READY)
  t.same(await first, READY)
  t.same(beats.silences(), [{ name: 'io-0', silentMs: 0 }])

  t.same(await beats.parts(), READY, 'what it said last, for a thread that is only busy')
  nowMs = 3_000
  const [part] = await beats.parts()
  t.match(part, { name: 'io-0', ready: false, missing: /does not answer: for 3 s/ })
  t.ok(Math.abs(Date.parse(part!.since!) - (Date.now() - 3_000)) < 2_000)
  t.equal(thread.asked.length, 1, 'it is not asked again')
  t.same(beats.silences(), [{ name: 'io-0', silentMs: 3_000 }])
  thread.asked.shift()!(READY)
  const again = beats.parts()
  thread.asked.shift()?.(READY)
  t.same(await again, READY)
})

t.test('what was asked of a life that ended is not waited for', async (t) => {
  let nowMs = 0
  const thread = fakeThread()
  const beats = new ThreadBeats([thread], () => nowMs)
  t.teardown(() => beats.stop())
  t.match((await beats.parts())[0], { ready: false, missing: /is starting/ })
  nowMs = 1_000
  thread.end()
  t.match((await beats.parts())[0], { ready: false, missing: /being hosted anew/ })
  t.same(beats.silences(), [{ name: 'io-0', silentMs: 0 }])
  nowMs = 2_000
  thread.begin()
  thread.asked.length = 0
  const now = beats.parts()
  t.equal(thread.asked.length, 1)
  thread.asked.shift()!(READY)
  t.same(await now, READY)
})
