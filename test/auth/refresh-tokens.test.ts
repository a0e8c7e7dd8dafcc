import fc from 'fast-check'
import t from 'tap'
import type { Claims, TokenFault } from '../../src/auth/tokens.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { checkUserId } from '../../src/rules/user-id.js'
import { RefreshTokens, readRefreshToken } from '../../src/services/refresh-tokens.js'
import type { IssuedToken, TokenService } from '../../src/services/token-service.js'
import { FakeTokenStore, fakeService, NOW_MS } from './token-fakes.js'

const DAY_S = 86_400
const SETTINGS = { refreshTokenExpireDays: 30, accessTokenExpireMin: 60 }
const REFUSED = {
  ok: false,
  errCode: WireCode.TokenInvalidError,
  errMsg: 'TokenInvalidError',
  errDlt: 'the refresh token is not good',
}

const u1 = (platformId: number): Claims => ({ userId: 'u1', platformId })

/** Both tokens of an answer that has them. */
function tokensOf(issued: IssuedToken | TokenFault): { access: string; refresh: string } {
  if (!issued.ok || issued.refresh === undefined) throw new Error('no tokens')
  return { access: issued.token, refresh: issued.refresh.token }
}

async function login(service: TokenService, claims: Claims) {
  return tokensOf(await service.create(claims))
}

// The token itself

t.test('a refresh token names its user and platform, and is on record by digests alone', async (t) => {
  const store = new FakeTokenStore()
  const refreshes = new RefreshTokens(store, 7 * DAY_S)
  const text = await refreshes.make({ userId: 'zoë', platformId: Platform.HarmonyOS })
  t.match(text, /^em_Dqw\.11\.[A-Za-z0-9_-]{43}$/)
  t.same(readRefreshToken(text), { userId: 'zoë', platformId: Platform.HarmonyOS })
  t.equal(store.refreshes.get(`zoë 11 ${tokenDigest(text)}`), 7 * DAY_S)
  t.same(new Set(store.refreshes.values()), new Set([7 * DAY_S]))
  t.notMatch(JSON.stringify([...store.refreshes]), text.slice(-43))
  t.not(await refreshes.make({ userId: 'zoë', platformId: Platform.HarmonyOS }), text)
})

t.test('every user and platform can be read back from a refresh token', async (t) => {
  const refreshes = new RefreshTokens(new FakeTokenStore(), DAY_S)
  let read = 0
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', minLength: 1 }).filter((userId) => checkUserId(userId) === undefined),
      fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      async (userId, platformId) => {
        const claims = readRefreshToken(await refreshes.make({ userId, platformId }))
        read++
        return claims?.userId === userId && claims.platformId === platformId
      },
    ),
  )
  t.ok(read >= 100)
  const longest = 'x'.repeat(128)
  t.match(readRefreshToken(await refreshes.make({ userId: longest, platformId: Platform.IOS })), {
    userId: longest,
  })
})

t.test("what has not the form of a refresh token is nobody's", async (t) => {
  const random = 'A'.repeat(43)
  t.ok(readRefreshToken(`dTE.1.${random}`))
  const bad = [
    '',
    'x',
    `.1.${random}`,
    `dTE.0.${random}`,
    `dTE.01.${random}`,
    `dTE.-1.${random}`,
    `dTE.1.${random}A`,
  ]
  bad.push(
    `dTE.1.${random.slice(1)}`,
    `dTE.1.${random}\n`,
    ` dTE.1.${random}`,
    `dTE.1.${random}.x`,
    `d E.1.${random}`,
  )
  bad.push(`${Buffer.from('a:b').toString('base64url')}.1.${random}`)
  bad.push(`${Buffer.from('{a}').toString('base64url')}.1.${random}`)
  bad.push(`${Buffer.from('x'.repeat(129)).toString('base64url')}.1.${random}`)
  for (const text of bad) t.equal(readRefreshToken(text), undefined, text)
})

// Renewing

