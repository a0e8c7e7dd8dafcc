import t from 'tap'
import { Finds } from '../../src/rules/presence/finds.js'

t.test('what a message tells in time is no find, whether before or after it was read', async (t) => {
  const finds = new Finds()
  finds.read('ann', 10, 0)
  finds.heard('ann', 10)
  finds.read('bob', 10, 0)
  finds.heard('bob', 11)
  finds.heard('cid', 5)
  t.equal(finds.takeOverdue(60_000), 0)
})

t.test('what no message has told is a find, once, and not before a message would be late', async (t) => {
  const finds = new Finds()
  finds.read('ann', 10, 0)
  finds.heard('ann', 9)
  finds.read('bob', 10, 4_000)
  t.equal(finds.takeOverdue(4_999), 0)
  t.equal(finds.takeOverdue(5_000), 1)
  t.equal(finds.takeOverdue(8_999), 0)
  t.equal(finds.takeOverdue(9_000), 1)
  t.equal(finds.takeOverdue(60_000), 0)
})
