import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { createRates, Rates } from '../../src/doors/websocket/rates.js'

const START_MS = 1_700_000_000_000
const MINUTE_MS = 60_000

/** Rates with a clock to turn. */
function setUp(perMinPerUser: number, perMinPerAddress = perMinPerUser, shared = createRates()) {
  const clock = { nowMs: START_MS }
  const rates = new Rates(
    shared,
    {
      loginsPerMinPerUser: perMinPerUser,
      loginsPerMinPerAddress: perMinPerAddress,
      requestsPerSPerUser: 10,
      newWatchesPerMinPerUser: perMinPerUser,
      sendsPerMinPerUser: perMinPerUser,
      addressPrefixV6: 64,
    },
    () => clock.nowMs,
  )
  return { rates, clock, shared }
}

/** How many of so many tries at once are let through. */
function passes(tries: number, take: () => number): number {
  let passed = 0
  for (let n = 0; n < tries; n++) if (take() === 0) passed++
  return passed
}

t.test('after a quiet minute, as many as the limit pass at once', async (t) => {
  // 7 and 999,999 do not divide a minute; from 60,000 on, several pass in a millisecond.
  for (const perMin of [1, 2, 7, 120, 60_000, 999_999]) {
    const { rates, clock } = setUp(perMin)
    t.equal(
      passes(perMin + 10, () => rates.loginOfUser('u1')),
      perMin,
      `${perMin} a minute`,
    )
    clock.nowMs += MINUTE_MS
    t.equal(
      passes(perMin + 10, () => rates.loginOfUser('u1')),
      perMin,
      `${perMin} a minute, again`,
    )
  }
})

t.test('then they pass evenly, and a refused client is told when to retry', async (t) => {
  const { rates, clock } = setUp(120)
  passes(120, () => rates.loginOfUser('u1'))
  t.equal(rates.loginOfUser('u1'), 500)
  clock.nowMs += 499
  t.equal(rates.loginOfUser('u1'), 1)
  clock.nowMs += 1
  t.equal(rates.loginOfUser('u1'), 0)
  t.equal(rates.loginOfUser('u1'), 500)
})

t.test('a limit of several in a millisecond is kept too', async (t) => {
  const { rates, clock } = setUp(3_000_000)
  passes(3_000_000, () => rates.loginOfAddress('10.0.0.1'))
  t.equal(rates.loginOfAddress('10.0.0.1'), 1)
  clock.nowMs += 3
  t.equal(
    passes(1_000, () => rates.loginOfAddress('10.0.0.1')),
    150,
  )
})

t.test('users and addresses have limits of their own, and each of them has one', async (t) => {
  const { rates } = setUp(1, 2)
  t.equal(rates.loginOfUser('x'), 0)
  t.not(rates.loginOfUser('x'), 0)
  t.equal(
    passes(5, () => rates.loginOfAddress('x')),
    2,
  )
  // The salt is chance: once in a while two of them share a bucket.
  const others = Array.from({ length: 50 }, (_, n) => `other ${n}`)
  t.ok(others.filter((userId) => rates.loginOfUser(userId) === 0).length > 45)
  t.ok(others.filter((address) => rates.loginOfAddress(address) === 0).length > 45)
})

const steps = fc.array(fc.oneof(fc.nat(50), fc.nat(5_000), fc.nat(100_000)), { maxLength: 200 })

t.test('one key is served as by a bucket that holds a minute of credit', async () => {
  const divisors = [1, 2, 3, 10, 60, 120, 600, 6_000, 60_000]
  fc.assert(
    fc.property(fc.constantFrom(...divisors), steps, (perMin, stepsMs) => {
      const { rates, clock } = setUp(perMin)
      const costMs = MINUTE_MS / perMin
      let creditMs = MINUTE_MS
      for (const stepMs of stepsMs) {
        clock.nowMs += stepMs
        creditMs = Math.min(MINUTE_MS, creditMs + stepMs)
        const waitMs = rates.loginOfUser('u1')
        if (waitMs !== Math.max(0, costMs - creditMs)) return false
        if (waitMs === 0) creditMs -= costMs
      }
      return true
    }),
  )
})

t.test('a login that waits as long as it is told is let in, and not a millisecond earlier', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), steps, (perMin, stepsMs) => {
      const { rates, clock } = setUp(perMin)
      for (const stepMs of [0, ...stepsMs]) {
        clock.nowMs += stepMs
        passes(perMin, () => rates.loginOfUser('u1'))
        const waitMs = rates.loginOfUser('u1')
        if (waitMs < 1 || waitMs > MINUTE_MS) return false
        clock.nowMs += waitMs - 1
        if (rates.loginOfUser('u1') === 0) return false
        clock.nowMs += 1
        if (rates.loginOfUser('u1') !== 0) return false
      }
      return true
    }),
    { numRuns: 30 },
  )
})