t.test('a refresh gives new tokens, uses the old one up, and leaves the device its connection', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, SETTINGS)
  const created = await service.create(u1(Platform.IOS))
  t.match(created, { ok: true, ttlS: 3_600, refresh: { ttlS: 30 * DAY_S } })
  const first = tokensOf(created)
  const renewed = await service.refresh(first.refresh)
  t.match(renewed, { ok: true, ttlS: 3_600, refresh: { ttlS: 30 * DAY_S } })
  const second = tokensOf(renewed)
  t.not(second.refresh, first.refresh)
  t.same(store.good('u1'), [first.access, second.access], 'the token of the open connection is not kicked')
  t.match(await service.check(second.access), { ok: true, ...u1(Platform.IOS) })
  t.same(await service.refresh(first.refresh), REFUSED)
  const third = tokensOf(await service.refresh(second.refresh))
  t.match(await service.check(third.access), { ok: true })
})

t.test('whatever is wrong with a refresh token, the answer is one', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, SETTINGS)
  const { refresh } = await login(service, u1(Platform.IOS))
  const recorded = store.records.size
  const [user, , random] = refresh.split('.')
  const refreshes = new RefreshTokens(store, DAY_S)
  const wrong = [
    'x',
    `${user}.5.${random}`,
    `${user}.1.${'A'.repeat(43)}`,
    `dTI.1.${random}`,
    // These are on record, but nobody may have them.
    await refreshes.make({ userId: 'imAdmin', platformId: Platform.IOS }),
    await refreshes.make(u1(10)),
    await refreshes.make(u1(99)),
  ]
  for (const text of wrong) t.same(await service.refresh(text), REFUSED, text)
  store.refreshes.clear()
  t.same(await service.refresh(refresh), REFUSED, 'expired in the store')
  t.equal(store.records.size, recorded, 'who has no good one writes nothing')
})

t.test('where refresh tokens are off, there are none', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, { refreshTokenExpireDays: 0 })
  t.match(await service.create(u1(Platform.IOS)), { ok: true, ttlS: 90 * DAY_S, refresh: undefined })
  t.match(await service.refresh('x'), {
    ok: false,
    errCode: WireCode.ArgsError,
    errDlt: 'refresh tokens are off',
  })
  t.equal(store.refreshes.size, 0)
})

t.test('renewals are bound by the maximum, which has room for the token before', async (t) => {
  const store = new FakeTokenStore()
  let nowMs = NOW_MS
  const service = fakeService(store, { ...SETTINGS, maxTokensPerPlatform: 1 }, { nowMs: () => nowMs })
  const tokens = [await login(service, u1(Platform.IOS))]
  for (let count = 0; count < 3; count++) {
    nowMs += 60_000
    tokens.push(tokensOf(await service.refresh(tokens.at(-1)!.refresh)))
    t.same(
      store.good('u1'),
      tokens.slice(-2).map(({ access }) => access),
    )
  }
})

t.test(
  'a login elsewhere leaves a device both of its tokens; one that takes its place ends its refresh',
  async (t) => {
    const store = new FakeTokenStore()
    const service = fakeService(store, { ...SETTINGS, loginPolicy: 1 })
    const first = await login(service, u1(Platform.IOS))
    const second = tokensOf(await service.refresh(first.refresh))
    const web = await login(service, u1(Platform.Web))
    t.same(store.good('u1'), [first.access, second.access, web.access])
    const next = await login(service, u1(Platform.IOS))
    t.same(store.good('u1'), [web.access, next.access])
    t.same(await service.refresh(second.refresh), REFUSED)
    t.ok((await service.refresh(web.refresh)).ok)
    t.ok((await service.refresh(next.refresh)).ok)
  },
)

t.test('a logout ends the refresh tokens of its platforms', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, SETTINGS)
  const [ios, ipad, web] = [
    await login(service, u1(Platform.IOS)),
    await login(service, u1(Platform.IPad)),
    await login(service, u1(Platform.Web)),
  ]
  await service.forceLogout('u1', Platform.IOS)
  t.same(await service.refresh(ios!.refresh), REFUSED)
  await service.invalidate('u1', Platform.IPad, ipad!.access)
  t.same(await service.refresh(ipad!.refresh), REFUSED)
  const renewed = tokensOf(await service.refresh(web!.refresh))
  await service.forceLogout('u1')
  t.same(await service.refresh(renewed.refresh), REFUSED)
  t.equal(store.refreshes.size, 0)
})

