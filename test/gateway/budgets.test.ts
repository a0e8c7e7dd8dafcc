import t from 'tap'
import { FrameBudget, frameLimits } from '../../src/doors/websocket/frame-budget.js'
import { RequestBudget, weightOfBytes, weightOfElements } from '../../src/doors/websocket/request-budget.js'

t.test('a socket may send so many frames and bytes in a second, and again in the next', async (t) => {
  const limits = { framesPerS: 10, bytesPerS: 1_000 }
  const budget = new FrameBudget()
  for (const second of [5_000, 6_000]) {
    for (let n = 0; n < 10; n++) t.equal(budget.take(limits, 100, second + n), undefined)
    t.equal(budget.take(limits, 0, second + 999), 'frames')
  }
  t.equal(budget.take(limits, 1_001, 7_000), 'bytes')
})

t.test('its limits leave room for what the connection itself answers, and for a full list', async (t) => {
  const limits = frameLimits({ requestsPerSMax: 100, messageBytesMax: 1_048_576 })
  t.ok(limits.framesPerS >= 300, 'a flood is closed at twice the rate, with a close frame')
  t.ok(limits.bytesPerS >= 2 * 1_048_576)
})

t.test('requests are counted, and what one weighs is waited for by the next ones', async (t) => {
  const limits = { requestsPerSMax: 10, watchesPerConnectionMax: 1_000 }
  t.same(
    [weightOfBytes(16_383), weightOfBytes(32_768), weightOfElements(99), weightOfElements(1_000)],
    [0, 2, 0, 10],
  )
  const budget = new RequestBudget(limits, 0)
  // A full list of 1,000 weighs 5 for its bytes and 10 for its users.
  for (let lists = 0; lists < 3; lists++) {
    t.equal(budget.take(0), true, `list ${lists}: two at once are in order, and one may be begun`)
    budget.charge(15, 0)
  }
  t.equal(budget.take(0), false)
  t.equal(budget.take(1_400), false)
  t.equal(budget.take(1_500), true, 'ten of weight a second')
  t.equal(budget.isFlooded, false)
  for (let n = 0; n < 20; n++) budget.take(1_500)
  t.equal(budget.isFlooded, true)
})
