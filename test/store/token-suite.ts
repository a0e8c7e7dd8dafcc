/** What every store promises about tokens. Part of `suite.ts`. */
import fc from 'fast-check'
import type { Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { ADMIN_KICK } from '../../src/rules/logins/eviction.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import type { LoginNumber, TokenState, UserId } from '../../src/rules/types.js'
import type { Store } from '../../src/store/ports/store.js'
import { until } from '../support/redis.js'
import type { Kit } from './suite.js'

const HOUR_S = 3_600
/** What a login number looks like: microseconds, where every digit counts. */
const LOGIN = 1_763_676_000_123_456
const TAKERS = 20

export function tokenTests(t: Test, { backend, open, fresh }: Kit): void {
  const stateOf = (store: Store, user: UserId, token = 'token') =>
    store.tokens.tokenState(user, Platform.Web, token)

  t.test('only nodes that rely on a token hear of its kick, through any node', async (t) => {
    const [relies, reliesToo, kicks, other] = [await open(t), await open(t), await open(t), await open(t)]
    const user = fresh('user')
    await kicks.store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    await relies.store.tokens.tokenState(user, Platform.Web, 'token')
    await relies.store.tokens.tokenState(user, Platform.Web, 'token')
    await reliesToo.store.tokens.tokenState(user, Platform.Web, 'another token')
    await other.store.tokens.tokenState(user, Platform.IOS, 'token')
    await other.store.tokens.tokenState(fresh('user'), Platform.Web, 'token')
    await kicks.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)

    const probe = fresh('user')
    const nodes = [relies, reliesToo, kicks, other]
    for (const { store } of nodes) await store.tokens.tokenState(probe, Platform.Web, 'token')
    await kicks.store.tokens.kickTokens(probe, Platform.Web, ['token'], LOGIN, HOUR_S)
    await until('all hear of the probe', () =>
      nodes.every(({ heard }) =>
        heard.notes.some((note) => note.kind === 'withdraw' && note.userId === probe),
      ),
    )
    const note = {
      kind: 'withdraw',
      userId: user,
      platformId: Platform.Web,
      tokens: [tokenDigest('token')],
      by: LOGIN,
    }
    const ofProbe = { ...note, userId: probe }
    t.strictSame(relies.heard.notes, [note, ofProbe])
    t.strictSame(reliesToo.heard.notes, [note, ofProbe])
    t.strictSame(kicks.heard.notes, [ofProbe], 'also who kicks, if it relies itself')
    t.strictSame(other.heard.notes, [ofProbe])
  })

  t.test('a process that took the name of another over hears of kicks by that one', async (t) => {
    const older = await open(t)
    const nodeId = older.holder.slice(0, older.holder.lastIndexOf('#'))
    const younger = await open(t, { nodeId })
    const user = fresh('user')
    await younger.store.tokens.tokenState(user, Platform.Web, 'token')
    await older.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)
    await until('it is heard', () => younger.heard.notes.length)
    t.match(younger.heard.notes, [{ kind: 'withdraw', userId: user }])
  })

  t.test('who kicked a token is known, also when nobody did who could be outranked', async (t) => {
    const { store } = await open(t)
    const user = fresh('user')
    await store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    t.equal(await store.tokens.kickedBy(user, Platform.Web, 'token'), ADMIN_KICK)
    await store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)
    t.equal(await store.tokens.kickedBy(user, Platform.Web, 'token'), LOGIN)
    await backend.setToken(user, Platform.Web, 'of OpenIM', 'kicked')
    t.equal(await store.tokens.kickedBy(user, Platform.Web, 'of OpenIM'), ADMIN_KICK)
  })

  t.test('a kick of several tokens is one note about those that it flagged', async (t) => {
    const [a, b] = [await open(t), await open(t)]
    const user = fresh('user')
    await b.store.tokens.tokenState(user, Platform.Web, 'old')
    await b.store.tokens.vouchForToken(user, Platform.Web, 'spared', LOGIN + 1)
    await a.store.tokens.kickTokens(user, Platform.Web, ['spared'], LOGIN, HOUR_S)
    await a.store.tokens.kickTokens(user, Platform.Web, [], LOGIN, HOUR_S)
    await a.store.tokens.kickTokens(user, Platform.Web, ['old', 'spared', 'older'], LOGIN, HOUR_S)
    await until('it is heard', () => b.heard.notes.length)
    const tokens = ['old', 'older'].map(tokenDigest)
    t.strictSame(b.heard.notes, [
      { kind: 'withdraw', userId: user, platformId: Platform.Web, tokens, by: LOGIN },
    ])
    t.equal(await stateOf(a.store, user, 'old'), 'kicked')
    t.equal(await stateOf(a.store, user, 'spared'), 'unknown')
    t.equal(await stateOf(a.store, user, 'older'), 'kicked')
  })

  t.test('a token that nobody remembered can be kicked all the same', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await a.store.tokens.kickTokens(user, Platform.Web, ['token'], ADMIN_KICK, HOUR_S)
    t.equal(await stateOf(a.store, user), 'kicked')
    t.equal(await stateOf(a.store, user, 'other'), 'unknown')
  })

  t.test('a token that is remembered anew is good again, and what kicked it is forgotten', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await a.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)
    await a.store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    t.equal(await stateOf(a.store, user), 'normal')
    await backend.setToken(user, Platform.Web, 'token', 'kicked')
    await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN + 1)
    t.equal(await stateOf(a.store, user), 'kicked', 'by OpenIM this time, which no login outranks')
  })

  t.test('a login that vouched for its token spares it from earlier logins only', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await a.store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN)
    await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN - 5)
    await a.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN - 1, HOUR_S)
    t.equal(await stateOf(a.store, user), 'normal')
    await a.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)
    t.equal(await stateOf(a.store, user), 'kicked', 'the login itself may')
  })

  t.test('a login undoes what an earlier one did to its token, whatever the token was', async (t) => {
    const a = await open(t)
    for (const before of ['normal', 'invalid', 'expired', 'unknown'] as const) {
      const user = fresh('user')
      if (before !== 'unknown') await backend.setToken(user, Platform.Web, 'token', before)
      await a.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S)
      await a.store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN + 1, HOUR_S)
      t.equal(await stateOf(a.store, user), 'kicked')
      await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN + 1)
      t.equal(await stateOf(a.store, user), 'kicked', 'not what itself did, or a later one')
      await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN + 2)
      t.equal(await stateOf(a.store, user), before)
      t.equal((await a.store.tokens.tokensOf(user)).length, before === 'unknown' ? 0 : 1)
      await backend.setToken(user, Platform.Web, 'token', 'kicked')
      await a.store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN + 3)
      t.equal(await stateOf(a.store, user), 'kicked', 'and what was undone is no excuse for a later kick')
    }
  })

  t.test('no login undoes a kick by hand, through this gateway or by OpenIM', async (t) => {
    const a = await open(t)
    const [byHand, byBoth, byOpenim] = [fresh('user'), fresh('user'), fresh('user')]
    for (const user of [byHand, byBoth, byOpenim])
      await a.store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    await a.store.tokens.vouchForToken(byHand, Platform.Web, 'token', ADMIN_KICK - 1)
    await a.store.tokens.kickTokens(byHand, Platform.Web, ['token'], ADMIN_KICK, HOUR_S)
    await a.store.tokens.kickTokens(byBoth, Platform.Web, ['token'], LOGIN, HOUR_S)
    await a.store.tokens.kickTokens(byBoth, Platform.Web, ['token'], ADMIN_KICK, HOUR_S)
    await a.store.tokens.kickTokens(byBoth, Platform.Web, ['token'], LOGIN, HOUR_S)
    await backend.setToken(byOpenim, Platform.Web, 'token', 'kicked')
    await a.store.tokens.kickTokens(byOpenim, Platform.Web, ['token'], LOGIN, HOUR_S)
    for (const user of [byHand, byBoth, byOpenim]) {
      await a.store.tokens.vouchForToken(user, Platform.Web, 'token', ADMIN_KICK - 1)
      t.equal(await stateOf(a.store, user), 'kicked')
    }
  })

  t.test('kicks and vouchers end in one state, whatever order they come in', async (t) => {
    const nodes = [await open(t), await open(t)]
    type Act = { does: 'kick' | 'vouch'; number: LoginNumber; node: number }
    const number = fc.oneof(
      { arbitrary: fc.integer({ min: LOGIN, max: LOGIN + 4 }), weight: 5 },
      { arbitrary: fc.integer({ min: ADMIN_KICK - 2, max: ADMIN_KICK - 1 }), weight: 1 },
    )
    const act: fc.Arbitrary<Act> = fc.record({
      does: fc.constantFrom('kick', 'vouch'),
      number,
      node: fc.nat(1),
    })
    const acts = fc.array(act, { minLength: 1, maxLength: 6 })
    const orders = acts.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    const before = fc.constantFrom<TokenState>('normal', 'unknown')

    async function outcome(list: Act[], initial: TokenState): Promise<TokenState> {
      const user = fresh('user')
      if (initial === 'normal')
        await nodes[0]!.store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
      for (const { does, number, node } of list) {
        const { store } = nodes[node]!
        if (does === 'kick') await store.tokens.kickTokens(user, Platform.Web, ['token'], number, HOUR_S)
        else await store.tokens.vouchForToken(user, Platform.Web, 'token', number)
      }
      return stateOf(nodes[0]!.store, user)
    }
    const greatest = (list: Act[], does: Act['does']) =>
      Math.max(-1, ...list.filter((one) => one.does === does).map((one) => one.number))

    await fc.assert(
      fc.asyncProperty(orders, before, async ([list, shuffled], initial) => {
        const kick = greatest(list, 'kick')
        const expected = kick >= 0 && kick >= greatest(list, 'vouch') ? 'kicked' : initial
        const seen = [await outcome(list, initial), await outcome(shuffled, initial)]
        if (seen.some((state) => state !== expected)) throw new Error(`${seen} instead of ${expected}`)
      }),
      { numRuns: 200 },
    )
  })

  t.test('a kick keeps its flag for as long as it says, and cuts the life of no other token', async (t) => {
    const a = await open(t)
    const [long, short, clock] = [fresh('user'), fresh('user'), fresh('user')]
    await a.store.tokens.rememberToken(long, Platform.Web, 'token', HOUR_S)
    await a.store.tokens.kickTokens(long, Platform.Web, ['kicked'], LOGIN, 1)
    await a.store.tokens.rememberToken(short, Platform.Web, 'token', 1)
    await a.store.tokens.kickTokens(short, Platform.Web, ['token'], LOGIN, HOUR_S)
    await a.store.tokens.kickTokens(clock, Platform.Web, ['token'], LOGIN, 1)
    backend.pass(2)
    await until('a short flag has gone', async () => (await stateOf(a.store, clock)) === 'unknown')
    t.equal(await stateOf(a.store, long), 'normal')
    t.equal(await stateOf(a.store, short), 'kicked')
  })

  t.test("all of a user's tokens are listed, on every platform, with their states", async (t) => {
    const a = await open(t)
    const user = fresh('user')
    t.same(await a.store.tokens.tokensOf(user), [])
    await a.store.tokens.rememberToken(user, Platform.Web, 'web 1', HOUR_S)
    await a.store.tokens.rememberToken(user, Platform.Web, 'web 2', HOUR_S)
    await a.store.tokens.rememberToken(user, Platform.IOS, 'ios', HOUR_S)
    await a.store.tokens.rememberToken(user, 11, 'harmony', HOUR_S)
    await a.store.tokens.rememberToken(fresh('user'), Platform.Web, 'another user', HOUR_S)
    await a.store.tokens.kickTokens(user, Platform.Web, ['web 2'], LOGIN, HOUR_S)
    await backend.setToken(user, 10, 'admin', 'invalid')
    const records = await a.store.tokens.tokensOf(user)
    t.strictSame(
      records.sort((one, other) => one.token.localeCompare(other.token)),
      [
        { platformId: Platform.Admin, token: 'admin', state: 'invalid' },
        { platformId: Platform.HarmonyOS, token: 'harmony', state: 'normal' },
        { platformId: Platform.IOS, token: 'ios', state: 'normal' },
        { platformId: Platform.Web, token: 'web 1', state: 'normal' },
        { platformId: Platform.Web, token: 'web 2', state: 'kicked' },
      ],
    )
  })

  t.test('tokens that are taken off the record are unknown, the others stay', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    for (const token of ['one', 'two', 'three'])
      await a.store.tokens.rememberToken(user, Platform.Web, token, HOUR_S)
    await a.store.tokens.rememberToken(user, Platform.IOS, 'one', HOUR_S)
    await a.store.tokens.forgetTokens(user, Platform.Web, ['one', 'two', 'never there'])
    await a.store.tokens.forgetTokens(user, Platform.Web, [])
    await a.store.tokens.forgetTokens(fresh('user'), Platform.Web, ['one'])
    t.strictSame(
      (await a.store.tokens.tokensOf(user)).sort((one, other) => one.platformId - other.platformId),
      [
        { platformId: Platform.IOS, token: 'one', state: 'normal' },
        { platformId: Platform.Web, token: 'three', state: 'normal' },
      ],
    )
  })

  t.test('a refresh token is taken by one of all who try at once', async (t) => {
    const nodes = [await open(t), await open(t)]
    const user = fresh('user')
    for (let round = 0; round < 10; round++) {
      const refresh = tokenDigest(`refresh ${round}`)
      await nodes[0]!.store.refreshTokens.rememberRefresh(user, Platform.Web, refresh, HOUR_S)
      const taken = await Promise.all(
        Array.from({ length: TAKERS }, (_, i) =>
          nodes[i % 2]!.store.refreshTokens.takeRefresh(user, Platform.Web, refresh),
        ),
      )
      t.equal(taken.filter(Boolean).length, 1)
    }
  })

  t.test('a refresh token is good for its user and platform only, and once', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    await a.store.refreshTokens.rememberRefresh(user, Platform.Web, 'refresh', HOUR_S)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'other'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.IOS, 'refresh'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(fresh('user'), Platform.Web, 'refresh'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'refresh'), true)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'refresh'), false)
  })

  t.test('an expired refresh token is good for nothing, though others of the user still are', async (t) => {
    const a = await open(t)
    const [user, clock] = [fresh('user'), fresh('user')]
    await a.store.refreshTokens.rememberRefresh(user, Platform.Web, 'long', HOUR_S)
    await a.store.refreshTokens.rememberRefresh(user, Platform.Web, 'short', 1)
    await a.store.tokens.rememberToken(clock, Platform.Web, 'token', 1)
    backend.pass(2)
    await until('its time is over', async () => (await stateOf(a.store, clock)) === 'unknown')
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'short'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'long'), true)
  })

  t.test('all refresh tokens of a user on a platform are forgotten at once', async (t) => {
    const a = await open(t)
    const user = fresh('user')
    for (const refresh of ['one', 'two']) {
      await a.store.refreshTokens.rememberRefresh(user, Platform.Web, refresh, HOUR_S)
      await a.store.refreshTokens.rememberRefresh(user, Platform.IOS, refresh, HOUR_S)
    }
    await a.store.refreshTokens.forgetRefreshes(user, Platform.Web)
    await a.store.refreshTokens.forgetRefreshes(fresh('user'), Platform.Web)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'one'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'two'), false)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.IOS, 'one'), true)
    await a.store.refreshTokens.rememberRefresh(user, Platform.Web, 'three', HOUR_S)
    t.equal(await a.store.refreshTokens.takeRefresh(user, Platform.Web, 'three'), true)
  })

  t.test('a user who cannot be has no tokens', async (t) => {
    const { store } = await open(t)
    const user = 'with:colon'
    await t.rejects(store.tokens.tokenState(user, Platform.Web, 'token'), /colon|":"|:/)
    await t.rejects(store.tokens.tokensOf(user))
    await t.rejects(store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S))
    await t.rejects(store.tokens.kickTokens(user, Platform.Web, ['token'], LOGIN, HOUR_S))
    await t.rejects(store.tokens.vouchForToken(user, Platform.Web, 'token', LOGIN))
    await t.rejects(store.tokens.forgetTokens(user, Platform.Web, ['token']))
    await t.rejects(store.refreshTokens.rememberRefresh(user, Platform.Web, 'refresh', HOUR_S))
    await t.rejects(store.refreshTokens.takeRefresh(user, Platform.Web, 'refresh'))
    await t.rejects(store.refreshTokens.forgetRefreshes(user, Platform.Web))
  })
}
