/** A Redis that answers PING and takes no writes was taken for a good one, for ever. */
import { rm } from 'node:fs/promises'
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { TestNode } from '../support/node.js'
import { startRedis, until } from '../support/redis.js'
import { becomesReady, lacks, partOf } from './room.js'

const LEASE_MS = '1500'

interface Refusal {
  what: string
  begin: (client: Redis) => Promise<unknown>
  end: (client: Redis) => Promise<unknown>
  reason: RegExp
}

const REFUSALS: Refusal[] = [
  {
    what: 'it became a replica',
    begin: (client) => client.replicaof('127.0.0.1', 1),
    end: (client) => client.replicaof('NO', 'ONE'),
    reason: /it is a replica.*READONLY/,
  },
  {
    what: 'too few replicas follow it',
    begin: (client) => client.config('SET', 'min-replicas-to-write', '1'),
    end: (client) => client.config('SET', 'min-replicas-to-write', '0'),
    reason: /too few replicas.*NOREPLICAS/,
  },
  {
    what: 'it is out of memory',
    begin: (client) => client.config('SET', 'maxmemory', '1'),
    end: (client) => client.config('SET', 'maxmemory', '0'),
    reason: /out of memory.*OOM/,
  },
  {
    what: 'its user lost the right to scripts',
    begin: (client) => client.call('ACL', 'SETUSER', 'default', '-@scripting'),
    end: (client) => client.call('ACL', 'SETUSER', 'default', '+@all'),
    reason: /lacks a right.*NOPERM/,
  },
  {
    what: 'its user lost the right to the keys',
    begin: (client) => client.call('ACL', 'SETUSER', 'default', 'resetkeys', '%R~*'),
    end: (client) => client.call('ACL', 'SETUSER', 'default', '~*'),
    reason: /lacks a right.*(NOPERM|No permissions)/,
  },
]

async function start(t: Test, env: Record<string, string> = {}) {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const node = await TestNode.start(t, { REDIS_URL: redis.url, NODE_LEASE_MS: LEASE_MS, ...env })
  await becomesReady(node)
  return { redis, node, client: redis.client() }
}

t.test('a store that takes no writes is not ready, and says why, until one has worked', async (t) => {
  const { node, client } = await start(t)
  for (const { what, begin, end, reason } of REFUSALS) {
    await t.test(what, async (t) => {
      const beganMs = Date.now()
      await begin(client)
      const said = await lacks(node, 'store', reason)
      t.equal(said.status, 503)
      const { since } = said.parts.find(({ name }) => name === 'store')!
      t.ok(Date.parse(since!) >= beganMs - 1_000 && Date.parse(since!) <= Date.now())
      t.equal(await node.metric('porchlight_store_up'), 0)
      t.ok((await node.metric('porchlight_store_down_seconds')) > 0)
      await end(client)
      await becomesReady(node)
      t.equal(await node.metric('porchlight_store_up'), 1)
      t.equal(await node.metric('porchlight_store_down_seconds'), 0)
    })
  }
  const user = await node.login('ann', Platform.Web)
  t.equal(await user.ping('in'), 'in')
})

t.test('a store that cannot save says so', async (t) => {
  const { node, client } = await start(t)
  await failToSave(client)
  await lacks(node, 'store', /cannot save to its disk.*MISCONF/)
  await client.config('SET', 'stop-writes-on-bgsave-error', 'no')
  await becomesReady(node)
})

/** A save whose directory is gone fails, and with it every write from then on. */
async function failToSave(client: Redis): Promise<void> {
  await client.config('SET', 'save', '3600 1')
  const [, dir] = (await client.config('GET', 'dir')) as string[]
  await rm(dir!, { recursive: true })
  await until('a save has failed', async () => {
    await client.bgsave().catch(() => {})
    return /rdb_last_bgsave_status:err/.test(await client.info('persistence'))
  })
}

t.test('a node that accepts logins without the store is ready without it: it only warns', async (t) => {
  const { redis, node, client } = await start(t, { AUTH_WHEN_STORE_DOWN: 'allow' })
  const token = await node.token('ann', Platform.Web)
  for (const [begin, end, reason] of [
    [() => client.replicaof('127.0.0.1', 1), () => client.replicaof('NO', 'ONE'), /replica/],
    [() => redis.kill(), () => redis.restart(), /nobody listens|ECONNREFUSED|closed/],
  ] as const) {
    await begin()
    const said = await lacks(node, 'store', reason)
    t.match(said, { status: 200, ready: true })
    t.match(
      said.parts.find(({ name }) => name === 'store'),
      { ready: false, warning: true },
    )
    const user = await node.login('ann', Platform.Web, { token })
    t.equal(await user.ping('in'), 'in')
    await user.close()
    await end()
    await until('the store is back', async () => (await partOf(node, 'store'))!.ready)
  }
})

t.test('an outage is told with its reason, and not as "All promises were rejected"', async (t) => {
  const { redis, node } = await start(t)
  await redis.kill()
  const said = await lacks(node, 'store', /ECONNREFUSED/)
  t.notMatch(JSON.stringify(said), /All promises/)
  await redis.restart()
  await becomesReady(node)
})
