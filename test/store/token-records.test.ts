/** Tokens in Redis: what stands there, what it costs, and how it is cleared. */
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { RELIANCE_S, VOUCH_S } from '../../src/store/shared/token-lives.js'
import { type RedisServer, startRedis, until } from '../support/redis.js'
import { redisStore } from '../support/store-backends.js'
import { fresh, Heard } from './suite.js'

const HOUR_S = 3_600
const DAY_S = 86_400
const tokensKey = (user: string) => `UID_PID_TOKEN_STATUS:${user}:Web`
const sideKey = (user: string) => `TOKENS:{${tokensKey(user)}}`
const refreshKey = (user: string) => `REFRESH:{${tokensKey(user)}}`
const digest = tokenDigest('token')

async function openNode(t: Test, server: RedisServer, nodeId = fresh('node')) {
  const store = redisStore({ url: server.url, nodeId })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder, nodeId, epoch: holder.split('#')[1]! }
}

/** How often each command ran inside and outside of scripts, while something was done. */
async function commandsOf(redis: Redis, what: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.config('RESETSTAT')
  await what()
  const stats = await redis.info('commandstats')
  const calls: Record<string, number> = {}
  for (const [, name, count] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) calls[name!] = Number(count)
  delete calls['config|resetstat']
  return calls
}

