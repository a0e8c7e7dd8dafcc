/** An address that leads to another server from one connection to the next, and a server that is no master any more. */
import t, { type Test } from 'tap'
import type { RedisStoreOptions } from '../../src/store/redis/server/options.js'
import { type RedisServer, startRedis, until } from '../support/redis.js'
import { redisStore } from '../support/store-backends.js'
import { Wire } from '../support/wire.js'
import { assertOne, claimsOf, fresh, Heard, holds, RENEWAL } from './suite.js'

async function openNode(t: Test, options: Partial<RedisStoreOptions>) {
  const lines: string[] = []
  const log: RedisStoreOptions['log'] = (level, message, fields) =>
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  const store = redisStore({ nodeId: fresh('node'), log, ...options })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder, lines }
}

async function serverFor(t: Test, extra: string[] = []): Promise<RedisServer> {
  const server = await startRedis(extra)
  t.teardown(() => server.stop())
  return server
}

/** A primary with a replica of it, behind an address that leads to the primary. */
async function behindAddress(t: Test) {
  const primary = await serverFor(t, ['--repl-diskless-sync-delay', '0'])
  const replica = await serverFor(t, ['--replicaof', '127.0.0.1', String(primary.port)])
  await until('the replica follows', async () =>
    (await replica.client().info('replication')).includes('master_link_status:up'),
  )
  const address = await Wire.start(t, primary.port)
  return { primary, replica, address, access: { url: address.url } }
}

/** Names of stores' connections; of those that listen only once they do. */
async function clientsOf(server: RedisServer): Promise<string[]> {
  const lines = String(await server.client().call('CLIENT', 'LIST')).split('\n')
  return lines
    .filter((line) => !line.includes(':subscriber ') || line.includes(' sub=1 '))
    .flatMap((line) => / name=(porchlight\S*)/.exec(line)?.[1] ?? [])
    .sort()
}

t.test('when a primary is demoted while connections stay, its address leads to the new one', async (t) => {
  const { primary, replica, address, access } = await behindAddress(t)
  const a = await openNode(t, access)
  const b = await openNode(t, access)
  const user = fresh('user')
  await b.store.presence.watch([user])
  await assertOne(a.store, holds(user, [1]))
  await until('it is heard', () => b.heard.of(user).length)

  address.targetPort = replica.port
  await replica.client().replicaof('NO', 'ONE')
  await primary.client().replicaof('127.0.0.1', replica.port)
  for (const { store } of [a, b]) {
    await until('it renews its lease', () => store.registry.renewLease(RENEWAL))
  }
  t.same(a.heard.reaches, [false, true])
  await until('both listen at the new primary', async () => (await clientsOf(replica)).length === 4)
  t.same(await clientsOf(primary), [], 'and nothing is left at the old one')
  await b.store.presence.watch([user])
  const { version } = await assertOne(a.store, holds(user, [2]))
  await until('it is heard', () => b.heard.of(user).at(-1)?.version === version)
})

t.test('a server that is a replica is not taken, and says so', async (t) => {
  const { replica } = await behindAddress(t)
  const store = redisStore({ nodeId: 'a', url: replica.url })
  t.teardown(() => store.close(true))
  await t.rejects(store.open(new Heard()), { code: 'STORE_UNAVAILABLE', message: /READONLY.*replica/ })
  await replica.client().replicaof('NO', 'ONE')
  await store.open(new Heard())
})

t.test(
  'while the address still leads to the old primary it is asked again and again, and never used',
  async (t) => {
    const { primary, replica, address, access } = await behindAddress(t)
    const a = await openNode(t, access)
    await replica.client().replicaof('NO', 'ONE')
    await primary.client().replicaof('127.0.0.1', replica.port)
    await t.rejects(a.store.registry.renewLease(RENEWAL), { code: 'STORE_UNAVAILABLE', message: /READONLY/ })
    await until('it is given up', () => a.heard.reaches.length)
    await t.rejects(a.store.ping(), { code: 'STORE_UNAVAILABLE' })
    t.same(a.heard.reaches, [false])
    address.targetPort = replica.port
    await until('the new one serves', () => a.store.registry.renewLease(RENEWAL))
    t.same(a.heard.reaches, [false, true])
  },
)

