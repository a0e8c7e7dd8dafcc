/** What goes wrong with one Redis server, and what becomes of it. */
import { pack } from 'msgpackr'
import t, { type Test } from 'tap'
import type { RedisStoreOptions } from '../../src/store/redis/server/options.js'
import { type RedisServer, startRedis, startRedisCluster, until } from '../support/redis.js'
import { redisStore } from '../support/store-backends.js'
import { assertOne, claimsOf, fresh, Heard, holds, RENEWAL } from './suite.js'

async function openNode(t: Test, server: RedisServer, options: Partial<RedisStoreOptions> = {}) {
  const store = redisStore({ url: server.url, nodeId: fresh('node'), ...options })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

async function serverFor(t: Test, extra: string[] = []): Promise<RedisServer> {
  const server = await startRedis(extra)
  t.teardown(() => server.stop())
  return server
}

t.test('a damaged record fails its user alone, and repaired, its change is told', async (t) => {
  const server = await serverFor(t)
  const redis = server.client()
  const a = await openNode(t, server)
  const b = await openNode(t, server)
  for (const damaged of ['ONLINE:%', 'PRESENCE:{ONLINE:%}', 'WATCH:{ONLINE:%}']) {
    const users = Array.from({ length: 100 }, () => fresh('user'))
    const victim = users[57]!
    const key = damaged.replace('%', victim)
    await redis.set(key, 'not what it should be')
    const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [1])))
    t.same(
      outcomes.filter((outcome) => !outcome.ok).map((outcome) => outcome.userId),
      [victim],
    )
    t.match(outcomes[57], { error: /WRONGTYPE/ })
    const found = [await a.store.presence.read(users), await b.store.presence.watch(users)]
    for (const list of found) {
      t.same(
        list.filter(({ claims }) => claims.length === 0).map(({ userId }) => userId),
        [victim],
        'nobody is left out, and only the victim is taken for offline',
      )
      t.same(
        list.map(({ userId }) => userId),
        users,
      )
    }
    await redis.del(key)
    await b.store.presence.watch([victim])
    const outcome = await assertOne(a.store, holds(victim, [1]))
    t.same(claimsOf(outcome.changed), [`1@${a.holder}`])
    await until('the watcher hears it', () => b.heard.of(victim).length)
  }
})

t.test('scripts that the server forgot are given to it again', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server)
  const user = fresh('user')
  for (const platforms of [[1], [2], [3]]) {
    await assertOne(a.store, holds(user, platforms))
    await server.client().script('FLUSH')
  }
  t.same(claimsOf((await a.store.presence.read([user]))[0]), [`3@${a.holder}`])
})

t.test('a server that dies is told, calls fail at once, and its return is told', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server)
  const b = await openNode(t, server)
  const user = fresh('user')
  await b.store.presence.watch([user])
  const { version } = await assertOne(a.store, holds(user, [1]))
  await until('the watcher hears it', () => b.heard.of(user).length)
  await server.kill()
  await until('it is told', () => a.heard.reaches.length && b.heard.reaches.length)
  t.same(a.heard.reaches, [false])
  const calls: (() => Promise<unknown>)[] = [
    () => a.store.presence.assert([holds(user, [1])]),
    () => a.store.presence.watch([user]),
    () => a.store.presence.read([user]),
    () => a.store.presence.unwatch([user]),
    () => a.store.registry.renewLease(RENEWAL),
    () => a.store.registry.living(),
    () => a.store.tokens.tokenState(user, 1, 'token'),
    () => a.store.tokens.tokensOf(user),
    () => a.store.tokens.rememberToken(user, 1, 'token', 60),
    () => a.store.tokens.kickTokens(user, 1, ['token'], 1, 60),
    () => a.store.tokens.vouchForToken(user, 1, 'token', 1),
    () => a.store.tokens.forgetTokens(user, 1, ['token']),
    () => a.store.refreshTokens.rememberRefresh(user, 1, 'refresh', 60),
    () => a.store.refreshTokens.takeRefresh(user, 1, 'refresh'),
    () => a.store.refreshTokens.forgetRefreshes(user, 1),
    () => a.store.ping(),
  ]
  for (const call of calls) await t.rejects(() => call().then(() => {}), { code: 'STORE_UNAVAILABLE' })
  await server.restart()
  await until('both are told', () => a.heard.reaches.length > 1 && b.heard.reaches.length > 1)
  await until('the watcher listens again', () => b.heard.misses.length)
  t.same(a.heard.reaches, [false, true])
  t.notOk((await a.store.registry.renewLease(RENEWAL)).isHeld, 'an empty server knows no lease')
  await a.store.open(a.heard)
  await b.store.open(b.heard)
  await b.store.presence.watch([user])
  const again = await assertOne(a.store, holds(user, [1], version))
  t.ok(again.version > version)
  await until('the watcher hears it', () => b.heard.of(user).length > 1)
})

