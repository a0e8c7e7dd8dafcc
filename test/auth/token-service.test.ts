import fc from 'fast-check'
import t from 'tap'
import { recordRule, stateFault } from '../../src/auth/token-records.js'
import type { Claims } from '../../src/auth/tokens.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK, TOKEN_ONLY } from '../../src/rules/logins/eviction.js'
import { LoginPolicy, POLICIES } from '../../src/rules/logins/login-policy.js'
import type { TokenService } from '../../src/services/token-service.js'
import { FakeTokenStore, fakeIssue, fakeService, fakeToken, NOW_MS, NOW_S, platforms } from './token-fakes.js'

const DAY_S = 86_400

const allIds = platforms.all().map(({ id }) => id)

/** A new token's text. */
async function tokenOf(service: TokenService, claims: Claims): Promise<string> {
  const issued = await service.create(claims)
  if (!issued.ok) throw new Error(issued.errDlt)
  return issued.token
}

const u1 = (platformId: number): Claims => ({ userId: 'u1', platformId })

// Making tokens

t.test('a new token is on record before it is returned, and names its user and platform', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store)
  const issued = await service.create(u1(Platform.HarmonyOS))
  t.match(issued, { ok: true, ttlS: 90 * DAY_S, refresh: undefined })
  const token = issued.ok ? issued.token : ''
  t.same(store.held('u1'), [{ platformId: Platform.HarmonyOS, token, state: 'normal' }])
  t.match(await service.check(token), { ok: true, ...u1(Platform.HarmonyOS), expiresAtS: NOW_S + 90 * DAY_S })
})

t.test('the last of many tokens made in one millisecond is the one that stays', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store)
  for (let count = 0; count < 20; count++) {
    const token = await tokenOf(service, u1(Platform.Web))
    t.same(store.good('u1'), [token])
  }
})

t.test('a login through a node whose clock is behind is no older than those before it', async (t) => {
  const store = new FakeTokenStore()
  const late = fakeService(store, {}, { nowMs: () => NOW_MS - 60_000 })
  await tokenOf(fakeService(store), u1(Platform.Web))
  const token = await tokenOf(late, u1(Platform.Web))
  t.same(store.good('u1'), [token])
  const next = await tokenOf(fakeService(store), u1(Platform.Web))
  t.same(store.good('u1'), [next])
})

t.test(
  'tokens that have to go are flagged on their own platform, for as long as they live, and end no connection',
  async (t) => {
    const store = new FakeTokenStore()
    const service = fakeService(store, { loginPolicy: 4 })
    const old = fakeToken({ iat: 1, exp: NOW_S + 50.5 })
    const endless = fakeToken({ iat: 2 })
    const others = fakeToken({ iat: 3, exp: NOW_S + 50 })
    store.set('u1', Platform.IOS, old, 'normal')
    store.set('u1', Platform.Android, endless, 'normal')
    store.set('u1', Platform.Web, others, 'normal')
    store.set('u2', Platform.IOS, others, 'normal')
    const token = await tokenOf(service, u1(Platform.IOS))
    t.same(store.good('u1').sort(), [others, token].sort())
    t.same(store.good('u2'), [others])
    t.same(
      store.kicks.sort((a, b) => a.ttlS - b.ttlS),
      [
        { tokens: [old], by: TOKEN_ONLY, ttlS: 51 },
        { tokens: [endless], by: TOKEN_ONLY, ttlS: 90 * DAY_S },
      ],
    )
  },
)

t.test('tokens that expired long ago leave the record when a new one is made', async (t) => {
  const store = new FakeTokenStore()
  const expired = [Platform.IOS, Platform.Web].map((platformId) =>
    fakeToken({ platformId, iat: 1, exp: NOW_S - 1_000 }),
  )
  store.set('u1', Platform.IOS, expired[0]!, 'normal')
  store.set('u1', Platform.Web, expired[1]!, 'kicked')
  const token = await tokenOf(fakeService(store), u1(Platform.IOS))
  t.same(store.held('u1'), [{ platformId: Platform.IOS, token, state: 'normal' }])
})

