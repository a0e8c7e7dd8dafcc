import fc from 'fast-check'
import t from 'tap'
import { leaseTimes, RENEWALS_PER_LEASE } from '../../src/rules/cluster/lease-times.js'

t.test('times of any lease are whole milliseconds, and renewals on time make nobody a suspect', async (t) => {
  t.same(leaseTimes(10_000), {
    leaseMs: 10_000,
    suspectBelowMs: 6_000,
    renewalDueMs: 6_667,
    farthestEndMs: 30_000,
    sweepTurnMs: 20_000,
  })
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 600_000 }), (leaseMs) => {
      const times = leaseTimes(leaseMs)
      const leftOnTimeMs = leaseMs - leaseMs / RENEWALS_PER_LEASE
      const areWhole = Object.values(times).every(Number.isInteger)
      return areWhole && times.suspectBelowMs < leftOnTimeMs && times.renewalDueMs - leftOnTimeMs < 1
    }),
  )
})
