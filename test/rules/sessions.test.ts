import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { LEAVING_MAX_MS, Sessions } from '../../src/rules/shard/sessions.js'
import { Decided, login, policyOf } from './shard-support.js'

const GRACE_MS = 100

function sessions({ policy = 1, areSeatsUsed = false }: { policy?: 0 | 1; areSeatsUsed?: boolean } = {}) {
  return new Sessions({ nodeId: 'node-1', graceMs: GRACE_MS, policy: policyOf(policy), areSeatsUsed })
}

/** Sessions of ann's logins on one platform, each with the number that the store gave it. */
function withNumbers(decided: Decided, numbers: Record<number, number | undefined>) {
  const here = sessions()
  for (const [key, number] of Object.entries(numbers)) {
    here.connect('ann', login(Number(key)), number, decided.out)
  }
  decided.take()
  return here
}

t.test(
  'the first connection of a platform changes what is shown, a second one only needs its number',
  async (t) => {
    const decided = new Decided()
    const here = sessions()
    here.connect('ann', login(1), undefined, decided.out)
    t.same(decided.take(), [{ kind: 'shownChanged', userIds: ['ann'] }])
    here.connect('ann', login(2), undefined, decided.out)
    t.same(decided.take(), [{ kind: 'assertSoon', userIds: ['ann'] }])
    here.connect('ann', { ...login(2), background: true }, 7, decided.out)
    t.same(decided.take(), [{ kind: 'assertSoon', userIds: ['ann'] }], 'known, and still one waits')
    here.askNumbers('ann')
    here.connect('ann', login(2), undefined, decided.out)
    t.same(decided.take(), [], 'a report of what is known is no news')
  },
)

t.test('a login that gets its number is told so after the earlier ones were kicked', async (t) => {
  const decided = new Decided()
  const here = withNumbers(decided, { 1: undefined, 2: undefined })
  here.askNumbers('ann')
  const newcomers = here.recorded('ann', 9, decided.out)
  t.same(
    newcomers.map(({ key }) => key),
    [1, 2],
  )
  t.same(decided.take(), [
    { kind: 'signal', key: 1, order: { kind: 'numbered', login: 9 } },
    { kind: 'signal', key: 1, order: { kind: 'kick', by: 8 } },
    { kind: 'signal', key: 2, order: { kind: 'numbered', login: 9 } },
  ])
})

t.test(
  'without an answer of the store a login removes those before it by no number, and keeps waiting',
  async (t) => {
    const decided = new Decided()
    const here = withNumbers(decided, { 1: 5, 2: undefined })
    here.askNumbers('ann')
    here.unrecorded('ann', decided.out)
    t.same(decided.take(), [{ kind: 'signal', key: 1, order: { kind: 'kick', by: 0 } }])
    t.equal(here.isWaiting('ann'), true)
  },
)

t.test(
  'a broken connection is shown for the grace, and watchers hear when the store has recorded the end',
  async (t) => {
    const decided = new Decided()
    const here = withNumbers(decided, { 1: 5 })
    here.disconnect('ann', 1, false, 1_000, decided.out)
    t.same(decided.take(), [{ kind: 'arm', due: { timer: 'grace' }, delayMs: GRACE_MS }])
    t.same(here.shownPlatforms('ann'), [Platform.Android])
    t.equal(here.isAnyInGrace, true)

    here.graceDue(1_000 + GRACE_MS, decided.out)
    t.same(decided.take(), [
      { kind: 'arm', due: { timer: 'leaving' }, delayMs: LEAVING_MAX_MS },
      { kind: 'assertSoon', userIds: ['ann'] },
    ])
    here.settled(['bob', 'ann'], decided.out)
    t.same(decided.take(), [{ kind: 'tellWatchers', userIds: ['ann'] }])
    here.settled(['ann'], decided.out)
    t.same(decided.take(), [], 'once')
    t.equal(here.forgetIfGone('ann'), true)
  },
)

t.test('watchers hear of the end without the store after a while, each user after their own', async (t) => {
  const decided = new Decided()
  const here = withNumbers(decided, { 1: 5 })
  here.connect('bob', login(2), 5, decided.out)
  here.disconnect('ann', 1, false, 0, decided.out)
  here.graceDue(GRACE_MS, decided.out)
  here.disconnect('bob', 2, false, GRACE_MS, decided.out)
  here.graceDue(2 * GRACE_MS, decided.out)
  decided.take()
  here.leavingDue(GRACE_MS + LEAVING_MAX_MS, decided.out)
  t.same(decided.take(), [
    { kind: 'arm', due: { timer: 'leaving' }, delayMs: GRACE_MS },
    { kind: 'tellWatchers', userIds: ['ann'] },
  ])
  here.leavingDue(2 * GRACE_MS + LEAVING_MAX_MS, decided.out)
  t.same(decided.take(), [{ kind: 'tellWatchers', userIds: ['bob'] }])
})