t.test('where the old login stays, a new token takes the place of none', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, { refuseNew: true, maxTokensPerPlatform: 2 })
  const tokens = [await tokenOf(service, u1(Platform.IOS)), await tokenOf(service, u1(Platform.IOS))]
  t.same(store.good('u1'), tokens)
  tokens.push(await tokenOf(service, u1(Platform.IOS)))
  t.same(store.good('u1'), tokens.slice(1), 'the maximum holds all the same')
})

t.test(
  'no token is made for administrators as users, for their platform, or where none are made',
  async (t) => {
    const store = new FakeTokenStore()
    const service = fakeService(store)
    t.match(await service.create({ userId: 'imAdmin', platformId: Platform.IOS }), {
      ok: false,
      errCode: WireCode.NoPermissionError,
    })
    t.match(await service.create(u1(10)), { ok: false, errCode: WireCode.NoPermissionError })
    t.match(await service.createForAdmin('u1'), { ok: false, errCode: WireCode.ArgsError })
    const elsewhere = fakeService(store, { refreshTokenExpireDays: 1 }, { issue: undefined })
    const refused = {
      ok: false,
      errCode: WireCode.NoPermissionError,
      errMsg: 'NoPermissionError',
      errDlt: 'tokens are made elsewhere',
    }
    t.same(await elsewhere.create(u1(Platform.IOS)), refused)
    t.same(await elsewhere.createForAdmin('imAdmin'), refused)
    t.same(await elsewhere.refresh('x'), refused)
    t.equal(store.records.size, 0)
  },
)

t.test('a store that goes away at any step fails the call, with its own error as the cause', async (t) => {
  const cause = new Error('gone')
  const calls = ['tokensOf', 'forgetRefreshes', 'rememberRefresh', 'rememberToken', 'tokensOf', 'kickTokens']
  for (const [at, failing] of calls.entries()) {
    let count = calls.slice(0, at).includes(failing) ? 2 : 1
    const store = new FakeTokenStore(async (call) => {
      if (call === failing && --count === 0) throw cause
    })
    store.set('u1', Platform.IOS, fakeToken({ iat: 1, exp: NOW_S + 50 }), 'normal')
    const made = fakeService(store, { refreshTokenExpireDays: 1 }).create(u1(Platform.IOS))
    await t.rejects(made, { code: 'STORE_UNAVAILABLE', retry: 'later', cause }, `step ${at}: ${failing}`)
  }
})

t.test(
  "a signer's failure is not the store's, and a signer that ignores the order is found out",
  async (t) => {
    const issue = () => Promise.reject(new Error('no key'))
    const failed = fakeService(new FakeTokenStore(), {}, { issue }).create(u1(Platform.IOS))
    await t.rejects(failed, { constructor: Error, message: 'no key' })
    const sign = fakeIssue(() => NOW_MS)
    const deaf = fakeService(
      new FakeTokenStore(),
      {},
      { issue: (token, ttlS) => sign({ ...token, jti: 'own' }, ttlS) },
    )
    await t.rejects(deaf.create(u1(Platform.IOS)), { message: /iat and jti/ })
  },
)

// Of administrators

async function adminToken(service: TokenService, userId = 'imAdmin'): Promise<string> {
  const issued = await service.createForAdmin(userId)
  if (!issued.ok) throw new Error(issued.errDlt)
  return issued.token
}

t.test("an administrator's token is on record and lives by a setting of its own", async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, { refreshTokenExpireDays: 1, adminTokenExpireMin: 30 })
  const issued = await service.createForAdmin('imAdmin')
  t.match(issued, { ok: true, ttlS: 1_800, refresh: undefined })
  const token = issued.ok ? issued.token : ''
  t.same(store.held('imAdmin'), [{ platformId: Platform.Admin, token, state: 'normal' }])
  t.match(await service.check(token), { ok: true, userId: 'imAdmin', platformId: Platform.Admin })
  const unrecorded = fakeToken({ UserID: 'imAdmin', PlatformID: Platform.Admin, exp: NOW_S + 50 })
  t.match(await service.check(unrecorded), { errCode: WireCode.TokenNotExistError })
})

