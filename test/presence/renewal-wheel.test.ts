import fc from 'fast-check'
import t from 'tap'
import { shardOf } from '../../src/rules/placement.js'
import { RenewalWheel } from '../../src/rules/presence/renewal-wheel.js'
import type { UserId } from '../../src/rules/types.js'

/** Everybody who is due in one turn, oldest tick first. */
function turn(wheel: RenewalWheel, turnMs: number): UserId[][] {
  return Array.from({ length: Math.round(turnMs / wheel.tickMs) }, () => [...wheel.due()])
}

const userIds = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 200 })
const turns = fc.integer({ min: 1_000, max: 600_000 })

t.test('everybody is due exactly once in a turn, wherever it begins', async () => {
  fc.assert(
    fc.property(userIds, turns, fc.nat(50), (users, turnMs, ticksBefore) => {
      const wheel = new RenewalWheel(turnMs)
      for (let n = 0; n < ticksBefore; n++) wheel.due()
      for (const userId of users) wheel.add(userId)
      for (let n = 0; n < 3; n++) {
        if (turn(wheel, turnMs).flat().sort().join() !== [...users].sort().join()) return false
      }
      return true
    }),
  )
})

t.test('who is added twice is due once, who is removed is not due', async () => {
  fc.assert(
    fc.property(userIds, userIds, turns, (added, removed, turnMs) => {
      const wheel = new RenewalWheel(turnMs)
      for (const userId of [...added, ...added]) wheel.add(userId)
      for (const userId of removed) wheel.remove(userId)
      const left = added.filter((userId) => !removed.includes(userId))
      return turn(wheel, turnMs).flat().sort().join() === left.sort().join()
    }),
  )
})

t.test('the ticks of a turn make up the turn, about a second each and never fewer than eight', async (t) => {
  t.equal(new RenewalWheel(600_000).tickMs, 1_000)
  t.equal(new RenewalWheel(1_000).tickMs, 125)
  t.equal(new RenewalWheel(86_400_000).tickMs, 86_400_000 / 1_024)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000_000 }), (turnMs) => {
      const ticks = turnMs / new RenewalWheel(turnMs).tickMs
      return Math.abs(ticks - Math.round(ticks)) < 1e-6 && ticks >= 7.99 && ticks <= 4_096.01
    }),
  )
})

t.test('users who all came at once are spread evenly over the turn', async (t) => {
  const turnMs = 600_000
  const users = 60_000
  const wheel = new RenewalWheel(turnMs)
  for (let n = 0; n < users; n++) wheel.add(`user-${n}`)
  const counts = turn(wheel, turnMs).map((due) => due.length)
  const fair = users / counts.length
  const slack = 5 * Math.sqrt(fair)
  t.ok(
    counts.every((count) => Math.abs(count - fair) <= slack),
    `between ${Math.min(...counts)} and ${Math.max(...counts)} a tick, ${fair} on average`,
  )
})

t.test('the users of one shard are spread as evenly as all are', async (t) => {
  const turnMs = 600_000
  const wheel = new RenewalWheel(turnMs)
  let users = 0
  for (let n = 0; n < 240_000; n++) {
    if (shardOf(`user-${n}`, 8) !== 3) continue
    wheel.add(`user-${n}`)
    users++
  }
  const counts = turn(wheel, turnMs).map((due) => due.length)
  const fair = users / counts.length
  const worst = Math.max(...counts)
  t.ok(worst <= fair + 5 * Math.sqrt(fair), `at most ${worst} a tick, ${Math.round(fair)} on average`)
})
