import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { OpenLogin } from '../../src/rules/presence/roster.js'
import { LoginOrder, STASHED_MAX } from '../../src/rules/shard/login-order.js'
import type { Claim, PlatformId, Snapshot } from '../../src/rules/types.js'
import { Decided, login, policyOf } from './shard-support.js'

const [HERE, B, C] = ['node-1#4', 'node-2#1', 'node-3#1']
const HANDSHAKE_MS = 10_000

function order(): LoginOrder {
  return new LoginOrder({ nodeId: 'node-1', policy: policyOf(1), handshakeTimeoutMs: HANDSHAKE_MS })
}

function claimed(...claims: [PlatformId, string][]): Snapshot {
  const all: Claim[] = claims.map(([platformId, holder]) => ({ platformId, holder }))
  return { userId: 'ann', version: 9, claims: all, foreign: [] }
}

function open(key: number, number: number | undefined, token?: string, platformId?: PlatformId): OpenLogin {
  return { ...login(key, token, platformId), number }
}

const waiter = (id: number) => ({ kind: 'node' as const, holder: B!, id })
const nobodyLeft = { gone: 0, left: [], isWaiting: false }

t.test('a numbered login evicts on nodes with a claim in conflict, and on no others', async (t) => {
  const decided = new Decided()
  const claims = claimed([Platform.Android, HERE!], [Platform.Android, B!], [Platform.IOS, C!])
  order().recorded(claims, 9, [open(1, 9, 'T'), open(2, undefined, 'U')], [], decided.out)
  t.same(decided.take(), [
    {
      kind: 'evictElsewhere',
      to: B,
      eviction: { userId: 'ann', before: 9, platformIds: [Platform.Android], newcomer: 'T' },
    },
  ])
})

t.test('of several logins of one device only the last one evicts', async (t) => {
  const decided = new Decided()
  const logins = [open(1, 8, 'T'), open(2, 9, 'T')]
  order().recorded(claimed([Platform.Android, B!]), 9, logins, [], decided.out)
  t.match(decided.take(), [{ kind: 'evictElsewhere', to: B, eviction: { before: 9 } }])
})

t.test('an admin kick begins with the answer to an assertion that left after it', async (t) => {
  const decided = new Decided()
  const some = order()
  some.contest('ann')
  some.recorded(claimed([Platform.Android, B!]), 7, [], [], decided.out)
  t.same(decided.take(), [], 'that one had left before')
  t.equal(some.asking('ann'), true)
  some.unrecorded('ann')
  some.recorded(claimed([Platform.Android, B!]), 8, [], [], decided.out)
  t.same(decided.take(), [], 'it had failed')
  some.asking('ann')
  some.recorded(
    claimed([Platform.Android, HERE!], [Platform.Android, B!], [Platform.IOS, B!], [Platform.Web, C!]),
    9,
    [],
    [],
    decided.out,
  )
  t.same(decided.take(), [{ kind: 'holdersKnown', userId: 'ann', version: 9, holders: [B, C] }])
  t.same([some.isContested('ann'), some.asking('ann')], [false, false])
})

t.test('what concerns a login without a number is decided when the number comes, in order', async (t) => {
  const decided = new Decided()
  const some = order()
  const eviction = { userId: 'ann', before: 8, platformIds: [Platform.Android], newcomer: 'T' }
  const kicked = { userId: 'ann', platformId: Platform.Android, tokens: ['U'], by: 6 }
  some.evicted(waiter(1), eviction, { ...nobodyLeft, isWaiting: true }, [], decided.out)
  some.awaitNumber(kicked)
  t.same(decided.take(), [])
  some.recorded(claimed(), 9, [], [], decided.out)
  t.same(decided.take(), [
    { kind: 'evictHere', eviction, waiter: waiter(1) },
    { kind: 'kickTokensHere', kicked },
  ])
  some.recorded(claimed(), 10, [], [], decided.out)
  t.same(decided.take(), [], 'once')
})

t.test('no more than so much waits for a number, and nothing of a user who is gone', async (t) => {
  const decided = new Decided()
  const some = order()
  const kicked = { userId: 'ann', platformId: Platform.Android, tokens: ['U'], by: 6 }
  for (let n = 0; n <= STASHED_MAX; n++) some.awaitNumber(kicked)
  some.recorded(claimed(), 9, [], [], decided.out)
  t.equal(decided.take().length, STASHED_MAX)
  some.awaitNumber(kicked)
  some.forget('ann')
  some.recorded(claimed(), 10, [], [], decided.out)
  t.same(decided.take(), [])
})

t.test(
  'a login with a greater number answers an eviction with one of its own, before the answer',
  async (t) => {
    const decided = new Decided()
    const eviction = { userId: 'ann', before: 8, platformIds: [Platform.Android], newcomer: 'T' }
    const logins = [open(1, 7, 'old'), open(2, 9, 'new'), open(3, 10, 'web', Platform.Web)]
    order().evicted(waiter(5), eviction, { ...nobodyLeft, gone: 1 }, logins, decided.out)
    t.same(decided.take(), [
      {
        kind: 'evictElsewhere',
        to: B,
        eviction: { userId: 'ann', before: 9, platformIds: [Platform.Android], newcomer: 'new' },
      },
      { kind: 'answerEviction', to: B, id: 5, userId: 'ann', gone: 1, left: [] },
    ])
    order().evicted(waiter(6), { userId: 'ann', before: 8 }, nobodyLeft, logins, decided.out)
    t.same(
      decided.take().map(({ kind }) => kind),
      ['answerEviction'],
      'an admin is not contradicted',
    )
  },
)

t.test(
  'a login whose token was kicked on its way here is judged when it comes, for as long as one may be on its way',
  async (t) => {
    const decided = new Decided()
    const some = order()
    const kicked = { userId: 'ann', platformId: Platform.Android, tokens: ['T', 'U'], by: 6 }
    some.tokensKicked(kicked, 0)
    some.connected('T', decided.out)
    some.connected('other', decided.out)
    t.same(decided.take(), [{ kind: 'kickTokensHere', kicked }])
    some.tokensKicked({ ...kicked, tokens: ['V'] }, HANDSHAKE_MS)
    some.connected('T', decided.out)
    t.same(decided.take(), [])
  },
)
