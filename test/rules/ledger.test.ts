import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { Ledger } from '../../src/rules/presence/ledger.js'

const assertion = (...platformIds: number[]) => ({ userId: 'ann', platformIds, versionSeen: 0 })
const ANN = { userId: 'ann', platformIds: [Platform.IOS] }

t.test('a user is held from the moment that it is asserted until its withdrawal is recorded', async (t) => {
  const ledger = new Ledger()
  ledger.sent(assertion(Platform.IOS))
  t.same(ledger.users(), [ANN])
  const withdrawal = assertion()
  ledger.sent(withdrawal)
  t.same(ledger.users(), [ANN], 'the store may never hear of it')
  ledger.recorded(withdrawal)
  t.same([ledger.users(), ledger.size], [[], 0])
})

t.test('a late answer to a withdrawal does not take away a user who was asserted after it', async (t) => {
  const ledger = new Ledger()
  ledger.sent(assertion(Platform.Web))
  const withdrawal = assertion()
  ledger.sent(withdrawal)
  ledger.sent(assertion(Platform.IOS))
  ledger.recorded(withdrawal)
  t.same(ledger.users(), [ANN])
})

t.test('of two withdrawals the last one counts', async (t) => {
  const ledger = new Ledger()
  ledger.sent(assertion(Platform.IOS))
  const [first, second] = [assertion(), assertion()]
  ledger.sent(first)
  ledger.sent(second)
  ledger.recorded(first)
  t.same(ledger.users(), [ANN])
  ledger.recorded(second)
  t.same(ledger.users(), [])
})