t.test("an administrator's token is revoked in each of the ways that others are", async (t) => {
  const ways: ((service: TokenService, token: string) => Promise<unknown>)[] = [
    (service) => service.forceLogout('imAdmin', Platform.Admin),
    (service) => service.forceLogout('imAdmin'),
    (service) => service.invalidate('imAdmin', Platform.Admin, 'another'),
    (service, token) => service.kickTokens([token]),
    (service, token) => service.kickTokenOf('imAdmin', token),
  ]
  for (const [at, way] of ways.entries()) {
    const store = new FakeTokenStore()
    const service = fakeService(store)
    const token = await adminToken(service)
    await way(service, token)
    t.match(await service.check(token), { errCode: WireCode.TokenKickedError }, `way ${at}`)
    const next = await adminToken(service)
    t.not(next, token, 'and a kicked one is not handed out again')
    t.match(await service.check(next), { ok: true })
  }
})

t.test('services do not end each other by asking for tokens, nor fill the record', async (t) => {
  let nowMs = NOW_MS
  const store = new FakeTokenStore()
  const service = fakeService(store, { loginPolicy: 1, maxTokensPerPlatform: 1 }, { nowMs: () => nowMs })
  const handed: string[] = []
  for (let minute = 0; minute < 3 * 1_440; minute++) {
    handed.push(await adminToken(service))
    nowMs += 60_000
  }
  const now = nowMs / 1_000
  for (const token of handed.slice(-1_400)) t.match(await service.check(token), { ok: true })
  t.ok(store.held('imAdmin').length < 110, `${store.held('imAdmin').length} are on record at ${now}`)
})

t.test('a token that was signed with another key is not handed out again', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store)
  const token = await adminToken(service)
  const rotated = fakeService(
    store,
    {},
    {
      verify: async (text) =>
        text === token
          ? { ok: false, errCode: WireCode.TokenUnknownError, errMsg: '', errDlt: '' }
          : { ok: true, userId: 'imAdmin', platformId: Platform.Admin, expiresAtS: NOW_S + 50 },
    },
  )
  t.not(await adminToken(rotated), token)
})

t.test('while the store is away an administrator is let in as AUTH_WHEN_STORE_DOWN says', async (t) => {
  const store = new FakeTokenStore()
  const token = await adminToken(fakeService(store))
  const away = new FakeTokenStore(() => Promise.reject(new Error('away')))
  const refused = { code: 'STORE_UNAVAILABLE', message: 'the store is out of reach' }
  await t.rejects(fakeService(away, { authWhenStoreDown: 'deny' }).check(token), refused)
  const service = fakeService(away, { authWhenStoreDown: 'allow' })
  t.match(await service.check(token), { ok: true, userId: 'imAdmin' })
  const user = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S + 50 })
  await t.rejects(service.check(user), refused, 'users ask nothing over REST that cannot wait')
  const damaged = Object.assign(new Error('WRONGTYPE'), { code: 'DAMAGED_RECORD' })
  const strange = new FakeTokenStore(() => Promise.reject(damaged))
  await t.rejects(fakeService(strange, { authWhenStoreDown: 'allow' }).check(token), { cause: damaged })
})

t.test('which tokens need a record follows from who makes them', async (t) => {
  const isAdmin = (userId: string) => userId === 'imAdmin'
  const needs = (areTokensMadeHere: boolean, openimCompat: boolean) =>
    ['u1', 'imAdmin'].map(recordRule({ areTokensMadeHere, openimCompat }, isAdmin))
  t.same(needs(true, false), [true, true])
  t.same(needs(true, true), [true, false], "OpenIM's own services record none of administrators")
  t.same(needs(false, false), [false, false])
  const compat = fakeService(new FakeTokenStore(), {}, { needsRecord: (userId) => userId !== 'imAdmin' })
  const theirs = fakeToken({ UserID: 'imAdmin', PlatformID: Platform.Admin, exp: NOW_S + 50 })
  t.match(await compat.check(theirs), { ok: true })
  await compat.kickTokens([theirs])
  t.match(
    await compat.check(theirs),
    { errCode: WireCode.TokenKickedError },
    'and can be kicked all the same',
  )
})

t.test(
  'a token of a user or platform that cannot be here is invalid, not a failure of the store',
  async (t) => {
    const service = fakeService(new FakeTokenStore(() => Promise.reject(new Error('asked'))))
    for (const claims of [
      { UserID: 'a:b', PlatformID: Platform.IOS },
      { UserID: 'u1', PlatformID: 99 },
    ]) {
      t.match(await service.check(fakeToken({ ...claims, exp: NOW_S + 50 })), {
        errCode: WireCode.TokenInvalidError,
      })
    }
  },
)

