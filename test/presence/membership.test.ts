/** Which nodes count, in whatever order the registry and word of mouth say so. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { Membership, type Registry } from '../../src/rules/cluster/membership.js'
import { GONE_CONFIRM_MS } from '../../src/rules/presence/watch-index.js'

const registry = (version: number, living: string[], dead: Registry['dead'] = []): Registry => ({
  version,
  living,
  dead,
})
const dead = (inMs = 0) => [{ holder: 'b#2', inMs }]

t.test('a death counts from the time that the registry says, once', async (t) => {
  const members = new Membership()
  t.same(members.learn(registry(1, ['a#1', 'b#2']), 0), [])
  t.same(members.learn(registry(2, ['a#1'], dead(500)), 1_000), [])
  t.equal(members.dueMs(), 1_500)
  t.same(members.expire(1_499), [])
  t.same(members.expire(1_500), ['b#2'])
  t.same(members.expire(9_000), [])
  t.equal(members.dueMs(), undefined)
})

t.test('a death that another node tells of counts at once; the registry is read again', async (t) => {
  const members = new Membership()
  members.learn(registry(1, ['a#1', 'b#2']), 0)
  t.equal(members.version, 1)
  t.same(members.applyGossip(dead(), 100), ['b#2'])
  t.equal(members.isGone('b#2'), true)
  t.equal(members.version, 0, 'whatever its version, it is to be told')
  t.same(members.learn(registry(2, ['a#1'], dead()), 200), [], 'heard already')
  t.equal(members.version, 2)
})

t.test('the registry has the last word on a death that was told', async (t) => {
  const members = new Membership()
  members.learn(registry(1, ['a#1', 'b#2']), 0)
  members.applyGossip(dead(), 100)
  t.equal(members.isRevivedBy(registry(3, ['a#1', 'b#2'])), true)
  members.learn(registry(3, ['a#1', 'b#2']), 200)
  t.equal(members.isGone('b#2'), false)
})

t.test('deaths that were not heard of are news, but not to a node that knows nothing yet', async (t) => {
  const members = new Membership()
  t.same(members.unknownDeaths(registry(1, ['a#1'], dead())), [])
  members.learn(registry(1, ['a#1', 'b#2']), 0)
  t.same(members.unknownDeaths(registry(2, ['a#1'], dead(70))), dead(70))
  members.applyGossip(dead(70), 0)
  t.same(members.unknownDeaths(registry(2, ['a#1'], dead(70))), [], 'heard already')
})

const heldBy = (...holders: string[]) => [
  {
    userId: 'ann',
    version: 1,
    claims: holders.map((holder) => ({ platformId: Platform.IOS, holder })),
    foreign: [],
  },
]

t.test(
  'a holder that is observed twice, long apart, and is in no registry, is unregistered; once',
  async (t) => {
    const members = new Membership()
    members.learn(registry(9_000_000, ['a#1'], dead()), 0)
    // Of an epoch that is later than what is known of the registry: it may have been entered since.
    const all = heldBy('a#1', 'b#2', 'c#3', 'd#9000')
    members.observe(members.unregisteredIn(all), 0)
    members.observe(members.unregisteredIn(all), GONE_CONFIRM_MS - 1)
    t.same(members.takeUnregistered(), [])
    members.observe(members.unregisteredIn(all), GONE_CONFIRM_MS)
    t.same(members.takeUnregistered(), ['c#3'])
    t.same(members.takeUnregistered(), [])
    members.observe(members.unregisteredIn(all), GONE_CONFIRM_MS + 1)
    t.same(members.takeUnregistered(), [], 'its time begins anew')
  },
)

t.test('a node that knows no registry yet takes no holder for unregistered', async (t) => {
  const members = new Membership()
  members.observe(members.unregisteredIn(heldBy('c#3')), 0)
  members.observe(members.unregisteredIn(heldBy('c#3')), GONE_CONFIRM_MS)
  t.same(members.takeUnregistered(), [])
})