t.test('tokens in Redis', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = server.client()
  const nowS = async () => Number((await redis.time())[0])
  const isAbout = (actual: number, expected: number) => actual <= expected && actual >= expected - 2

  t.test("OpenIM's hash holds states and nothing else; the rest stands beside it", async (t) => {
    const { store, nodeId, epoch } = await openNode(t, server)
    const user = fresh('user')
    await store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    await store.tokens.tokenState(user, Platform.Web, 'token')
    await store.tokens.vouchForToken(user, Platform.Web, 'token', 7)
    await store.tokens.kickTokens(user, Platform.Web, ['token'], 9, 30 * DAY_S)
    t.same(await redis.hgetall(tokensKey(user)), { token: '2' })
    t.ok(isAbout(await redis.ttl(tokensKey(user)), 30 * DAY_S), 'the flag lives as long as it must')
    const now = await nowS()
    const side = await redis.hgetall(sideKey(user))
    t.same(Object.keys(side).sort(), [`@${nodeId}`, `k:${digest}`, `l:${digest}`].sort())
    const [, number, ends, state] = /^(\d+):(\d+):(.*)$/.exec(side[`k:${digest}`]!) ?? []
    t.same([number, state], ['9', '0'])
    t.ok(isAbout(Number(ends), now + 30 * DAY_S))
    t.ok(side[`@${nodeId}`]!.startsWith(`${epoch}:`))
    t.ok(isAbout(Number(side[`l:${digest}`]!.split(':')[1]), now + VOUCH_S))
    t.ok((await redis.ttl(sideKey(user))) >= 30 * DAY_S - 2, 'what is beside it lives as long as its parts')
  })

  t.test('numbers are kept to the last digit', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    await store.tokens.vouchForToken(user, Platform.Web, 'token', Number.MAX_SAFE_INTEGER - 1)
    await store.tokens.kickTokens(user, Platform.Web, ['other'], Number.MAX_SAFE_INTEGER, HOUR_S)
    const side = await redis.hgetall(sideKey(user))
    t.match(side[`l:${digest}`], /^9007199254740990:/)
    t.match(side[`k:${tokenDigest('other')}`], /^9007199254740991:/)
  })

  t.test('a hash without an expiry gets none, one with a longer life keeps it', async (t) => {
    const { store } = await openNode(t, server)
    const [endless, long] = [fresh('user'), fresh('user')]
    await redis.hset(tokensKey(endless), 'token', '0')
    await redis.hset(tokensKey(long), 'token', '0')
    await redis.expire(tokensKey(long), 90 * DAY_S)
    for (const user of [endless, long])
      await store.tokens.kickTokens(user, Platform.Web, ['token'], 7, HOUR_S)
    t.equal(await redis.ttl(tokensKey(endless)), -1)
    t.ok(isAbout(await redis.ttl(tokensKey(long)), 90 * DAY_S))
  })

  t.test('a life of less than a second is one, not none', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    await store.tokens.rememberToken(user, Platform.Web, 'old', HOUR_S)
    for (const ttlS of [0, -5, 0.4]) await store.tokens.kickTokens(user, Platform.Web, ['token'], 7, ttlS)
    await store.tokens.kickTokens(fresh('user'), Platform.Web, ['token'], 7, 1.5)
    t.same(await redis.hgetall(tokensKey(user)), { old: '0', token: '2' })
  })

  t.test('a reliance lasts the promised hour at least, and is written once in an hour', async (t) => {
    const { store, nodeId, epoch } = await openNode(t, server)
    const user = fresh('user')
    const reliance = async () => Number((await redis.hget(sideKey(user), `@${nodeId}`))!.split(':')[1])
    await store.tokens.tokenState(user, Platform.Web, 'token')
    const written = await reliance()
    t.ok(isAbout(written, (await nowS()) + 2 * RELIANCE_S))
    await redis.hset(sideKey(user), `@${nodeId}`, `${epoch}:${(await nowS()) + RELIANCE_S + 5}`)
    const before = await reliance()
    await store.tokens.tokenState(user, Platform.Web, 'token')
    t.equal(await reliance(), before)
    await redis.hset(sideKey(user), `@${nodeId}`, `${epoch}:${(await nowS()) + RELIANCE_S - 5}`)
    await store.tokens.tokenState(user, Platform.Web, 'token')
    t.ok((await reliance()) > before)
  })

  t.test(
    'a new incarnation of a node takes the reliance over, an old one does not take it back',
    async (t) => {
      const before = await openNode(t, server)
      const user = fresh('user')
      await before.store.tokens.tokenState(user, Platform.Web, 'token')
      const after = await openNode(t, server, before.nodeId)
      await after.store.tokens.tokenState(user, Platform.Web, 'token')
      await before.store.tokens.tokenState(user, Platform.Web, 'token')
      t.ok((await redis.hget(sideKey(user), `@${after.nodeId}`))?.startsWith(`${after.epoch}:`))
    },
  )

  t.test('a node that took a new epoch still hears of what it relied on before', async (t) => {
    const [a, b] = [await openNode(t, server), await openNode(t, server)]
    const [before, both] = [fresh('user'), fresh('user')]
    for (const user of [before, both]) await b.store.tokens.tokenState(user, Platform.Web, 'token')
    for (const user of [before, both]) await a.store.tokens.tokenState(user, Platform.Web, 'token')
    await b.store.open(b.heard)
    await a.store.open(a.heard)
    await b.store.tokens.tokenState(both, Platform.Web, 'token')
    for (const user of [both, before])
      await a.store.tokens.kickTokens(user, Platform.Web, ['token'], 7, HOUR_S)
    await until('both nodes hear of both', () => a.heard.notes.length === 2 && b.heard.notes.length === 2)
    t.match(b.heard.notes, [{ userId: both }, { userId: before }])
    t.same([...a.heard.misses, ...b.heard.misses], [])
  })

  t.test('a reliance that ended is told nothing and cleared by the next kick', async (t) => {
    const [a, b] = [await openNode(t, server), await openNode(t, server)]
    const [user, probe] = [fresh('user'), fresh('user')]
    await b.store.tokens.tokenState(user, Platform.Web, 'token')
    await b.store.tokens.tokenState(probe, Platform.Web, 'token')
    await redis.hset(sideKey(user), `@${b.nodeId}`, `${b.epoch}:${await nowS()}`, '@broken', 'what is this')
    for (const name of [user, probe])
      await a.store.tokens.kickTokens(name, Platform.Web, ['token'], 7, HOUR_S)
    await until('the probe is heard', () => b.heard.notes.length)
    t.match(b.heard.notes, [{ userId: probe }])
    t.same(await redis.hkeys(sideKey(user)), [`k:${digest}`])
  })

  t.test('what has lapsed beside the tokens is cleared before it grows', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    const lapsed = Array.from({ length: 100 }, (_, i) => [`l:${i}`, `7:${1_700_000_000 + i}`]).flat()
    await redis.hset(sideKey(user), ...lapsed)
    await redis.expire(sideKey(user), DAY_S)
    await store.tokens.vouchForToken(user, Platform.Web, 'token', 8)
    t.same(await redis.hkeys(sideKey(user)), [`l:${digest}`])
    await redis.hset(sideKey(user), ...lapsed)
    await store.tokens.tokenState(user, Platform.Web, 'token')
    t.equal(await redis.hlen(sideKey(user)), 2)
  })

  t.test('a kick of a thousand tokens is quick', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    const tokens = Array.from({ length: 1000 }, (_, i) => `token ${i}`)
    const calls = await commandsOf(redis, () =>
      store.tokens.kickTokens(user, Platform.Web, tokens, 7, HOUR_S),
    )
    const total = Object.values(calls).reduce((sum, count) => sum + count, 0)
    t.ok(total <= 3 * tokens.length + 20, `${total} commands`)
    t.equal(await redis.hlen(tokensKey(user)), tokens.length)
  })

  t.test('a login costs one round trip for its check and one for its voucher', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    await store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S)
    const first = await commandsOf(redis, () => store.tokens.tokenState(user, Platform.Web, 'token'))
    const { eval: evaluated = 0, evalsha = 0, ...firstCalls } = first
    t.ok(evaluated + evalsha > 0)
    t.same(firstCalls, { time: 1, hget: 2, hset: 1, ttl: 1, expire: 1, hlen: 1 })
    const again = await commandsOf(redis, () => store.tokens.tokenState(user, Platform.Web, 'token'))
    t.same(again, { evalsha: 1, time: 1, hget: 2 })
    await store.tokens.vouchForToken(user, Platform.Web, 'token', 7)
    const vouched = await commandsOf(redis, () => store.tokens.vouchForToken(user, Platform.Web, 'token', 8))
    t.same(vouched, { evalsha: 1, time: 1, hget: 2, hset: 1, ttl: 1, hlen: 1 })
  })

  t.test('refresh tokens stand by their digests, expired ones go with the next', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    await store.refreshTokens.rememberRefresh(user, Platform.Web, 'long', 30 * DAY_S)
    await redis.hset(refreshKey(user), 'old', await nowS())
    await store.refreshTokens.rememberRefresh(user, Platform.Web, 'short', HOUR_S)
    const stored = await redis.hgetall(refreshKey(user))
    t.same(Object.keys(stored).sort(), ['long', 'short'])
    t.ok(isAbout(Number(stored.short), (await nowS()) + HOUR_S))
    t.ok(isAbout(await redis.ttl(refreshKey(user)), 30 * DAY_S), 'a shorter one cuts no longer one')
    for (const refresh of ['long', 'short'])
      t.equal(await store.refreshTokens.takeRefresh(user, Platform.Web, refresh), true)
    t.equal(await redis.exists(refreshKey(user)), 0)
  })

  t.test('a state that OpenIM does not have is no good one', async (t) => {
    const { store } = await openNode(t, server)
    const user = fresh('user')
    await redis.hset(tokensKey(user), 'token', '9')
    t.equal(await store.tokens.tokenState(user, Platform.Web, 'token'), 'invalid')
    t.match(await store.tokens.tokensOf(user), [{ state: 'invalid' }])
  })

  t.test('every call tells a damaged record from a store that is away', async (t) => {
    const { store } = await openNode(t, server)
    const [user, beside] = [fresh('user'), fresh('user')]
    await redis.set(tokensKey(user), 'not what it should be')
    await redis.set(sideKey(beside), 'not what it should be')
    for (const call of [
      () => store.tokens.tokenState(user, Platform.Web, 'token'),
      () => store.tokens.tokensOf(user),
      () => store.tokens.rememberToken(user, Platform.Web, 'token', HOUR_S),
      () => store.tokens.kickTokens(user, Platform.Web, ['token'], 7, HOUR_S),
      () => store.tokens.kickTokens(beside, Platform.Web, ['token'], 7, HOUR_S),
      () => store.tokens.vouchForToken(beside, Platform.Web, 'token', 7),
    ]) {
      await t.rejects(async () => void (await call()), {
        code: 'DAMAGED_RECORD',
        message: /UID_PID_TOKEN_STATUS:.*WRONGTYPE/,
      })
    }
  })

  t.test('a platform that nobody knows has no tokens', async (t) => {
    const { store } = await openNode(t, server)
    await t.rejects(store.tokens.tokenState('u', 99, 'token'), /Platform 99 is unknown/)
    await t.rejects(store.refreshTokens.takeRefresh('u', 99, 'refresh'), /Platform 99 is unknown/)
  })
})