// Two at once

/** Services of as many nodes as there are clocks, on one store whose calls come in an order that the scheduler draws. */
function nodes(scheduler: fc.Scheduler, skewsMs: number[], settings: Parameters<typeof fakeService>[1]) {
  const store = new FakeTokenStore((call) => scheduler.schedule(Promise.resolve(), call))
  const services = skewsMs.map((skewMs) => fakeService(store, settings, { nowMs: () => NOW_MS + skewMs }))
  return { store, services }
}

const anySkews = fc.array(fc.constantFrom(0, 0, 1, -2_000, 30_000), { minLength: 3, maxLength: 3 })

t.test(
  'of logins at once on nodes with different clocks, the policy leaves one where they conflict',
  async (t) => {
    let settled = 0
    const policies = POLICIES.map((policy) => new LoginPolicy(policy, platforms))
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        anySkews,
        fc.constantFrom(...policies),
        fc.constantFrom(...allIds.filter((id) => id !== 10)),
        fc.constantFrom(...allIds.filter((id) => id !== 10)),
        async (scheduler, skewsMs, policy, one, other) => {
          const { store, services } = nodes(scheduler, skewsMs, { loginPolicy: policy.policy })
          const made = Promise.all([tokenOf(services[0]!, u1(one)), tokenOf(services[1]!, u1(other))])
          const tokens = await scheduler.waitFor(made)
          // Whichever counts as the later one: the earlier goes if the later removes it.
          const removing = [policy.removedBy(other).includes(one), policy.removedBy(one).includes(other)]
          const good = store.good('u1')
          if (removing.every((removes) => removes)) settled++
          if (removing.every((removes) => removes) && good.length !== 1) return false
          if (!removing.some((removes) => removes) && good.length !== 2) return false
          return good.length >= 1 && good.every((token) => tokens.includes(token))
        },
      ),
      { numRuns: 400 },
    )
    t.ok(settled > 10, `${settled} conflicts were settled`)
  },
)

t.test('of three logins at once on one platform, exactly one stays', async (t) => {
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), anySkews, async (scheduler, skewsMs) => {
      const { store, services } = nodes(scheduler, skewsMs, { loginPolicy: 1 })
      await scheduler.waitFor(Promise.all(services.map((service) => tokenOf(service, u1(Platform.Web)))))
      runs++
      return store.good('u1').length === 1
    }),
    { numRuns: 200 },
  )
  t.ok(runs >= 200)
})

t.test('a login after another, on whatever nodes, is the one that stays', async (t) => {
  for (const skewsMs of [
    [0, 0, 0],
    [30_000, 0, -2_000],
    [-2_000, 0, 30_000],
  ]) {
    const store = new FakeTokenStore()
    for (const skewMs of skewsMs) {
      const token = await tokenOf(fakeService(store, {}, { nowMs: () => NOW_MS + skewMs }), u1(Platform.Web))
      t.same(store.good('u1'), [token])
    }
  }
})

// Checking

t.test('a token is as good as its signature, its times and its record', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store)
  const token = await tokenOf(service, u1(Platform.IOS))
  const codes = {
    normal: 0,
    kicked: WireCode.TokenKickedError,
    invalid: WireCode.TokenUnknownError,
    expired: WireCode.TokenUnknownError,
    unknown: WireCode.TokenNotExistError,
  } as const
  for (const [state, errCode] of Object.entries(codes)) {
    store.set('u1', Platform.IOS, token, state as keyof typeof codes)
    t.match(await service.check(token), errCode === 0 ? { ok: true } : { ok: false, errCode }, state)
  }
  t.match(await service.check('x'), { ok: false, errCode: WireCode.TokenMalformedError })
  t.match(await service.check(`${token}x`), { ok: false, errCode: WireCode.TokenUnknownError })
  t.match(await service.check(fakeToken({ UserID: 'u1', exp: NOW_S })), {
    ok: false,
    errCode: WireCode.TokenExpiredError,
  })
})