t.test('a clock that is set back locks nobody out for longer than an interval', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 600 }),
      fc.nat(600),
      fc.nat(10 * 86_400_000),
      (perMin, taken, backMs) => {
        const { rates, clock } = setUp(perMin)
        passes(taken, () => rates.loginOfUser('u1'))
        clock.nowMs -= backMs
        const waitMs = rates.loginOfUser('u1')
        if (waitMs > Math.ceil(MINUTE_MS / perMin)) return false
        clock.nowMs += waitMs
        if (waitMs > 0 && rates.loginOfUser('u1') !== 0) return false
        // Nor is anything given away: a minute's worth passes in the next minute, and what was left before.
        let passed = 0
        for (let n = 0; n < 60; n++) {
          clock.nowMs += 1_000
          passed += passes(perMin, () => rates.loginOfUser('u1'))
        }
        return passed <= 2 * perMin
      },
    ),
  )
})

t.test('threads whose clocks read a blink apart share one limit', async (t) => {
  const early = setUp(100)
  const late = setUp(100, 100, early.shared)
  late.clock.nowMs += 5
  const tries = Array.from({ length: 200 }, (_, n) => (n % 2 ? early : late).rates.loginOfUser('u1'))
  t.equal(tries.filter((waitMs) => waitMs === 0).length, 100)
})

t.test('months of quiet change nothing', async (t) => {
  const { rates, clock } = setUp(10)
  for (const days of [1, 25, 30, 49, 50, 1_000]) {
    clock.nowMs += days * 86_400_000
    t.equal(
      passes(20, () => rates.loginOfUser('u1')),
      10,
      `after ${days} days`,
    )
  }
})

t.test('two processes do not put the same users together', async (t) => {
  // Of 2,000 users in 65,536 buckets some 30 share one with another, in every process others.
  const sharing = () => {
    const { rates } = setUp(1)
    return Array.from({ length: 2_000 }, (_, n) => `user ${n}`).filter(
      (userId) => rates.loginOfUser(userId) > 0,
    )
  }
  const [first, second] = [sharing(), sharing()]
  t.ok(first.length > 0 && first.length < 200, `${first.length} share a bucket`)
  t.notSame(first, second)
})

t.test('threads at the same bucket let no more through than one would', async (t) => {
  const perMin = 20_000
  const shared = createRates()
  const gate = new SharedArrayBuffer(8)
  const module = new URL('../../src/doors/websocket/rates.js', import.meta.url).href
  const hammer = `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.module).then(({ Rates }) => {
      const { perMin, shared } = workerData
      const limits = {
        loginsPerMinPerAddress: perMin,
        loginsPerMinPerUser: perMin,
        requestsPerSPerUser: 1,
        newWatchesPerMinPerUser: 1,
        sendsPerMinPerUser: 1,
        addressPrefixV6: 64,
      }
      const rates = new Rates(shared, limits, () => ${START_MS})
      const gate = new Int32Array(workerData.gate)
      Atomics.add(gate, 0, 1)
      while (Atomics.load(gate, 0) < 2);
      let passed = 0
      for (let n = 0; n < perMin; n++) if (rates.loginOfUser('u1') === 0) passed++
      parentPort.postMessage(passed)
    })`
  const workers = [0, 1].map(
    () => new Worker(hammer, { eval: true, workerData: { module, perMin, shared, gate } }),
  )
  const passed = await Promise.all(
    workers.map(
      (worker) =>
        new Promise<number>((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        }),
    ),
  )
  t.equal(passed[0]! + passed[1]!, perMin, `${passed.join(' and ')}`)
})

t.test('what a request weighs is paid by the next ones, up to a period beyond the limit', async (t) => {
  const { rates, clock } = setUp(120)
  t.equal(rates.requestOfUser('u1'), 0)
  rates.chargeUser('u1', 9)
  t.equal(rates.requestOfUser('u1'), 100, 'ten of ten a second are used up')
  clock.nowMs += 100
  t.equal(rates.requestOfUser('u1'), 0, 'one has room')
  rates.chargeUser('u1', 5)
  t.equal(rates.requestOfUser('u1'), 600, 'what it weighed is owed')
  rates.chargeUser('u1', 1_000)
  t.equal(rates.requestOfUser('u1'), 1_100, 'but never for longer than a period')
  t.equal(rates.requestOfUser('u2'), 0, 'and by nobody else')
})

t.test('watches of a user are counted all or none', async (t) => {
  const { rates, clock } = setUp(1_000)
  t.equal(rates.watchesOfUser('u1', 900), 0)
  t.ok(rates.watchesOfUser('u1', 200) > 0)
  t.equal(rates.watchesOfUser('u1', 100), 0, 'those that were refused took nothing')
  clock.nowMs += MINUTE_MS
  t.equal(rates.watchesOfUser('u1', 1_000), 0)
})

t.test('messages of a user have a limit of their own', async (t) => {
  const { rates, clock } = setUp(2)
  t.equal(rates.loginOfUser('u1'), 0)
  t.equal(rates.watchesOfUser('u1', 2), 0)
  t.equal(
    passes(5, () => rates.sendOfUser('u1')),
    2,
  )
  t.equal(rates.sendOfUser('u1'), MINUTE_MS / 2)
  t.equal(rates.sendOfUser('u2'), 0)
  clock.nowMs += MINUTE_MS / 2
  t.equal(rates.sendOfUser('u1'), 0)
})
