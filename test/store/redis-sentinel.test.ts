/** A master behind Sentinel: found by its name, and followed when another takes its place. */
import t, { type Test } from 'tap'
import type { RedisStoreOptions } from '../../src/store/redis/server/options.js'
import { type RedisServer, until } from '../support/redis.js'
import { type RedisSentinel, startRedisSentinel } from '../support/redis-sentinel.js'
import { redisStore } from '../support/store-backends.js'
import { assertOne, claimsOf, fresh, Heard, holds, RENEWAL } from './suite.js'

/** A fail-over of Sentinel takes some seconds, on a busy machine more. */
const FAIL_OVER_MS = 60_000

async function openNode(t: Test, options: Partial<RedisStoreOptions>) {
  const store = redisStore({ nodeId: fresh('node'), ...options })
  const heard = new Heard()
  const { holder } = await store.open(heard)
  t.teardown(() => store.close(true))
  return { store, heard, holder }
}

type Node = Awaited<ReturnType<typeof openNode>>

/** As sync does it when the store is back: a lease that was lost is taken anew. */
async function servesAgain({ store, heard }: Node): Promise<void> {
  await until('it renews its lease', () => store.registry.renewLease(RENEWAL), FAIL_OVER_MS)
  if (!(await store.registry.renewLease(RENEWAL)).isHeld) await store.open(heard)
}

/** Commands and subscriptions of two nodes have come to a server. */
function allAreAt(server: RedisServer): Promise<void> {
  const client = server.client()
  return until('commands and subscriptions are at the new master', async () => {
    const list = String(await client.call('CLIENT', 'LIST'))
    const subscribed = [...list.matchAll(/ name=porchlight:\S+:subscriber .* sub=1 /g)]
    return subscribed.length === 2 && [...list.matchAll(/ name=porchlight:/g)].length === 4
  })
}

t.test('a master behind Sentinel', async (t) => {
  const sentinel: RedisSentinel = await startRedisSentinel()
  t.teardown(() => sentinel.stop())
  const { access } = sentinel

  t.test('settings that lead to no master are said at the start', async (t) => {
    const refused: [Partial<RedisStoreOptions>, object][] = [
      [{ sentinelName: 'other' }, { code: 'STORE_UNAVAILABLE', message: /No such master/ }],
      [{ sentinelPassword: 'wrong' }, { code: 'STORE_UNSUITABLE', message: /WRONGPASS/ }],
      [
        { password: 'not asked for', username: 'nobody' },
        { code: 'STORE_UNSUITABLE', message: /WRONGPASS/ },
      ],
      [
        { sentinels: ['redis-9.redis.invalid:26379'] },
        { code: 'STORE_UNAVAILABLE', message: /ENOTFOUND|EAI_AGAIN/ },
      ],
      [{ db: 99 }, { code: 'STORE_UNSUITABLE', message: /Database 99/ }],
    ]
    for (const [options, error] of refused) {
      const store = redisStore({ nodeId: 'a', ...access, ...options })
      await t.rejects(() => store.open(new Heard()), error as { code: string }, JSON.stringify(options))
    }
    const asServer = redisStore({
      nodeId: 'a',
      url: `redis://:${encodeURIComponent(access.sentinelPassword!)}@${access.sentinels![0]}`,
    })
    await t.rejects(asServer.open(new Heard()), { code: 'STORE_UNSUITABLE', message: /REDIS_SENTINELS/ })
  })

  t.test('a planned fail-over, with names that do not resolve and a Sentinel that is away', async (t) => {
    sentinel.loseSentinel()
    const sentinels = ['redis-9.redis.invalid:26379', ...access.sentinels!.toReversed()]
    const a = await openNode(t, { ...access, sentinels, db: 2 })
    const b = await openNode(t, { ...access, db: 2 })
    const users = Array.from({ length: 20 }, () => fresh('user'))
    await b.store.presence.watch(users)
    await a.store.presence.assert(users.map((user) => holds(user, [1])))
    await until('all is heard', () => b.heard.snapshots.length === users.length)
    // What was acknowledged is with the replica before it takes over.
    const { replica } = sentinel
    await until('it has all', async () => (await replica.client().info('keyspace')).includes('db2:'))

    await sentinel.failOver()
    await until('both were told', () => a.heard.reaches.at(-1) && b.heard.reaches.at(-1), FAIL_OVER_MS)
    await servesAgain(a)
    await servesAgain(b)
    const found = await b.store.presence.watch(users)
    for (const snapshot of found) t.same(claimsOf(snapshot), [`1@${a.holder}`])
    await allAreAt(replica)
    const { version } = await assertOne(a.store, holds(users[0]!, [2]))
    await until('it is heard there', () => b.heard.of(users[0]!).at(-1)?.version === version)
  })

  t.test('a master that dies', async (t) => {
    const master = (await sentinel.masterPort()) === sentinel.master.port ? sentinel.master : sentinel.replica
    const other = master === sentinel.master ? sentinel.replica : sentinel.master
    await until(
      'the other follows',
      async () => (await other.client().info('replication')).includes('master_link_status:up'),
      FAIL_OVER_MS,
    )
    const a = await openNode(t, access)
    const b = await openNode(t, access)
    const user = fresh('user')
    await b.store.presence.watch([user])
    await assertOne(a.store, holds(user, [1]))
    await master.kill()
    await until('its end is told', () => a.heard.reaches.includes(false) && b.heard.reaches.includes(false))
    await until('a new master is found', () => a.heard.reaches.at(-1) && b.heard.reaches.at(-1), FAIL_OVER_MS)
    await servesAgain(a)
    await servesAgain(b)
    await allAreAt(other)
    await b.store.presence.watch([user])
    await assertOne(a.store, holds(user, [5]))
    await until('it is heard', () => b.heard.of(user).at(-1)?.claims[0]?.platformId === 5)
  })
})