t.test('while the store fails a grace lasts a little longer, and not for ever', async (t) => {
  const decided = new Decided()
  const here = withNumbers(decided, { 1: 5 })
  here.disconnect('ann', 1, false, 0, decided.out)
  decided.take()
  for (let nowMs = GRACE_MS; nowMs < GRACE_MS + 5_000; nowMs += 1_000) {
    here.storeFailed(nowMs)
    here.graceDue(nowMs, decided.out)
    t.match(decided.take(), [{ kind: 'arm', due: { timer: 'grace' } }])
  }
  here.graceDue(GRACE_MS + 5_000, decided.out)
  t.match(decided.takeOf('assertSoon'), [{ userIds: ['ann'] }])
})

t.test('where seats are used the store hears of every connection that goes', async (t) => {
  for (const areSeatsUsed of [false, true]) {
    const decided = new Decided()
    const here = sessions({ policy: 0, areSeatsUsed })
    for (const key of [1, 2]) here.connect('ann', { ...login(key), seat: `2/x.${key}` }, 5, decided.out)
    decided.take()
    here.disconnect('ann', 2, true, 0, decided.out)
    t.same(decided.take(), areSeatsUsed ? [{ kind: 'assertSoon', userIds: ['ann'] }] : [])
    t.same(here.seatsOf('ann'), ['2/x.1'])
  }
})

t.test(
  'an eviction returns the removed logins, those that stay, and whether a login without a number may be concerned',
  async (t) => {
    const decided = new Decided()
    const here = sessions({ policy: 0 })
    here.connect('ann', login(1, 'T', Platform.Android), 5, decided.out)
    here.connect('ann', login(2, 'U', Platform.IOS), 7, decided.out)
    here.connect('ann', login(3, 'V', Platform.Web), undefined, decided.out)
    decided.take()
    const result = here.evict({ userId: 'ann', before: 6 }, decided.out)
    t.match(result, { gone: 1, isWaiting: true })
    t.same(
      result.left.map(({ platformId, nodeId }) => [platformId, nodeId]),
      [
        [Platform.IOS, 'node-1'],
        [Platform.Web, 'node-1'],
      ],
    )
    t.same(decided.take(), [{ kind: 'signal', key: 1, order: { kind: 'kick', by: 6 } }])

    const { connectionId } = result.left[1]!
    const byName = here.evict({ userId: 'ann', before: ADMIN_KICK, connectionId }, decided.out)
    t.match(byName, { gone: 1, left: [{ platformId: Platform.IOS }], isWaiting: false })
    const stranger = here.evict(
      { userId: 'ann', before: ADMIN_KICK, connectionId: 'node-2~1~x' },
      decided.out,
    )
    t.match(
      stranger,
      { gone: 0, left: [{ platformId: Platform.IOS }], isWaiting: false },
      'nobody has that name',
    )
  },
)

t.test(
  'a kicked token ends earlier logins, is vouched for by later ones, and waits for the others',
  async (t) => {
    const decided = new Decided()
    const here = sessions({ policy: 0 })
    here.connect('ann', login(1, 'T'), 5, decided.out)
    here.connect('ann', login(2, 'T'), 9, decided.out)
    here.connect('ann', login(3, 'U'), 1, decided.out)
    decided.take()
    const kicked = { userId: 'ann', platformId: Platform.Android, tokens: ['T'], by: 7 }
    t.equal(here.kickTokens(kicked, decided.out), false)
    t.same(decided.take(), [
      { kind: 'signal', key: 1, order: { kind: 'kick', by: 7 } },
      { kind: 'signal', key: 2, order: { kind: 'vouch', login: 9 } },
    ])
    here.connect('ann', login(4, 'T'), undefined, decided.out)
    t.equal(here.kickTokens(kicked, decided.out), true, 'one has no number')
    decided.take()
    t.equal(here.kickTokens({ ...kicked, by: ADMIN_KICK }, decided.out), false)
    t.same(
      decided.takeOf('signal').map(({ key, order }) => [key, order.kind]),
      [
        [2, 'kick'],
        [4, 'kick'],
      ],
    )
  },
)

t.test(
  'what was asserted before a restart is shown for the grace where no connection has come back',
  async (t) => {
    const decided = new Decided()
    const here = withNumbers(decided, { 1: 5 })
    here.rebuild(
      [
        { userId: 'ann', platformIds: [Platform.Android] },
        { userId: 'bob', platformIds: [Platform.Web] },
      ],
      1_000,
      decided.out,
    )
    t.same(decided.take(), [{ kind: 'arm', due: { timer: 'grace' }, delayMs: GRACE_MS }])
    t.same([here.shownPlatforms('ann'), here.shownPlatforms('bob')], [[Platform.Android], [Platform.Web]])
    here.graceDue(1_000 + GRACE_MS, decided.out)
    t.match(decided.takeOf('assertSoon'), [{ userIds: ['bob'] }])
  },
)