t.test('a subscriber that was cut off listens again and says what it may have missed', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server)
  const b = await openNode(t, server)
  const user = fresh('user')
  await b.store.presence.watch([user])
  await assertOne(a.store, holds(user, [5]))
  await until('b hears', () => b.heard.of(user).length)
  await server.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await assertOne(a.store, holds(user, [1]))
  await until('both say so', () => a.heard.misses.length && b.heard.misses.length)
  t.same(claimsOf((await b.store.presence.watch([user]))[0]), [`1@${a.holder}`])
  await assertOne(a.store, holds(user, [2]))
  await until('b hears again', () => b.heard.of(user).at(-1)?.claims[0]?.platformId === 2)
  t.equal(b.heard.misses.length, 1, 'and the gap is not reported twice')
  t.same(a.heard.reaches, [])
})

t.test('a node that is deaf hears its own kicks, and what it says to itself', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server, { reconnectMaxMs: 600_000 })
  const user = fresh('user')
  await a.store.tokens.tokenState(user, 5, 'token')
  const redis = server.client()
  await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await redis.call('ACL', 'SETUSER', 'default', 'resetchannels')
  await a.store.tokens.kickTokens(user, 5, ['token'], 7, 60)
  a.store.bus.send(a.holder, { kind: 'evicted', id: 1, userId: user, gone: 0, left: [] })
  await until('both are heard', () => a.heard.notes.length === 2)
  t.match(a.heard.notes, [{ kind: 'withdraw', by: 7 }, { kind: 'evicted' }])
  t.same(a.heard.misses, [], 'it does not even know that it is deaf')
})

t.test('a note that Redis does not take is lost, and said', async (t) => {
  const server = await serverFor(t)
  const lines: string[] = []
  const a = await openNode(t, server, { log: (level, message) => lines.push(`${level} ${message}`) })
  const b = await openNode(t, server)
  await server.client().call('ACL', 'SETUSER', 'default', 'resetchannels')
  a.store.bus.send(b.holder, { kind: 'evicted', id: 1, userId: 'u', gone: 0, left: [] })
  await until('it is said', () => lines.includes('warn cannot tell a node something'))
  await server.kill()
  await until('its end is told', () => a.heard.reaches.length)
  a.store.bus.send(b.holder, { kind: 'evicted', id: 2, userId: 'u', gone: 0, left: [] })
  await until('it is said again', () => lines.length > 1)
  t.same(b.heard.notes, [])
})

t.test('a server that hangs makes calls fail in time, and serves again as it was', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server, { commandTimeoutMs: 1_000 })
  const user = fresh('user')
  await assertOne(a.store, holds(user, [1]))
  // Longer than a call's patience, shorter than the silence (twice that) after which the connection is given up.
  await server.client().call('CLIENT', 'PAUSE', 1_500, 'ALL')
  await t.rejects(a.store.presence.assert([holds(user, [2])]), {
    code: 'STORE_UNAVAILABLE',
    message: /timed out/,
  })
  await until('it answers', () => a.store.ping().then(() => true))
  t.same(claimsOf((await assertOne(a.store, holds(user, [3]))).changed), [`3@${a.holder}`])
  t.same(a.heard.reaches, [])
})

t.test(
  'a call under way when the connection breaks fails at once and is never repeated behind a newer one',
  async (t) => {
    const server = await serverFor(t)
    const a = await openNode(t, server)
    const user = fresh('user')
    await assertOne(a.store, holds(user, [1]))
    process.kill(server.pid, 'SIGSTOP')
    const underWay = a.store.presence.assert([holds(user, [2])])
    const startedMs = performance.now()
    await Promise.all([t.rejects(underWay, { code: 'STORE_UNAVAILABLE' }), server.kill()])
    t.ok(performance.now() - startedMs < 1000, 'long before its time-out')
    await server.restart()
    await until('it is back', () => a.heard.reaches.length === 2)
    t.same((await a.store.presence.read([user]))[0]?.claims, [])
  },
)

