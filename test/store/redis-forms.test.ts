/** Redis in each form that operators have it: a store gets in, and serves. */

import { createServer } from 'node:net'
import slotOf from 'cluster-key-slot'
import t, { type Test } from 'tap'
import { freePort } from '../../src/doors/websocket/transport/port-check.js'
import { Keys, plainKeys } from '../../src/store/redis/keys.js'
import type { RedisStoreOptions } from '../../src/store/redis/server/options.js'
import { aclRules } from '../../src/store/redis/server/rights.js'
import { certificates, SERVER_NAME } from '../support/certificates.js'
import {
  type ClusterForm,
  type RedisCluster,
  startRedis,
  startRedisCluster,
  until,
} from '../support/redis.js'
import type { Guard } from '../support/redis-guard.js'
import { startRedisSentinel } from '../support/redis-sentinel.js'
import { Mover } from '../support/slot-mover.js'
import { redisStore } from '../support/store-backends.js'
import { Wire } from '../support/wire.js'
import { claimsOf, fresh, Heard, holds, RENEWAL } from './suite.js'

async function openNode(t: Test, options: Partial<RedisStoreOptions>) {
  const store = redisStore({ nodeId: fresh('node'), ...options })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

/** Two nodes with users in every part of the store, and what they tell each other. */
async function serves(t: Test, options: Partial<RedisStoreOptions>): Promise<void> {
  const a = await openNode(t, options)
  const b = await openNode(t, options)
  const users = Array.from({ length: 50 }, () => fresh('user'))
  t.equal((await b.store.presence.watch(users)).length, users.length)
  const outcomes = await a.store.presence.assert(users.map((user) => holds(user, [1, 5])))
  t.same(
    outcomes.filter(({ ok }) => !ok),
    [],
  )
  await until('all changes are heard', () => b.heard.snapshots.length === users.length)
  const user = users[0]!
  t.same(claimsOf((await b.store.presence.read([user]))[0]), [`1@${a.holder}`, `5@${a.holder}`])
  await a.store.tokens.rememberToken(user, 5, 'token', 60)
  t.equal(await b.store.tokens.tokenState(user, 5, 'token'), 'normal')
  await a.store.tokens.kickTokens(user, 5, ['token'], 7, 60)
  await until('the kick is heard', () => b.heard.notes.length)
  t.ok((await a.store.registry.renewLease(RENEWAL)).isHeld)
  const living = await b.store.registry.living()
  t.ok(living.includes(a.holder) && living.includes(b.holder))
}

/** Redirections lead to where servers are reached. */
async function followsSlots(t: Test, cluster: RedisCluster): Promise<void> {
  // The table is not read again by itself.
  const a = await openNode(t, { ...cluster.access, slotsRefreshMs: 600_000 })
  const mover = new Mover(cluster.masters)
  for (let i = 0; i < 5; i++) {
    const user = fresh('user')
    const key = plainKeys.tokens(user, 'Web')
    const owner = await mover.ownerOf(key)
    await mover.move(slotOf(key), owner, (owner + 1) % cluster.masters.length)
    await a.store.tokens.rememberToken(user, 5, 'token', 60)
    t.equal(await a.store.tokens.tokenState(user, 5, 'token'), 'normal')
  }
}

const rules = (isCluster: boolean, prefix = '') =>
  aclRules({ keys: new Keys(prefix), db: 0, isCluster, openimCompat: false })

for (const [name, guard] of Object.entries({
  'a user with no more rights than are needed': { rules: rules(false) },
  TLS: { tls: 'server' },
  'TLS, client certificates and a user': { tls: 'mutual', rules: rules(false) },
} satisfies Record<string, Guard>)) {
  t.test(`one server with ${name} serves`, async (t) => {
    const server = await startRedis([], guard)
    t.teardown(() => server.stop())
    await serves(t, server.access)
  })
}

for (const [name, form] of Object.entries({
  'TLS, client certificates and a user': { guard: { tls: 'mutual', rules: rules(true) } },
  'addresses that are reached elsewhere': { announces: 'unreachable' },
  'addresses that are not announced': { announces: 'nothing' },
} satisfies Record<string, ClusterForm>)) {
  t.test(`a Cluster with ${name} serves`, async (t) => {
    const cluster = await startRedisCluster(form)
    t.teardown(() => cluster.stop())
    await serves(t, cluster.access)
    await followsSlots(t, cluster)
  })
}

t.test('a master behind Sentinel, all with TLS, client certificates and passwords, serves', async (t) => {
  const sentinel = await startRedisSentinel({ tls: 'mutual', rules: rules(false) })
  t.teardown(() => sentinel.stop())
  await serves(t, sentinel.access)
})

t.test('a master and Sentinels whose announced addresses lead nowhere are reached by the map', async (t) => {
  const sentinel = await startRedisSentinel()
  t.teardown(() => sentinel.stop())
  const outside = await Wire.start(t, sentinel.master.port)
  const natMap = new Map([[`127.0.0.1:${sentinel.master.port}`, { host: '127.0.0.1', port: outside.port }]])
  await serves(t, { ...sentinel.access, natMap })
  const clients = await sentinel.master.client().call('CLIENT', 'LIST')
  t.equal(outside.carried, [...String(clients).matchAll(/ name=porchlight/g)].length, 'all went by the map')
})

t.test('a Cluster of one server that does not know its address serves', async (t) => {
  const server = await startRedis(['--cluster-enabled', 'yes'])
  t.teardown(() => server.stop())
  const redis = server.client()
  await redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
  await until('it is complete', async () => (await redis.cluster('INFO')).includes('cluster_state:ok'))
  t.equal((await redis.cluster('SLOTS'))[0]?.[2]?.[0], '', 'it announces nothing')
  await serves(t, { clusterNodes: [`127.0.0.1:${server.port}`] })
})

t.test('names that do not resolve, and hosts that do not answer, cost a Cluster nothing', async (t) => {
  const cluster = await startRedisCluster()
  t.teardown(() => cluster.stop())
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  const nobody = await freePort('127.0.0.1')
  const [first, second] = cluster.masters.map(({ port }) => `localhost:${port}`)
  const nodes = [
    'redis-9.redis.invalid:6379',
    first!,
    `127.0.0.1:${nobody}`,
    second!,
    'redis-2.redis.invalid:6379',
  ]
  await serves(t, { clusterNodes: nodes })
  await serves(t, { clusterNodes: nodes.toReversed() })
})

t.test('a Cluster of which no name resolves is away, and says why', async (t) => {
  const store = redisStore({ nodeId: 'a', clusterNodes: ['redis-2.redis.invalid:6379'] })
  t.teardown(() => store.close(true))
  await t.rejects(store.open(new Heard()), { code: 'STORE_UNAVAILABLE', message: /ENOTFOUND|EAI_AGAIN/ })
})

t.test('a server that accepts and says nothing is given up in time, with the reason', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await until('it listens', () => silent.listening)
  const { port } = silent.address() as { port: number }
  for (const access of [{ url: `redis://127.0.0.1:${port}` }, { clusterNodes: [`127.0.0.1:${port}`] }]) {
    const store = redisStore({ nodeId: 'a', commandTimeoutMs: 300, ...access })
    await t.rejects(store.open(new Heard()), { code: 'STORE_UNAVAILABLE', message: /time|took longer/i })
  }
})

