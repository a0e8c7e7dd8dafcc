import fc from 'fast-check'
import t from 'tap'
import { OPENIM_PLATFORMS, Platform } from '../../src/openim/platforms.js'
import { POLICIES, type Policy } from '../../src/rules/logins/login-policy.js'
import { compareIssue, isRenewal, nextPlace, readIssue } from '../../src/rules/logins/token-order.js'
import { type HeldToken, type TokenRuleSettings, TokenRules } from '../../src/rules/logins/token-rules.js'
import { PlatformTable } from '../../src/rules/platforms.js'
import type { PlatformId } from '../../src/rules/types.js'

const NOW_S = 1_700_000_000
const NOW_MS = NOW_S * 1000
const RANDOM = '89abcdef'

const platforms = new PlatformTable(OPENIM_PLATFORMS)
const allIds = platforms.all().map(({ id }) => id)
const isPc = (platformId: PlatformId) => platforms.classOf(platformId) === 'PC'

function tokenText(payload: unknown): string {
  return `fake.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.sig`
}

/** A good token, issued at second `iat`. */
function held(platformId: PlatformId, iat: number, more: { jti?: string; exp?: number } = {}): HeldToken {
  const payload = { PlatformID: platformId, iat, exp: NOW_S + 1_000, ...more }
  return { platformId, token: tokenText(payload), state: 'normal' }
}

type Settings = Partial<TokenRuleSettings> & { policy: Policy }

function rules(settings: Settings): TokenRules {
  return new TokenRules({ refuseNew: false, maxPerPlatform: 30, renewals: false, ...settings }, platforms)
}

/** What stays of `tokens` beside a newcomer, oldest first as they were given. */
function staying(settings: Settings, newcomer: HeldToken, tokens: HeldToken[]): HeldToken[] {
  const { kick } = rules(settings).judge(newcomer, tokens, NOW_S)
  return tokens.filter((token) => !kick.includes(token))
}

/** How many of two tokens of one platform stay, in the plainest words. */
function staysOfTwo(policy: Policy, newcomer: PlatformId, existing: PlatformId): number {
  const isSameClass = platforms.classOf(existing) === platforms.classOf(newcomer)
  if (policy === 0) return 2
  if (policy === 1) return existing === newcomer ? 0 : 1
  if (policy === 4) return isSameClass ? 0 : 1
  if (isPc(existing)) return 2
  return isPc(newcomer) ? 1 : 0
}

t.test(
  'for every policy and pair of platforms, what stays is what OpenIM lets stay, the newest',
  async (t) => {
    for (const policy of POLICIES) {
      for (const newcomer of allIds) {
        const wrong = allIds.filter((existing) => {
          const [old, young] = [held(existing, 1), held(existing, 2)]
          const stay = staying({ policy }, held(newcomer, 3), [old, young])
          return (
            stay.length !== staysOfTwo(policy, newcomer, existing) || (stay.length === 1 && stay[0] !== young)
          )
        })
        t.same(
          wrong,
          [],
          `policy ${policy}: platforms whose tokens were judged otherwise when ${newcomer} came`,
        )
      }
    }
  },
)

t.test('tokens of platforms that share a place are weighed against each other', async (t) => {
  const pads = [held(Platform.IPad, 2), held(Platform.APad, 1)]
  t.same(staying({ policy: 4 }, held(Platform.Web, 3), pads), [pads[0]], 'one of a class, the newest')
  t.same(staying({ policy: 1 }, held(Platform.Web, 3), pads), pads, 'one of each platform')
  const devices = [
    held(Platform.IOS, 3),
    held(Platform.Android, 1),
    held(Platform.Web, 2),
    held(Platform.Android, 2),
  ]
  t.same(
    staying({ policy: 5 }, held(Platform.OSX, 4), devices),
    [devices[3]],
    'beside a PC one device, Android if there is',
  )
  const others = [held(Platform.IOS, 3), held(Platform.Web, 2)]
  t.same(staying({ policy: 5 }, held(Platform.OSX, 4), others), [others[0]], 'without Android, the newest')
  t.same(
    staying({ policy: 4 }, held(Platform.Web, 4), [held(Platform.IOS, 2), held(Platform.Android, 1)]).length,
    1,
  )
  t.equal(
    staying({ policy: 4 }, held(Platform.Web, 4), [held(Platform.IOS, 2), held(Platform.Android, 1)])[0]
      ?.platformId,
    Platform.IOS,
  )
})

