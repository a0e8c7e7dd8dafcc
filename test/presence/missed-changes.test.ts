import t from 'tap'
import { MissedChanges } from '../../src/rules/presence/missed-changes.js'

t.test('what a message tells in time is not missed, whether before or after it was read', async (t) => {
  const missed = new MissedChanges()
  missed.read('ann', 10, 0)
  missed.heard('ann', 10)
  missed.read('bob', 10, 0)
  missed.heard('bob', 11)
  missed.heard('cid', 5)
  t.equal(missed.takeOverdue(60_000), 0)
})

t.test('what no message has told is missed, once, and not before a message would be late', async (t) => {
  const missed = new MissedChanges()
  missed.read('ann', 10, 0)
  missed.heard('ann', 9)
  missed.read('bob', 10, 4_000)
  t.equal(missed.takeOverdue(4_999), 0)
  t.equal(missed.takeOverdue(5_000), 1)
  t.equal(missed.takeOverdue(8_999), 0)
  t.equal(missed.takeOverdue(9_000), 1)
  t.equal(missed.takeOverdue(60_000), 0)
})