t.test('a primary without replicas that takes no writes is left once another is reached', async (t) => {
  const { primary, replica, address, access } = await behindAddress(t)
  const a = await openNode(t, access)
  // It is cut off from its replica, which has taken over; clients reach both.
  await replica.client().replicaof('NO', 'ONE')
  address.targetPort = replica.port
  await primary.client().config('SET', 'min-replicas-to-write', '1')
  await t.rejects(a.store.registry.renewLease(RENEWAL), { code: 'STORE_UNAVAILABLE', message: /NOREPLICAS/ })
  await until('the new one serves', () => a.store.registry.renewLease(RENEWAL))
  t.same(await clientsOf(primary), [])
})

t.test('a server that refuses writes for a while is not left at each of them', async (t) => {
  const server = await serverFor(t)
  const a = await openNode(t, server.access)
  await server.client().config('SET', 'min-replicas-to-write', '1')
  await t.rejects(a.store.registry.renewLease(RENEWAL), { message: /NOREPLICAS/ })
  await until('it has looked whether another is there', () => a.heard.reaches.length === 2)
  for (let i = 0; i < 20; i++)
    await t.rejects(a.store.registry.renewLease(RENEWAL), { message: /NOREPLICAS/ })
  t.same(a.heard.reaches, [false, true], 'once is enough for a while')
  await server.client().config('SET', 'min-replicas-to-write', '0')
  t.ok((await a.store.registry.renewLease(RENEWAL)).isHeld)
})

t.test('commands come along when the listening connection alone leads to another server', async (t) => {
  const [first, second] = [await serverFor(t), await serverFor(t)]
  const address = await Wire.start(t, first.port)
  const a = await openNode(t, { url: address.url })
  address.targetPort = second.port
  await first.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until('both are at the other server', async () => (await clientsOf(second)).length === 2)
  await until('it listens again', () => a.heard.misses.length)
  t.same(await clientsOf(first), [])
  t.same(a.heard.reaches, [false, true])
})

t.test('the listening connection comes along when commands alone lead to another server', async (t) => {
  const [first, second] = [await serverFor(t), await serverFor(t)]
  const address = await Wire.start(t, first.port)
  const a = await openNode(t, { url: address.url })
  address.targetPort = second.port
  await first.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('both are at the other server', async () => (await clientsOf(second)).length === 2)
  await until('it listens again', () => a.heard.misses.length)
  t.same(await clientsOf(first), [])
})

t.test('a database that the server does not have is refused, at the start and later', async (t) => {
  const server = await serverFor(t, ['--databases', '4'])
  const withDb = (db: number) => redisStore({ nodeId: 'a', url: `${server.url}/${db}` })
  await t.rejects(withDb(99).open(new Heard()), {
    code: 'STORE_UNSUITABLE',
    message: /Database 99 cannot be selected: ERR DB index is out of range/,
  })
  t.same(await server.client().keys('*'), [], 'nothing was written to another one')
  const address = await Wire.start(t, server.port)
  const a = await openNode(t, { url: `${address.url}/3` })
  await assertOne(a.store, holds('user', [1]))
  const smaller = await serverFor(t, ['--databases', '2'])
  address.targetPort = smaller.port
  await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('it is lost', () => a.heard.reaches.length)
  await t.rejects(a.store.registry.renewLease(RENEWAL), { code: 'STORE_UNAVAILABLE' })
  address.targetPort = server.port
  await until('it is back', () => a.heard.reaches.length === 2)
  t.same(await smaller.client().keys('*'), [])
})

t.test('deployments in two databases, or with two prefixes, hear nothing of each other', async (t) => {
  const server = await serverFor(t)
  const user = 'ann'
  const homes = await Promise.all(
    [{}, { url: `${server.url}/1` }, { url: `${server.url}/11` }, { prefix: 'staging:' }].map(
      async (access) => {
        const options = { ...server.access, ...access }
        const [a, b] = [
          await openNode(t, { ...options, nodeId: 'gw-0' }),
          await openNode(t, { ...options, nodeId: 'gw-1' }),
        ]
        await b.store.presence.watch([user])
        return { a, b }
      },
    ),
  )
  for (const { a, b } of homes) {
    await assertOne(a.store, holds(user, [1]))
    a.store.bus.send(b.holder, { kind: 'evicted', id: 1, userId: user, gone: 0, left: [] })
    await until('its own are told', () => b.heard.of(user).length === 1 && b.heard.notes.length === 1)
    t.same(claimsOf((await b.store.presence.read([user]))[0]), [`1@${a.holder}`])
  }
  // Whatever went astray has arrived by now: each heard its own news after it.
  for (const { a, b } of homes) {
    await assertOne(a.store, holds(user, [2]))
    await until('the second news is heard', () => b.heard.of(user).length === 2)
    t.same([b.heard.notes.length, b.heard.misses, a.heard.news], [1, [], []])
  }
})