t.test('where several stay, the maximum counts those of a platform with the newcomer', async (t) => {
  const web = [1, 2, 3].map((iat) => held(Platform.Web, iat))
  const ios = [1, 2, 3, 4].map((iat) => held(Platform.IOS, iat))
  const settings = { policy: 0, maxPerPlatform: 3 } as const
  t.same(staying(settings, held(Platform.Web, 9), [...web, ...ios]), [...web.slice(1), ...ios.slice(1)])
  t.same(staying({ policy: 0, maxPerPlatform: 1 }, held(Platform.Web, 9), web), [])
  const windows = [1, 2, 3].map((iat) => held(Platform.Windows, iat))
  t.same(staying({ ...settings, policy: 5 }, held(Platform.Windows, 9), windows), windows.slice(1))
  t.same(staying({ ...settings, policy: 5 }, held(Platform.OSX, 9), windows), windows, 'another PC platform')
})

t.test('where a new login is refused, its token takes the place of none', async (t) => {
  const tokens = allIds.flatMap((id) => [held(id, 1), held(id, 2)])
  for (const policy of POLICIES) {
    for (const id of allIds) {
      t.same(staying({ policy, refuseNew: true }, held(id, 3), tokens), tokens)
      t.same(rules({ policy, refuseNew: true }).clearedBy(id), [])
    }
  }
  t.equal(
    staying({ policy: 1, refuseNew: true, maxPerPlatform: 2 }, held(Platform.IOS, 3), tokens).length,
    21,
  )
})

t.test('where tokens are renewed, those that a device still uses stay', async (t) => {
  const ios = [held(Platform.IOS, 1), held(Platform.IOS, 2)]
  for (const policy of [1, 4] as const) {
    t.same(staying({ policy, renewals: true }, held(Platform.Web, 3), ios), ios)
    t.same(
      staying({ policy, renewals: true }, held(Platform.IOS, 3), ios),
      [],
      'but not those of a login that has to go',
    )
  }
  t.same(staying({ policy: 5, renewals: true }, held(Platform.OSX, 3), ios), ios)
  t.same(staying({ policy: 0, renewals: true, maxPerPlatform: 1 }, held(Platform.IOS, 3), ios), [ios[1]])
})

t.test('the platforms that a newcomer clears are those on which none of two tokens stays', async (t) => {
  for (const policy of POLICIES) {
    for (const id of allIds) {
      const expected = allIds.filter((existing) => staysOfTwo(policy, id, existing) === 0)
      t.same(rules({ policy }).clearedBy(id), expected, `policy ${policy}, ${id}`)
    }
  }
})

t.test(
  'a token that has expired counts for nothing, and is forgotten when no clock can be that late',
  async (t) => {
    const expired = held(Platform.IOS, 2, { exp: NOW_S })
    const long = { ...held(Platform.IOS, 3, { exp: NOW_S - 300 }), state: 'kicked' }
    const good = held(Platform.IOS, 1)
    const ruling = rules({ policy: 1 }).judge(held(Platform.Web, 4), [expired, long, good], NOW_S)
    t.same(ruling, { kick: [], forget: [long] }, 'the good one is not measured against one that is past')
    const kicked = rules({ policy: 0, maxPerPlatform: 2 }).judge(
      held(Platform.IOS, 4),
      [expired, long, good],
      NOW_S,
    )
    t.same(kicked.kick, [])
  },
)

t.test('only good tokens are kicked, and a token that cannot be read is the oldest', async (t) => {
  const states = ['kicked', 'invalid', 'expired'].map((state, at) => ({ ...held(Platform.IOS, at), state }))
  t.same(rules({ policy: 1 }).judge(held(Platform.IOS, 9), states, NOW_S), { kick: [], forget: [] })
  const unreadable = ['', 'x', 'a.b.c', 'fake.bnVsbA.sig', tokenText({ iat: 'now' }), tokenText([])].map(
    (token): HeldToken => ({ platformId: Platform.IOS, token, state: 'normal' }),
  )
  const readable = held(Platform.IOS, -1)
  for (const token of unreadable) {
    const { kick, forget } = rules({ policy: 1 }).judge(held(Platform.Web, 9), [readable, token], NOW_S)
    t.same([kick, forget], [[token], []], token.token)
  }
})

// Properties

const anyToken = fc
  .record({
    platformId: fc.constantFrom(...allIds),
    state: fc.constantFrom('normal', 'normal', 'normal', 'kicked', 'invalid'),
    iat: fc.integer({ min: 0, max: 3 }),
    jti: fc.constantFrom(undefined, 'a', 'b', '0loyw3vg489abcdef', '0loyw3vg489abcdef-r'),
    exp: fc.constantFrom(NOW_S + 10, NOW_S, NOW_S - 1_000),
    serial: fc.nat(),
  })
  .map(({ platformId, state, ...payload }): HeldToken => ({ platformId, state, token: tokenText(payload) }))