t.test('certificates are checked', async (t) => {
  const server = await startRedis([], { tls: 'mutual' })
  t.teardown(() => server.stop())
  const { ca, clientCert, clientKey } = certificates()
  const url = `rediss://127.0.0.1:${server.servedPort}`
  const files = { caFile: ca, certFile: clientCert, keyFile: clientKey }
  const refused: [string, Partial<RedisStoreOptions>, { code: string; message?: RegExp }][] = [
    [
      'an authority that nobody trusts',
      { tlsFiles: {} },
      { code: 'STORE_UNAVAILABLE', message: /certificate/ },
    ],
    ['no client certificate', { tlsFiles: { caFile: ca } }, { code: 'STORE_UNAVAILABLE' }],
    [
      'another name',
      { tlsFiles: { ...files, serverName: 'other.test' } },
      { code: 'STORE_UNAVAILABLE', message: /altnames|other\.test/ },
    ],
  ]
  for (const [name, options, error] of refused) {
    const store = redisStore({ nodeId: 'a', url, commandTimeoutMs: 1_000, ...options })
    await t.rejects(store.open(new Heard()), error, name)
  }
  await openNode(t, { url, tlsFiles: { ...files, serverName: SERVER_NAME } })
  for (const file of ['caFile', 'certFile', 'keyFile'] as const) {
    const setting = {
      caFile: 'REDIS_TLS_CA_FILE',
      certFile: 'REDIS_TLS_CERT_FILE',
      keyFile: 'REDIS_TLS_KEY_FILE',
    }[file]
    const gone = () => redisStore({ nodeId: 'a', url, tlsFiles: { ...files, [file]: '/nowhere.pem' } })
    t.throws(gone, { code: 'STORE_UNSUITABLE', message: new RegExp(`^${setting} cannot be read`) })
  }
  const mixed = () =>
    redisStore({ nodeId: 'a', url, tlsFiles: { ...files, keyFile: certificates().serverKey } })
  t.throws(mixed, { code: 'STORE_UNSUITABLE', message: /cannot be used for TLS/ })
})
