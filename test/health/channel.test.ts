/** A node that does not hear what others say is not ready, whatever its connection believes. */
import t, { type Test } from 'tap'
import { TestNode } from '../support/node.js'
import { startRedis, startRedisCluster } from '../support/redis.js'
import { becomesReady, lacks, readyz } from './room.js'

const LEASE_MS = '1500'

async function start(t: Test) {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const node = await TestNode.start(t, { REDIS_URL: redis.url, NODE_LEASE_MS: LEASE_MS })
  await becomesReady(node)
  return { redis, node, client: redis.client() }
}

t.test('a node whose right to its channel was taken away is not ready, until it has it back', async (t) => {
  const { node, client } = await start(t)
  t.equal(await node.metric('porchlight_channel_up'), 1)
  await client.call('ACL', 'SETUSER', 'default', 'resetchannels')
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  const said = await lacks(node, 'channel', /messages of other nodes are not received.*lacks a right/)
  t.equal(said.status, 503)
  t.ok(said.parts.find(({ name }) => name === 'store')!.ready, 'the store itself is well')
  t.equal(await node.metric('porchlight_channel_up'), 0)
  await client.call('ACL', 'SETUSER', 'default', 'allchannels')
  await becomesReady(node)
  t.equal(await node.metric('porchlight_channel_up'), 1)
  t.ok((await node.metric('porchlight_gaps_total')) > 0, 'what was said meanwhile is read again')
})

t.test('a lost listening connection that is soon back is no news', async (t) => {
  const { node, client } = await start(t)
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  t.ok((await readyz(node)).ready)
})

t.test('on a Cluster the channel is probed as well', async (t) => {
  const cluster = await startRedisCluster()
  t.teardown(() => cluster.stop())
  const node = await TestNode.start(t, { REDIS_CLUSTER_NODES: cluster.nodes, NODE_LEASE_MS: LEASE_MS })
  await becomesReady(node)
  const clients = cluster.masters.map((master) => master.client())
  for (const client of clients) {
    await client.call('ACL', 'SETUSER', 'default', 'resetchannels')
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  }
  await lacks(node, 'channel', /lacks a right/)
  for (const client of clients) await client.call('ACL', 'SETUSER', 'default', 'allchannels')
  await becomesReady(node)
})