t.test('a frozen server is given up, and found again', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server, { commandTimeoutMs: 400 })
  process.kill(server.pid, 'SIGSTOP')
  t.teardown(() => server.stop())
  // First what asks the listening connection too: its answer must not come with the end of the freeze.
  await t.rejects(a.store.registry.renewLease(RENEWAL), { code: 'STORE_UNAVAILABLE' })
  await t.rejects(a.store.ping(), { code: 'STORE_UNAVAILABLE' })
  await until('silence is taken for a loss', () => a.heard.reaches.length)
  process.kill(server.pid, 'SIGCONT')
  await until('it is back', () => a.heard.reaches.length === 2 && a.heard.misses.length)
  t.same(a.heard.reaches, [false, true])
})

t.test('a server without memory refuses writes as unavailable', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server)
  const redis = server.client()
  await redis.config('SET', 'maxmemory', '1')
  await t.rejects(a.store.presence.assert([holds(fresh('user'), [1])]), {
    code: 'STORE_UNAVAILABLE',
    message: /OOM/,
  })
  await redis.config('SET', 'maxmemory', '0')
  await assertOne(a.store, holds(fresh('user'), [1]))
})

t.test('a message that no node would send is survived and taken for a loss', async (t) => {
  const server = await serverFor(t)
  const lines: string[] = []
  const a = await openNode(t, server, {
    nodeId: 'deaf',
    log: (level, message) => lines.push(`${level} ${message}`),
  })
  await server.client().publish('PORCHLIGHT:NODE:deaf', 'garbage')
  await until('it is told', () => a.heard.misses.length)
  t.same(lines, ['warn a change message is malformed'])
})

t.test('what a later release says is left out and logged once, and is not taken for a loss', async (t) => {
  const server = await serverFor(t)
  const lines: unknown[] = []
  const a = await openNode(t, server, {
    nodeId: 'early',
    log: (_level, message, fields) => lines.push([message, fields]),
  })
  const later = { v: 1, from: 'b#1', to: a.holder, changes: [], notes: [{ kind: 'greet' }] }
  const say = (message: unknown) => server.client().publish('PORCHLIGHT:NODE:early', pack(message))
  for (const seq of [1, 2]) {
    await say([9, 'b#1', []])
    await say({ ...later, seq })
  }
  await say({ ...later, seq: 3, notes: [{ kind: 'died', dead: [] }] })
  await until('what is understood is heard', () => a.heard.notes.length)
  t.same(a.heard.misses, [])
  t.same(lines, [
    ['a node message was not understood', { reason: 'a message of version 9', count: 1 }],
    ['a node message was not understood', { reason: 'unknown kind "greet"', count: 1 }],
  ])
})

t.test('opening fails where nothing answers, and succeeds once something does', async (t) => {
  const server = await serverFor(t)
  await server.kill()
  const store = redisStore({ url: server.url, nodeId: 'late' })
  t.teardown(() => store.close(true))
  await t.rejects(store.open(new Heard()), { code: 'STORE_UNAVAILABLE' })
  await server.restart()
  t.match((await store.open(new Heard())).holder, /^late#\d+$/)
  await assertOne(store, holds(fresh('user'), [1]))
})

t.test('a password is used, and a wrong one fails at once', async (t) => {
  const server = await serverFor(t, ['--requirepass', 'secret'])
  const right = redisStore({ url: server.url.replace('//', '//:secret@'), nodeId: 'right' })
  t.teardown(() => right.close(true))
  await right.open(new Heard())
  await assertOne(right, holds(fresh('user'), [1]))
  for (const credentials of ['', ':wrong@']) {
    const store = redisStore({ url: server.url.replace('//', `//${credentials}`), nodeId: 'wrong' })
    await t.rejects(store.open(new Heard()), { code: 'STORE_UNSUITABLE' })
  }
})

t.test('a Cluster is not taken for a server, nor a server for a Cluster', async (t) => {
  const server = await serverFor(t)
  const notCluster = redisStore({ clusterNodes: [`127.0.0.1:${server.port}`], nodeId: 'a' })
  await t.rejects(notCluster.open(new Heard()), { code: 'STORE_UNSUITABLE' })
  const cluster = await startRedisCluster()
  t.teardown(() => cluster.stop())
  const notServer = redisStore({ url: cluster.masters[0]!.url, nodeId: 'b' })
  await t.rejects(notServer.open(new Heard()), { code: 'STORE_UNSUITABLE' })
})