// At once

/** A service whose calls to the store come in an order that the scheduler draws, once `start` was called. */
function scheduled(scheduler: fc.Scheduler, settings: Parameters<typeof fakeService>[1]) {
  let isStarted = false
  const store = new FakeTokenStore(async (call) => {
    if (isStarted) await scheduler.schedule(Promise.resolve(), call)
  })
  const start = () => {
    isStarted = true
  }
  return { store, start, service: fakeService(store, { ...SETTINGS, ...settings }) }
}

t.test('of callers with one refresh token, one gets new ones', async (t) => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const { store, start, service } = scheduled(scheduler, {})
      const { access, refresh } = await login(service, u1(Platform.IOS))
      start()
      const calls = [1, 2, 3].map(() => service.refresh(refresh))
      const outcomes = await scheduler.waitFor(Promise.all(calls))
      runs++
      const winners = outcomes.filter(({ ok }) => ok).map(tokensOf)
      return winners.length === 1 && store.good('u1').join() === [access, winners[0]!.access].join()
    }),
  )
  t.ok(runs >= 100)
})

t.test('no refresh slips through a forced logout at the same time', async (t) => {
  const won = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const { store, start, service } = scheduled(scheduler, {})
      const { refresh } = await login(service, u1(Platform.IOS))
      start()
      const both = Promise.all([service.refresh(refresh), service.forceLogout('u1', Platform.IOS)])
      const [renewed] = await scheduler.waitFor(both)
      won[renewed.ok ? 1 : 0]!++
      return store.good('u1').length === 0 && store.refreshes.size === 0
    }),
    { numRuns: 500 },
  )
  t.ok(won[0]! > 10 && won[1]! > 10, `${won} refreshes were refused and let through`)
})

t.test('no refresh of a device slips through the login that takes its place', async (t) => {
  const won = [0, 0]
  const anySkewMs = fc.constantFrom(0, -30_000, 30_000)
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.boolean(), anySkewMs, async (scheduler, isFirst, skewMs) => {
      const { store, start, service } = scheduled(scheduler, { loginPolicy: 1 })
      const elsewhere = fakeService(store, { ...SETTINGS, loginPolicy: 1 }, { nowMs: () => NOW_MS + skewMs })
      const old = await login(service, u1(Platform.IOS))
      start()
      const calls = [() => elsewhere.refresh(old.refresh), () => service.create(u1(Platform.IOS))]
      const running = (isFirst ? calls : calls.toReversed()).map((call) => call())
      const outcomes = await scheduler.waitFor(Promise.all(running))
      const [renewed, created] = isFirst ? outcomes : outcomes.toReversed()
      won[renewed!.ok ? 1 : 0]!++
      const { access, refresh } = tokensOf(created!)
      if (store.good('u1').join() !== access || store.refreshes.size !== 2) return false
      return (await scheduler.waitFor(service.refresh(refresh))).ok
    }),
    { numRuns: 500 },
  )
  t.ok(won[0]! > 10 && won[1]! > 10, `${won} refreshes were refused and let through`)
})

t.test('a login that a forced logout kicks has no refresh token left', async (t) => {
  let kicked = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const { store, start, service } = scheduled(scheduler, {})
      start()
      const both = Promise.all([service.create(u1(Platform.IOS)), service.forceLogout('u1')])
      const [created] = await scheduler.waitFor(both)
      if (store.good('u1').includes(tokensOf(created).access)) return true
      kicked++
      return store.refreshes.size === 0
    }),
    { numRuns: 500 },
  )
  t.ok(kicked > 10, `${kicked} logins were kicked`)
})

t.test('a store that goes away in the middle gives no tokens', async (t) => {
  let isAway = false
  const store = new FakeTokenStore(async (call) => {
    if (isAway && call === 'rememberToken') throw new Error('gone')
  })
  const service = fakeService(store, SETTINGS)
  const { access, refresh } = await login(service, u1(Platform.IOS))
  isAway = true
  await t.rejects(service.refresh(refresh), { cause: { message: 'gone' } })
  isAway = false
  t.same(await service.refresh(refresh), REFUSED)
  t.same(store.good('u1'), [access])
})