const anyTokens = fc.uniqueArray(anyToken, { selector: ({ token }) => token, maxLength: 20 })
const anySettings = fc.record({
  policy: fc.constantFrom(...POLICIES),
  refuseNew: fc.boolean(),
  maxPerPlatform: fc.integer({ min: 1, max: 4 }),
  renewals: fc.boolean(),
})

t.test('whatever is on record, a newcomer settles it once, and stays', async (t) => {
  let kicks = 0
  fc.assert(
    fc.property(anySettings, anyToken, anyTokens, (settings, newcomer, others) => {
      const judge = (tokens: HeldToken[]) => rules(settings).judge(newcomer, tokens, NOW_S)
      const all = [...others.filter(({ token }) => token !== newcomer.token), newcomer]
      const ruling = judge(all)
      kicks += ruling.kick.length
      if (ruling.kick.includes(newcomer) || ruling.forget.includes(newcomer)) return false
      if (JSON.stringify(judge(all.toReversed())) !== JSON.stringify(reordered(ruling, all))) return false
      const after = all
        .filter((token) => !ruling.forget.includes(token))
        .map((token) => (ruling.kick.includes(token) ? { ...token, state: 'kicked' } : token))
      const again = judge(after)
      return again.kick.length === 0 && again.forget.length === 0
    }),
  )
  t.ok(kicks > 0, `${kicks} tokens were kicked`)
})

/** The same ruling for the tokens in reverse order. `kick` has an order of its own. */
function reordered<T>(ruling: { kick: T[]; forget: T[] }, all: T[]) {
  return { kick: ruling.kick, forget: all.filter((token) => ruling.forget.includes(token)).toReversed() }
}

const good = ({ token, state }: HeldToken) => state === 'normal' && readIssue(token).expiresAtS > NOW_S

t.test('under policy 5 one device beside PCs stays, and PCs up to the maximum', async (t) => {
  let pcs = 0
  fc.assert(
    fc.property(anySettings, anyToken, anyTokens, (chosen, newcomer, tokens) => {
      const settings = { ...chosen, policy: 5 as const, refuseNew: false, renewals: false }
      const others = tokens.filter((token) => token.token !== newcomer.token && good(token))
      const stay = [newcomer, ...staying(settings, newcomer, others)]
      if (stay.filter(({ platformId }) => !isPc(platformId)).length > 1) return false
      return allIds.filter(isPc).every((id) => {
        const had = [newcomer, ...others].filter(({ platformId }) => platformId === id).length
        const has = stay.filter(({ platformId }) => platformId === id).length
        pcs += has
        return has === Math.min(had, settings.maxPerPlatform)
      })
    }),
  )
  t.ok(pcs > 0)
})

t.test('a place is later than all that are taken, whatever clock and makers they have', async (t) => {
  let places = 0
  const payload = fc.record({
    iat: fc.oneof(fc.integer({ min: NOW_S - 10, max: NOW_S + 10 }), fc.constant('x')),
    jti: fc.constantFrom(undefined, 'zz', '0loyw3vg489abcdef', 'zzzzzzzzz89abcdef', '0loyw3vg4ffffffff-r'),
  })
  fc.assert(
    fc.property(fc.array(payload), fc.integer({ min: -9_000, max: 9_000 }), (payloads, skewMs) => {
      const taken = payloads.map(tokenText)
      for (let count = 0; count < 5; count++) {
        const place = nextPlace(taken, NOW_MS + skewMs, count % 2 === 0 ? '00000000' : 'ffffffff')
        if (taken.some((token) => compareIssue(readIssue(token), place) >= 0)) return false
        taken.push(tokenText({ iat: place.issuedAtS, jti: place.jti }))
        places++
      }
      return true
    }),
  )
  t.ok(places > 100)
})

t.test('a place is dated back by five seconds and does not run ahead of the clock for a burst', async (t) => {
  t.same(nextPlace([], NOW_MS, RANDOM), { issuedAtS: NOW_S - 5, jti: `0loyw3v28${RANDOM}` })
  const taken: string[] = []
  for (let count = 0; count < 1_000; count++) {
    const place = nextPlace(taken, NOW_MS, RANDOM)
    taken.splice(0, 1, tokenText({ iat: place.issuedAtS, jti: place.jti }))
  }
  t.equal(readIssue(taken[0]!).issuedAtS, NOW_S - 5)
})

t.test('a renewal is told from a login', async (t) => {
  t.ok(isRenewal(nextPlace([], NOW_MS, RANDOM, 'renewal')))
  t.notOk(isRenewal(nextPlace([], NOW_MS, RANDOM)))
  t.notOk(isRenewal({ issuedAtS: 1, jti: 'some-r' }), "somebody else's jti says nothing")
})
