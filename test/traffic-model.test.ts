/** The traffic model: its limits, and its small end against what real nodes and a real Redis have counted. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import t from 'tap'
import { randomOf, watchedBy } from '../bench/load/choices.js'
import { chartSvg } from '../bench/model/chart.js'
import {
  type Cluster,
  DEFAULTS,
  globalChannel,
  interestRouting,
  nodesWatching,
  usersPerBatch,
} from '../bench/model/traffic.js'
import { Platform } from '../src/openim/platforms.js'
import type { OpenimClient } from '../src/sdk/openim-client.js'
import { eventually } from './support/eventually.js'
import { temporaryFolder } from './support/leftovers.js'
import { TestNode } from './support/node.js'
import { startRedis } from './support/redis.js'

const MAIN = new URL('../bench/model/main.js', import.meta.url)
const ROOT = new URL('../../', import.meta.url)
const cluster = (given: Partial<Cluster>): Cluster => ({
  ...DEFAULTS,
  nodes: 10,
  masters: 1,
  users: 10_000,
  ...given,
})
const isNear = (found: number, expected: number, part = 1e-9) => Math.abs(found - expected) <= part * expected

t.test('one node tells no other node anything', async (t) => {
  const { node, master } = interestRouting(cluster({ nodes: 1 }))
  t.same([node.heard, node.messages, master.messages], [0, 0, 0])
  t.ok(node.scripts > 0)
})

t.test('where everybody watches everybody, each node hears what the global channel brings', async (t) => {
  const all = cluster({ users: 1_000, watches: 999, flightMs: 0 })
  const { node } = interestRouting(all)
  const others = globalChannel(all).node.heard - node.changes
  t.ok(isNear(node.heard, others), 'but for its own changes')
  t.ok(isNear(node.messages, others), 'and nothing is batched')
  t.equal(nodesWatching(all), 9)
})

t.test('nobody is told what nobody watches', async (t) => {
  const { node, master } = interestRouting(cluster({ watches: 0 }))
  t.same([node.heard, node.messages, master.messages], [0, 0, 0])
  t.ok(globalChannel(cluster({ watches: 0 })).node.heard > 0)
})

t.test('few watchers are each on a node of their own, many are on all nodes', async (t) => {
  t.ok(isNear(nodesWatching(cluster({ nodes: 1_000, users: 1e6, watches: 5 })), 5, 0.01))
  t.ok(isNear(nodesWatching(cluster({ nodes: 5, users: 1e6, watches: 200 })), 4, 0.01))
})

t.test('quiet shards send each change at once, busy ones what came during a flight', async (t) => {
  t.ok(isNear(usersPerBatch(cluster({ changesPerUser: 1e-6 })), 1, 1e-6))
  const busy = cluster({ nodes: 1, users: 160_000, shards: 16, changesPerUser: 1, flightMs: 5 })
  t.ok(isNear(usersPerBatch(busy), 50, 1e-6), '10,000 a second a shard, for 5 ms')
  t.equal(usersPerBatch({ ...busy, flightMs: 5_000 }), busy.batchUsersMax)
})

t.test('users of one batch who interest a node come to it in one message', async (t) => {
  const busy = { users: 1e6, changesPerUser: 10, flightMs: 5, watches: 200 }
  const { node } = interestRouting(cluster(busy))
  t.ok(node.messages < node.heard / 20)
  const overMasters = interestRouting(cluster({ ...busy, masters: 10 })).node
  t.ok(overMasters.messages > node.messages, 'a batch is cut up by master')
  t.ok(isNear(overMasters.heard, node.heard), 'which changes nothing of what is heard')
  for (const masters of [1, 3, 10]) {
    const { node, master } = interestRouting(cluster({ ...busy, masters }))
    t.ok(isNear(master.messages * masters, node.messages * 10), 'masters pass on what nodes send')
  }
})

t.test('the chart has all its lines, and nothing in it is not a number', async (t) => {
  const svg = chartSvg((users, nodes) => cluster({ users, nodes, watches: Math.min(200, users - 1) }), 'x')
  t.equal(svg.match(/<polyline/g)!.length, 24)
  t.notMatch(svg, /NaN|Infinity|undefined/)
})

t.test('the chart of the documentation is the one that `npm run model` draws', async (t) => {
  const file = join(temporaryFolder('model'), 'traffic.svg')
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(MAIN), '--svg', file])
  t.equal(status, 0)
  t.match(String(stdout), /^nodes +masters +users /m)
  t.equal(readFileSync(file, 'utf8'), readFileSync(new URL('docs/traffic.svg', ROOT), 'utf8'))
})

/** Calls of a command that Redis has served since its counts were last reset. */
async function calls(redis: Redis, command: string): Promise<number> {
  const stats = await redis.info('commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
}

t.test('its small end: three nodes, users who watch by chance, and changes one by one', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = server.client()
  // Leases and records are not renewed while this lasts: scripts are those of changes only.
  const env = { REDIS_URL: server.url, NODE_LEASE_MS: '600000', PRESENCE_TTL_S: '86400' }
  const nodes = await Promise.all([1, 2, 3].map(() => TestNode.start(t, env)))
  const users = 150
  const watches = 3
  const nodeOf = (user: number) => user % nodes.length
  const userId = (user: number) => `u${user}`
  const watched = Array.from({ length: users }, (_, user) => watchedBy(user, watches, users, 1))

  // Each has a device that watches and stays, and one that goes: watches are the same until the end.
  const clients: OpenimClient[] = []
  for (const user of watched.keys()) {
    const node = nodes[nodeOf(user)]!
    const watcher = await node.login(userId(user), Platform.Web)
    await watcher.subscribe(watched[user]!.map(userId))
    clients.push(await node.login(userId(user), Platform.IOS))
  }
  // A verdict may come before Redis knows of the login.
  await eventually(async () => {
    const devices = await Promise.all(
      [...watched.keys()].map((user) => redis.zcard(`ONLINE:${userId(user)}`)),
    )
    return devices.every((count) => count === 2) || undefined
  })

  const total = async (name: string) =>
    (await Promise.all(nodes.map((node) => node.metric(name)))).reduce((a, b) => a + b)
  const before = {
    assertions: await total('porchlight_assertions_total'),
    heard: await total('porchlight_changes_heard_total'),
  }
  await redis.config('RESETSTAT')

  const random = randomOf(2)
  const leaving = [...clients.keys()].sort(() => random() - 0.5).slice(0, users / 2)
  const nodesThatHear = (user: number) => {
    const hear = new Set([...watched.keys()].filter((other) => watched[other]!.includes(user)).map(nodeOf))
    hear.delete(nodeOf(user))
    return hear.size
  }
  let exact = 0
  for (const user of leaving) {
    exact += nodesThatHear(user)
    await clients[user]!.close()
    const soFar = exact
    await eventually(async () => (await calls(redis, 'publish')) >= soFar || undefined)
  }
  await eventually(
    async () => (await total('porchlight_changes_heard_total')) - before.heard >= exact || undefined,
  )

  const counted = {
    assertions: (await total('porchlight_assertions_total')) - before.assertions,
    heard: (await total('porchlight_changes_heard_total')) - before.heard,
    messages: await calls(redis, 'publish'),
  }
  const scripts = await calls(redis, 'evalsha')
  // What is known of this very graph, to the last message. An assertion or a script may be sent again, on a slow
  // machine, which changes nothing and is told to nobody.
  t.same([counted.heard, counted.messages], [exact, exact])
  t.ok(counted.assertions >= leaving.length)
  t.ok(scripts >= leaving.length)
  // What the model expects of any such graph: a change of each who left, a second, and no two in one flight.
  const model = interestRouting({
    ...DEFAULTS,
    nodes: nodes.length,
    masters: 1,
    users,
    watches,
    changesPerUser: leaving.length / users,
    flightMs: 0,
  })
  const share = { assertions: model.node.changes, heard: model.node.heard, messages: model.node.messages }
  for (const name of ['assertions', 'heard', 'messages'] as const) {
    const expected = share[name] * nodes.length
    t.ok(isNear(counted[name], expected, 0.1), `${name}: ${counted[name]}, the model has ${expected}`)
  }
  t.ok(
    isNear(scripts, model.master.scripts, 0.1),
    `scripts: ${scripts}, the model has ${model.master.scripts}`,
  )
  t.ok(isNear(counted.messages, model.master.messages, 0.1))

  // All the others at once: the same changes are heard, in fewer messages and scripts or as many.
  const rest = [...clients.keys()].filter((user) => !leaving.includes(user))
  const later = rest.reduce((sum, user) => sum + nodesThatHear(user), 0)
  await redis.config('RESETSTAT')
  await Promise.all(rest.map((user) => clients[user]!.close()))
  const heardThen = async () => (await total('porchlight_changes_heard_total')) - before.heard - exact
  await eventually(async () => (await heardThen()) >= later || undefined)
  t.equal(await heardThen(), later)
  t.ok((await calls(redis, 'publish')) <= later)
  t.ok((await calls(redis, 'evalsha')) <= rest.length * 1.1)
})
