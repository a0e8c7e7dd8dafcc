import fc from 'fast-check'
import t from 'tap'
import { HandshakeThrottle } from '../../src/doors/websocket/handshake-throttle.js'

t.test('as many as the rate says come in, however many knock', async (t) => {
  const throttle = new HandshakeThrottle(100, 0)
  const perSecond: number[] = []
  for (let second = 0; second < 5; second++) {
    let admitted = 0
    for (let n = 0; n < 1_000; n++) if (throttle.admit(second * 1_000 + n) === 0) admitted++
    perSecond.push(admitted)
  }
  t.ok(perSecond[0]! >= 199 && perSecond[0]! <= 200, 'those of a quiet second, and those of this one')
  for (const admitted of perSecond.slice(1)) t.ok(admitted >= 99 && admitted <= 101)
})

t.test('refused clients are told to retry at the same rate, within a minute', async (t) => {
  const throttle = new HandshakeThrottle(10, 0)
  for (let n = 0; n < 10; n++) t.equal(throttle.admit(0), 0)
  const waits = Array.from({ length: 1_000 }, () => throttle.admit(0))
  t.same(waits.slice(0, 3), [1_100, 1_200, 1_300])
  t.equal(Math.max(...waits), 60_000)
})

t.test('a login that retries when it was told to is let in, where no other comes', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 400 }), (perSecond, clients) => {
      const throttle = new HandshakeThrottle(perSecond, 0)
      const queue = Array.from({ length: clients }, () => ({ dueMs: 0, tries: 0 }))
      while (queue.length > 0) {
        queue.sort((a, b) => a.dueMs - b.dueMs)
        const client = queue.shift()!
        const waitMs = throttle.admit(client.dueMs)
        if (waitMs === 0) continue
        if (waitMs < 60_000 && ++client.tries > 1) throw new Error('turned away twice')
        client.dueMs += waitMs
        queue.push(client)
      }
    }),
  )
})
