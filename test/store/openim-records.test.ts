/** What OpenIM's own services read and hear, which is their layout to the letter. */
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { type RedisServer, startRedis, until } from '../support/redis.js'
import { redisStore } from '../support/store-backends.js'
import { assertOne, claimsOf, fresh, Heard, holds } from './suite.js'

const TTL_S = 1800

async function openNode(t: Test, server: RedisServer, openimCompat: boolean, presenceTtlS = TTL_S) {
  const store = redisStore({ url: server.url, nodeId: fresh('node'), openimCompat, presenceTtlS })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

t.test('OpenIM and this node share one Redis', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = server.client()

  const unixS = async () => Number((await redis.time())[0])
  /** Platform -> seconds left, as ZRANGE has them. */
  async function union(user: string): Promise<[string, number][]> {
    const nowS = await unixS()
    const flat = await redis.zrange(`ONLINE:${user}`, '0', '-1', 'WITHSCORES')
    const entries: [string, number][] = []
    for (let i = 0; i < flat.length; i += 2) entries.push([flat[i]!, Number(flat[i + 1]) - nowS])
    return entries
  }
  /** OpenIM's gateway announces platforms. */
  async function openimHolds(user: string, platforms: string[], lifeS = TTL_S): Promise<void> {
    const nowS = await unixS()
    for (const platform of platforms) await redis.zadd(`ONLINE:${user}`, nowS + lifeS, platform)
    await redis.expire(`ONLINE:${user}`, lifeS)
  }
  const platformsOf = async (user: string) => (await union(user)).map(([platform]) => platform)
  /** Seconds pass while a test runs: at most two here. */
  const isAbout = (actual: number, expected: number) => actual <= expected && actual >= expected - 2

  t.test('a login is a platform with its expiry, in a key that lives as long', async (t) => {
    const { store } = await openNode(t, server, false)
    const user = fresh('user')
    await assertOne(store, holds(user, [1, 5]))
    t.equal(await redis.type(`ONLINE:${user}`), 'zset')
    const entries = await union(user)
    t.same(
      entries.map(([platform]) => platform),
      ['1', '5'],
    )
    t.ok(entries.every(([, leftS]) => isAbout(leftS, TTL_S)))
    t.ok(isAbout(await redis.ttl(`ONLINE:${user}`), TTL_S))
  })

  t.test('a renewal prolongs the platforms and the key', async (t) => {
    const { store } = await openNode(t, server, false)
    const user = fresh('user')
    await assertOne(store, holds(user, [5]))
    const nowS = await unixS()
    await redis.zadd(`ONLINE:${user}`, nowS + 10, '5')
    await redis.expire(`ONLINE:${user}`, 10)
    t.notOk('changed' in (await assertOne(store, holds(user, [5]))))
    t.ok(isAbout((await union(user))[0]![1], TTL_S))
    t.ok(isAbout(await redis.ttl(`ONLINE:${user}`), TTL_S))
  })

  t.test('the last logout leaves no key', async (t) => {
    const { store } = await openNode(t, server, false)
    const user = fresh('user')
    await assertOne(store, holds(user, [5]))
    await assertOne(store, holds(user, []))
    t.equal(await redis.exists(`ONLINE:${user}`), 0)
  })

  t.test('devices on gateways of OpenIM are foreign, and no logout here takes them away', async (t) => {
    const { store, holder } = await openNode(t, server, true)
    const user = fresh('user')
    await openimHolds(user, ['2', '9'])
    const online = await assertOne(store, holds(user, [5]))
    t.same(online.changed?.foreign, [2, 9])
    t.same(claimsOf(online.changed), [`5@${holder}`])
    const offline = await assertOne(store, holds(user, []))
    t.same(offline.changed?.foreign, [2, 9])
    t.same(await platformsOf(user), ['2', '9'])
    t.same((await store.read([user]))[0]?.foreign, [2, 9])
    const alone = await openNode(t, server, false)
    t.same((await alone.store.read([user]))[0]?.foreign, [], 'they are looked for only where they may be')
    t.same((await assertOne(alone.store, holds(user, [5]))).changed?.foreign, [])
    await assertOne(alone.store, holds(user, []))
    t.same(await platformsOf(user), ['2', '9'])
  })

  t.test('expired leftovers of OpenIM are purged and shown to nobody', async (t) => {
    const { store } = await openNode(t, server, false)
    const user = fresh('user')
    await redis.zadd(`ONLINE:${user}`, (await unixS()) - 1, '2')
    t.same((await store.read([user]))[0]?.foreign, [])
    t.same((await assertOne(store, holds(user, [5]))).changed?.foreign, [])
    t.same(await platformsOf(user), ['5'])
  })

  t.test('a shorter life here never cuts the life of a device of OpenIM', async (t) => {
    const { store } = await openNode(t, server, false, 20)
    const user = fresh('user')
    await openimHolds(user, ['2', '5'])
    await assertOne(store, holds(user, [5]))
    t.ok((await union(user)).every(([, leftS]) => isAbout(leftS, TTL_S)))
    t.ok(isAbout(await redis.ttl(`ONLINE:${user}`), TTL_S))
  })

  t.test(
    'a platform that a logout at OpenIM erased comes back with the next assertion, as a change',
    async (t) => {
      const { store } = await openNode(t, server, false)
      const user = fresh('user')
      const before = await assertOne(store, holds(user, [5]))
      await redis.zrem(`ONLINE:${user}`, '5')
      const after = await assertOne(store, holds(user, [5], before.version))
      t.ok(after.version > before.version)
      t.ok(after.changed)
      t.same(await platformsOf(user), ['5'])
    },
  )

  t.test('every change of the union is one notice, nothing else is', async (t) => {
    const { store, heard } = await openNode(t, server, true)
    const other = await openNode(t, server, true)
    const payloads: string[] = []
    const ear = server.client()
    ear.on('message', (_, payload) => payloads.push(payload))
    await ear.subscribe('online_change')
    const user = fresh('user')
    await assertOne(store, holds(user, [1, 5]))
    await assertOne(store, holds(user, [1, 5]))
    await assertOne(other.store, holds(user, [5]))
    await assertOne(store, holds(user, [2]))
    await assertOne(other.store, holds(user, []))
    await assertOne(store, holds(user, []))
    const expected = [`1:5:${user}`, `2:5:${user}`, `2:${user}`, user]
    await until('the last notice arrives', () => payloads.includes(user))
    t.same(payloads, expected)
    const notices = [[1, 5], [2, 5], [2], []].map((platforms) => [user, platforms])
    for (const { notices: ofNode } of [heard, other.heard]) {
      await until('the node heard as much', () => ofNode.length >= notices.length)
      t.same(ofNode, notices)
    }
  })

  t.test('a notice lists platforms by expiry, then by their text, as OpenIM would', async (t) => {
    const { store, heard } = await openNode(t, server, true)
    const user = fresh('user')
    await openimHolds(user, ['3'], TTL_S * 2)
    await openimHolds(user, ['8'], 600)
    await assertOne(store, holds(user, [5, 10]))
    await until('it is heard', () => heard.notices.length)
    t.same(heard.notices, [[user, [8, 10, 5, 3]]])
  })

  t.test('what OpenIM announces is heard, what is malformed does no harm', async (t) => {
    const { heard } = await openNode(t, server, true)
    const user = fresh('user')
    for (const payload of ['', '5:', 'x:user', ':user', '1:2:', `7:11:${user}`]) {
      await redis.publish('online_change', payload)
    }
    await until('it is heard', () => heard.notices.length)
    t.same(heard.notices, [[user, [7, 11]]])
  })

  t.test('without OPENIM_COMPAT nothing is written to the channel', async (t) => {
    const { store } = await openNode(t, server, false)
    const payloads: string[] = []
    const ear = server.client()
    ear.on('message', (_, payload) => payloads.push(payload))
    await ear.subscribe('online_change')
    await assertOne(store, holds(fresh('user'), [1]))
    await redis.publish('online_change', 'probe')
    await until('the probe arrives', () => payloads.includes('probe'))
    t.same(payloads, ['probe'])
  })

  t.test('tokens stand where OpenIM looks for them', async (t) => {
    const { store } = await openNode(t, server, false)
    const user = fresh('user')
    await store.rememberToken(user, Platform.Web, 'a.b.c', 600)
    t.same(await redis.hgetall(`UID_PID_TOKEN_STATUS:${user}:Web`), { 'a.b.c': '0' })
    t.ok(isAbout(await redis.ttl(`UID_PID_TOKEN_STATUS:${user}:Web`), 600))
  })
})
