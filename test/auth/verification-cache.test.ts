import t from 'tap'
import { type TokenVerdict, tokenExpiredError } from '../../src/auth/tokens.js'
import { VerificationCache } from '../../src/auth/verification-cache.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'

const START_MS = 1_700_000_000_000
const EXPIRES_AT_S = START_MS / 1000 + 60
const good = (userId: string): TokenVerdict => ({
  ok: true,
  userId,
  platformId: Platform.Web,
  expiresAtS: EXPIRES_AT_S,
})
const bad: TokenVerdict = {
  ok: false,
  errCode: WireCode.TokenUnknownError,
  errMsg: 'TokenUnknownError',
  errDlt: '',
}

/** A cache over a verifier that is answered by hand; tokens that begin with `bad` are. */
function setUp(max = 100) {
  const clock = { nowMs: START_MS }
  const keys = { generation: 1, refresh: (): Promise<void> | undefined => undefined }
  const verified: string[] = []
  const cache = new VerificationCache({
    max,
    keys,
    verify: async (token) => {
      verified.push(token)
      return token.startsWith('bad') ? bad : good(token)
    },
    nowMs: () => clock.nowMs,
  })
  const ask = (token: string) => cache.verify(token, tokenDigest(token))
  return { cache, ask, clock, keys, verified }
}

t.test('a token that was found good is good at once the next time', async (t) => {
  const { ask, verified } = setUp()
  const first = ask('u1')
  t.ok(first instanceof Promise)
  t.same(await first, good('u1'))
  t.same(ask('u1'), good('u1'), 'no promise')
  t.same(await ask('u2'), good('u2'), 'another token is another matter')
  t.same(verified, ['u1', 'u2'])
})

t.test('concurrent calls for one token share one verification', async (t) => {
  const { ask, verified } = setUp()
  const verdicts = await Promise.all([ask('u1'), ask('u1'), ask('u2'), ask('u1')])
  t.same(verdicts, [good('u1'), good('u1'), good('u2'), good('u1')])
  t.same(verified, ['u1', 'u2'])
})

t.test('a refusal is not kept', async (t) => {
  const { cache, ask, verified } = setUp()
  t.same(await ask('bad'), bad)
  t.same(await ask('bad'), bad)
  t.same(verified, ['bad', 'bad'])
  t.equal(cache.size, 0)
})

t.test('a verification that fails leaves nothing behind, and the next one starts anew', async (t) => {
  let isBroken = true
  const cache = new VerificationCache({
    max: 1,
    keys: { generation: 1, refresh: () => undefined },
    verify: async (token) => {
      if (isBroken) throw new Error('broken')
      return good(token)
    },
    nowMs: () => START_MS,
  })
  const asked = [cache.verify('u1', 'digest'), cache.verify('u1', 'digest')]
  for (const answer of asked) await t.rejects(answer as Promise<TokenVerdict>, /broken/)
  isBroken = false
  t.same(await cache.verify('u1', 'digest'), good('u1'))
})

t.test('a token that is kept expires at its second all the same, and is forgotten', async (t) => {
  const { cache, ask, clock } = setUp()
  await ask('u1')
  clock.nowMs = EXPIRES_AT_S * 1000 - 1
  t.same(ask('u1'), good('u1'))
  clock.nowMs++
  t.same(ask('u1'), tokenExpiredError())
  t.equal(cache.size, 0)
})

t.test('no more than the bound are kept, and the least recently used goes first', async (t) => {
  const { cache, ask, verified } = setUp(3)
  for (const token of ['u1', 'u2', 'u3']) await ask(token)
  t.same(ask('u1'), good('u1'))
  await ask('u4')
  t.equal(cache.size, 3)
  for (const token of ['u1', 'u3', 'u4']) t.notOk(ask(token) instanceof Promise, token)
  t.ok(ask('u2') instanceof Promise)
  for (let n = 0; n < 1_000; n++) await ask(`bad ${n}`)
  t.same(ask('u4'), good('u4'), 'bad tokens push nobody out')
  for (let n = 0; n < 1_000; n++) await ask(`user ${n}`)
  t.equal(cache.size, 3)
  t.equal(verified.length, 5 + 1_000 + 1_000)
})

t.test('when the keys changed, everything is verified again', async (t) => {
  const { ask, keys, verified } = setUp()
  await ask('u1')
  keys.generation++
  await ask('u1')
  t.same(verified, ['u1', 'u1'])
  t.same(ask('u1'), good('u1'))
})

t.test('a verdict by keys that changed meanwhile is not kept, nor given to later calls', async (t) => {
  const keys = { generation: 1, refresh: () => undefined }
  const answers: ((verdict: TokenVerdict) => void)[] = []
  const cache = new VerificationCache({
    max: 10,
    keys,
    verify: () => new Promise((resolve) => answers.push(resolve)),
    nowMs: () => START_MS,
  })
  const early = cache.verify('token', 'digest')
  keys.generation++
  const late = cache.verify('token', 'digest')
  answers[0]!(good('u1'))
  t.same(await early, good('u1'))
  t.equal(cache.size, 0)
  t.equal(cache.verify('token', 'digest'), late, 'who comes now waits for the later one')
  answers[1]!(bad)
  t.same(await late, bad)
  t.equal(cache.size, 0)

  const changing = cache.verify('token', 'digest')
  keys.generation++
  answers[2]!(good('u1'))
  await changing
  t.equal(cache.size, 0, 'nobody asked since the change, and still it is not kept')
})

t.test('what was cleared is not put back by a verification that was under way', async (t) => {
  const { cache, ask } = setUp()
  await ask('u1')
  const underWay = ask('u2')
  cache.clear()
  t.equal(cache.size, 0)
  t.same(await underWay, good('u2'))
  t.equal(cache.size, 0)
})

t.test('while the keys are looked at, nobody is answered from memory', async (t) => {
  const { ask, keys, verified } = setUp()
  await ask('u1')
  let looked = () => {}
  const looking = new Promise<void>((resolve) => {
    looked = resolve
  })
  keys.refresh = () => looking
  const answer = ask('u1')
  t.ok(answer instanceof Promise)
  keys.refresh = () => undefined
  keys.generation++
  looked()
  t.same(await answer, good('u1'))
  t.same(verified, ['u1', 'u1'])
})

t.test('a verdict is the same object for all, so nobody can change it', async (t) => {
  const { ask } = setUp()
  const verdict = (await ask('u1')) as { userId: string }
  t.throws(() => {
    verdict.userId = 'imAdmin'
  }, TypeError)
})
