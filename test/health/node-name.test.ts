/** Two processes with one NODE_ID took each other's name for ever, and both said that they were ready. */
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { ChildNode } from '../support/child-node.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode } from '../support/node.js'
import { startRedis, until } from '../support/redis.js'
import { becomesReady, lacks, readyz } from './room.js'

const LEASE_MS = 4_000

async function start(t: Test) {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const env = {
    REDIS_URL: redis.url,
    NODE_LEASE_MS: String(LEASE_MS),
    NODE_ID: 'gw-0',
    OFFLINE_GRACE_MS: '4000',
  }
  const client = redis.client()
  return { env, client, epochs: async () => String(await client.get('EPOCH:{PORCHLIGHT:NODES}:gw-0')) }
}

async function scriptCalls(client: Redis): Promise<number> {
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats'))![1])
}

t.test(
  'the earlier of two processes with one name stands aside, and is back when the other is gone',
  async (t) => {
    const { env, client, epochs } = await start(t)
    const first = await TestNode.start(t, env)
    await becomesReady(first)
    const ann = await first.login('ann', Platform.Web)
    const second = await TestNode.start(t, env)
    const said = await lacks(first, 'node-id', /another process has the NODE_ID gw-0 .*NODE_ID of its own/)
    t.equal(said.status, 503)
    t.match(
      said.parts.find(({ name }) => name === 'store'),
      { ready: true },
      'the store is not to blame',
    )
    t.equal(await eventually(() => ann.closeCode), CloseCode.GoingAway, 'its clients are sent away')
    await becomesReady(second)
    const bob = { userId: 'bob', platformId: Platform.Web, token: await second.token('bob', Platform.Web) }
    await t.rejects(OpenimClient.connect({ url: first.wsUrl, ...bob }), /1601/)

    const watcher = await second.login('watcher', Platform.Web)
    await watcher.subscribe(['ann'])
    await second.login('ann', Platform.Web, { token: await second.token('ann', Platform.Web) })
    await seesOn(watcher, 'ann', [Platform.Web])
    const before = await epochs()
    const calls = await scriptCalls(client)
    await until('both have renewed or looked', async () => (await scriptCalls(client)) > calls + 8)
    t.equal(await epochs(), before, 'nobody takes the name any more')
    t.ok((await readyz(second)).ready)

    await second.supervisor.stop()
    await becomesReady(first)
    const back = await first.login('ann', Platform.Web)
    t.equal(await back.ping('in'), 'in')
  },
)

t.test('a process that was frozen and replaced meanwhile stands aside, and takes nothing back', async (t) => {
  const { env, epochs } = await start(t)
  const frozen = await ChildNode.start(t, env)
  frozen.freeze()
  const replacement = await ChildNode.start(t, env)
  const before = await epochs()
  await new Promise((resolve) => setTimeout(resolve, 1.2 * LEASE_MS))
  frozen.thaw()
  await lacks(frozen, 'node-id', /another process/)
  t.equal(await epochs(), before)
  t.ok((await readyz(replacement)).ready)
  await replacement.kill()
  await becomesReady(frozen)
})

t.test('a process that is killed and started again has its name at once', async (t) => {
  const { env } = await start(t)
  const first = await ChildNode.start(t, env)
  await first.kill()
  const again = await ChildNode.start(t, env)
  t.ok((await readyz(again)).ready)
  await again.stop()
})

t.test('a sync thread that is hosted anew is no other process', async (t) => {
  const { env } = await start(t)
  const node = await TestNode.start(t, env)
  await becomesReady(node)
  const ann = await node.login('ann', Platform.Web)
  const { host } = node.supervisor
  host.control(host.threads.find(({ role }) => role === 'sync')!).fault('throw')
  await until('sync is hosted anew', () => host.restarts.sync === 1)
  await becomesReady(node)
  t.equal(await ann.ping('in'), 'in')
  t.equal(ann.closeCode, undefined)
})