t.test('a token that was made elsewhere is good without a record, until it is kicked', async (t) => {
  t.equal(stateFault('unknown', false), undefined)
  t.match(stateFault('unknown', true), { errCode: WireCode.TokenNotExistError })
  t.match(stateFault('kicked', false), { errCode: WireCode.TokenKickedError })
  t.equal(stateFault('normal', true), undefined)

  const service = fakeService(new FakeTokenStore(), {}, { issue: undefined, needsRecord: () => false })
  const token = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, iat: 1, exp: NOW_S + 50 })
  t.match(await service.check(token), { ok: true, ...u1(Platform.IOS) })
  t.same((await service.kickTokens([token])).skipped, [])
  t.match(await service.check(token), { ok: false, errCode: WireCode.TokenKickedError })
})

// Taking away

t.test(
  'a forced logout kicks what a user has on a platform, also what another login kicked before',
  async (t) => {
    const store = new FakeTokenStore()
    const service = fakeService(store, { loginPolicy: 0 })
    for (const userId of ['u1', 'u2']) {
      for (const platformId of [Platform.HarmonyOS, Platform.HarmonyOS, Platform.Web])
        await tokenOf(service, { userId, platformId })
    }
    const [kicked] = store.held('u1')
    store.set('u1', Platform.HarmonyOS, kicked!.token, 'kicked')
    await service.forceLogout('u1', Platform.HarmonyOS)
    t.same(
      store.held('u1').map(({ platformId, state }) => [platformId, state]),
      [
        [Platform.HarmonyOS, 'kicked'],
        [Platform.HarmonyOS, 'kicked'],
        [Platform.Web, 'normal'],
      ],
    )
    t.same(
      store.kicks.map(({ tokens, by }) => [tokens.length, by]),
      [[2, ADMIN_KICK]],
    )
    t.equal(store.good('u2').length, 3)
    await service.forceLogout('u1')
    t.same(store.good('u1'), [])
    t.equal(store.good('u2').length, 3)
  },
)

t.test('to invalidate keeps one token of a platform, and the other platforms', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store, { loginPolicy: 0 })
  const [, kept, , web] = [
    await tokenOf(service, u1(Platform.IOS)),
    await tokenOf(service, u1(Platform.IOS)),
    await tokenOf(service, u1(Platform.IOS)),
    await tokenOf(service, u1(Platform.Web)),
  ]
  await service.invalidate('u1', Platform.IOS, kept!)
  t.same(store.good('u1'), [kept, web])
  await service.invalidate('u1', Platform.IOS, 'no such token')
  t.same(store.good('u1'), [web])
})

t.test(
  'of a list of tokens, those that verify are kicked; the others are named by their places',
  async (t) => {
    const store = new FakeTokenStore()
    const service = fakeService(store, { loginPolicy: 0 })
    const mine = [await tokenOf(service, u1(Platform.IOS)), await tokenOf(service, u1(Platform.Web))]
    const theirs = await tokenOf(service, { userId: 'u2', platformId: Platform.IOS })
    const admin = await service.createForAdmin('imAdmin')
    const expired = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S })
    const strange = fakeToken({ UserID: 'u1', PlatformID: 99, exp: NOW_S + 50 })
    const list = [mine[0]!, 'x', theirs, admin.ok ? admin.token : '', expired, strange, `${mine[1]}x`]
    t.same((await service.kickTokens(list)).skipped, [1, 4, 5, 6])
    t.same([store.good('u1'), store.good('u2')], [[mine[1]], []])
    t.equal(store.held('u1').length, 2, 'nothing else came on record')
  },
)

t.test('one token is kicked for its own user; one that has expired needs no kick', async (t) => {
  const store = new FakeTokenStore()
  const service = fakeService(store)
  const token = await tokenOf(service, u1(Platform.IOS))
  const expired = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S })
  t.match(await service.faultOf('u2', token), { errCode: WireCode.ArgsError })
  t.match(await service.faultOf('u1', 'x'), { errCode: WireCode.TokenMalformedError })
  t.equal(await service.faultOf('u1', expired), undefined)
  t.equal(await service.faultOf('u1', token), undefined)
  for (const [userId, text] of [
    ['u2', token],
    ['u1', 'x'],
    ['u1', expired],
  ] as const) {
    await service.kickTokenOf(userId, text)
  }
  t.same(store.good('u1'), [token])
  await service.kickTokenOf('u1', token)
  t.same(store.good('u1'), [])
})
