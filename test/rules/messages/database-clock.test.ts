/** What is known of the clock of the database, however slow its answers are and whatever becomes of either clock. */
import fc from 'fast-check'
import t from 'tap'
import { betterReading, type ClockReading, readingOf } from '../../../src/rules/messages/database-clock.js'

/** Clocks part by less than the rule allows. */
const DRIFT = 0.0004
const ALLOWED = 0.0005

const question = fc.record({
  pauseMs: fc.integer({ min: 1, max: 300_000 }),
  outMs: fc.double({ min: 0, max: 3_000, noNaN: true }),
  backMs: fc.double({ min: 0, max: 3_000, noNaN: true }),
})

t.test('a reading is never wrong by more than it says', async () => {
  const drawn = fc.record({
    aheadMs: fc.integer({ min: -1e12, max: 1e12 }),
    drift: fc.double({ min: -DRIFT, max: DRIFT, noNaN: true }),
    questions: fc.array(question, { minLength: 1, maxLength: 20 }),
  })
  fc.assert(
    fc.property(drawn, ({ aheadMs, drift, questions }) => {
      const databaseAt = (steadyMs: number) => steadyMs * (1 + drift) + aheadMs
      let steadyMs = 0
      let held: ClockReading | undefined
      for (const { pauseMs, outMs, backMs } of questions) {
        const askedMs = steadyMs + pauseMs
        steadyMs = askedMs + outMs + backMs
        held = betterReading(
          held,
          readingOf({ askedMs, answeredMs: steadyMs, databaseMs: databaseAt(askedMs + outMs) }),
        )
        const wrongMs = Math.abs(steadyMs + held.offsetMs - databaseAt(steadyMs))
        const allowedMs = held.errorMs + ALLOWED * (steadyMs - held.atMs + 2 * held.errorMs) + 0.01
        if (wrongMs > allowedMs) throw new Error(`${wrongMs} ms wrong, ${allowedMs} said`)
        // A slow answer never makes it worse than the quick one before it, but for what drift may have done.
        const freshErrorMs = (outMs + backMs) / 2
        if (held.errorMs > freshErrorMs + 1e-9) throw new Error('the quicker answer was not taken')
      }
    }),
  )
})

const at = (atMs: number, offsetMs: number, errorMs: number): ClockReading => ({ atMs, offsetMs, errorMs })

t.test('of a few answers the quickest counts, and it is believed less the older it is', async (t) => {
  const quick = at(1_000, 500, 1)
  t.equal(betterReading(undefined, quick), quick)
  t.equal(betterReading(quick, at(2_000, 520, 50)), quick)
  const quicker = at(2_000, 500.2, 0.5)
  t.equal(betterReading(quick, quicker), quicker)
  const later = at(200_000, 530, 50)
  t.equal(betterReading(quick, later), later)
})

t.test('a clock that was set is followed at once, forward and back', async (t) => {
  const held = at(1_000, 500, 1)
  for (const offsetMs of [3_600_000, -3_600_000]) {
    const set = at(2_000, offsetMs, 50)
    t.equal(betterReading(held, set), set)
  }
})
