/** Sequences on which the two stores once differed, and which outcome is right. */
import t from 'tap'
import { Platform } from '../../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../../src/rules/logins/eviction.js'
import { embeddedWorld } from './embedded-world.js'
import { Twins } from './play.js'
import { redisWorld } from './redis-world.js'
import type { Step } from './steps.js'
import { START_S } from './world.js'

const [N1, , N2, N3] = [0, 1, 2, 3]
/** Places in the list of holders. */
const [GHOST, FIRST_OF_N3] = [0, 3]
const WEEK_S = 7 * 86_400
const ann = { userId: 'ann', platformId: Platform.IOS }

const redis = await redisWorld()
t.teardown(() => redis.stop())
const twins = new Twins(embeddedWorld(), redis)

/** What the last step came to, on both sides. */
async function last(...steps: Step[]): Promise<unknown> {
  return (await twins.play(steps)).at(-1)
}

const pass = (seconds: number): Step => ({ does: 'pass', seconds })

function holds(slot: number, platformIds: number[], seen: 'none' | 'latest' = 'latest'): Step {
  return { does: 'assert', slot, users: [{ userId: 'ann', platformIds, seen, isLogin: false }] }
}

function renews(slot: number, suspectsOf: 'none' | 'last' = 'none', unregistered: number[] = []): Step {
  return { does: 'renew', slot, knows: false, suspectsOf, unregistered, keepsPrevious: false, sweeps: false }
}

t.test('a record that has expired is nothing to sweep', async (t) => {
  t.equal(await last(holds(N3, [5]), pass(60), { does: 'sweep', slot: N1, which: FIRST_OF_N3 }), 0)
})

t.test('a process that comes after a week has no earlier incarnations', async (t) => {
  const holder = `n1#${(START_S + WEEK_S) * 1_000}`
  t.same(await last(pass(WEEK_S), { does: 'open', slot: N1 }), { holder, previousIncarnations: [] })
})

t.test('several deaths in one renewal are one change of the registry', async (t) => {
  t.match(await last(pass(13), renews(N1), pass(30), renews(N1, 'last')), {
    registry: { version: (START_S + 43) * 1_000_000, dead: [{ holder: /^n2#/ }, { holder: /^n3#/ }] },
  })
})

t.test('the dead node that has waited longest is swept first', async (t) => {
  // The ghost waits for its next sweeper from 60 s on, the third node from 43 s on.
  const steps = [renews(N2, 'none', [GHOST]), pass(10), renews(N2), pass(10), renews(N2, 'last'), pass(41)]
  t.match(await last(...steps, renews(N2)), { toSweep: /^n3#/ })
})

t.test('tokens that are issued after all others were forgotten have a life of their own', async (t) => {
  const outcome = await last(
    { does: 'remember', slot: N1, ...ann, token: 't1', ttlS: 4_000 },
    // Something stays beside the tokens.
    { does: 'tokenState', slot: N1, ...ann, token: 't1' },
    { does: 'forget', slot: N1, ...ann, tokens: ['t1'] },
    { does: 'remember', slot: N1, ...ann, token: 't2', ttlS: 20 },
    pass(20),
    { does: 'tokenState', slot: N1, ...ann, token: 't2' },
  )
  t.equal(outcome, 'unknown')
})

t.test('a kick that is too old to be undone has no number that a login could outrank', async (t) => {
  const kick: Step[] = [
    { does: 'remember', slot: N1, ...ann, token: 't1', ttlS: 4_000 },
    { does: 'kick', slot: N1, ...ann, tokens: ['t1'], by: 10, ttlS: 20 },
  ]
  const asked: Step = { does: 'kickedBy', slot: N1, ...ann, token: 't1' }
  t.equal(await last(...kick, pass(19), asked), 10)
  t.equal(await last(...kick, pass(20), asked), ADMIN_KICK)
  t.equal(await last(...kick, pass(20), { does: 'tokenState', slot: N1, ...ann, token: 't1' }), 'kicked')
})

t.test('what is left of the union when all claims have expired is no change', async (t) => {
  const steps = [holds(N1, [1]), holds(N3, [2]), holds(N1, []), pass(20), holds(N2, [], 'none')]
  t.same(await last(...steps), [{ ok: true, userId: 'ann', version: 0 }])
})

t.test('the watch of one node does not cut that of another', async (t) => {
  const watching = [N1, N3].map((slot): Step => ({ does: 'watch', slot, userIds: ['ann'] }))
  // The first node hears of it, in both stores.
  await t.resolves(twins.play([...watching, pass(20), holds(N2, [1])]))
})
