/** Kicks over REST, through a node that does not hold the user: which logins end, and that the token is good nowhere. */

import slotOf from 'cluster-key-slot'
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { PlatformId, UserId } from '../../src/rules/types.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { ChildNode } from '../support/child-node.js'
import { Device } from '../support/device.js'
import { eventually } from '../support/eventually.js'
import { TestNode } from '../support/node.js'
import { startRedisCluster } from '../support/redis.js'
import { askRest } from '../support/rest.js'
import { recordedState, recordKey } from '../support/tokens.js'
import { Wire } from '../support/wire.js'
import { GOOD, KICKED, newDevice, seed, startNodes, startStore } from './races.js'

/** Its kick frame has come, and its connection has ended. */
async function isKicked(device: Device): Promise<void> {
  await eventually(() => (device.isIn ? undefined : true))
  if (device.kicks !== 1) throw new Error(`${device.userId} got ${device.kicks} kick frames`)
}

/** The error code of a login that is refused; 0 = accepted. */
async function refusalOf(t: Test, { userId, platformId, token }: Device, node: { wsUrl: string }) {
  const again = new Device(userId, platformId, token)
  return (await again.login(t, node)) ? 0 : again.refusals[0]!
}

/** Wait until the node knows of this many connections of the user, on all nodes. */
async function listed(node: TestNode, userId: UserId, count: number) {
  return eventually(async () => {
    const connections = await node.admin.connections(userId)
    return connections.length === count ? connections : undefined
  })
}

t.test('kicks over REST, on three nodes', async (t) => {
  const { server, redis } = await startStore(t)
  const env = { REDIS_URL: server.url }
  const nodes = await startNodes(t, 3, env)
  const [a, b, c] = nodes as [TestNode, TestNode, TestNode]

  /** A device in on `node`, whose token every node has found good a moment ago. */
  async function arrive(userId: UserId, platformId: PlatformId, node: TestNode): Promise<Device> {
    const device = await newDevice(redis, userId, platformId)
    for (const one of nodes) {
      const before = new Device(userId, platformId, device.token)
      await before.login(t, one)
      await before.client!.close()
    }
    await device.login(t, node)
    return device
  }

  /** An iPhone and a browser on one node, an Android on another, and somebody else. */
  async function household(t: Test, userId: UserId) {
    const home = {
      phone: await arrive(userId, Platform.IOS, a),
      web: await arrive(userId, Platform.Web, a),
      android: await arrive(userId, Platform.Android, b),
      stranger: await arrive(`${userId}-other`, Platform.IOS, a),
    }
    await listed(c, userId, 3)
    /** Exactly these were kicked, and their tokens are good nowhere; the others have noticed nothing. */
    const onlyKicked = async (kicked: Device[]) => {
      for (const device of kicked) {
        // Its token was flagged before it was told.
        await isKicked(device)
        for (const node of nodes)
          t.equal(await refusalOf(t, device, node), WireCode.TokenKickedError, 'its token is good nowhere')
        t.equal(await recordedState(redis, device), KICKED)
      }
      for (const device of Object.values(home)) {
        if (kicked.includes(device)) continue
        t.equal(await device.client!.ping('here'), 'here', 'who was not meant is still here')
        t.same([device.kicks, await recordedState(redis, device)], [0, GOOD])
        for (const node of nodes) t.equal(await refusalOf(t, device, node), 0, 'and their token is good')
      }
    }
    return { ...home, onlyKicked }
  }

  await t.test("the list shows a user's connections of all nodes", async (t) => {
    await household(t, 'lister')
    for (const node of nodes) {
      const connections = await node.admin.connections('lister')
      t.same(
        connections.map(({ platform, nodeID, isBackground }) => ({ platform, nodeID, isBackground })),
        [
          { platform: 'IOS', nodeID: a.nodeId, isBackground: false },
          { platform: 'Android', nodeID: b.nodeId, isBackground: false },
          { platform: 'Web', nodeID: a.nodeId, isBackground: false },
        ],
      )
      t.equal(new Set(connections.map(({ connectionID }) => connectionID)).size, 3)
    }
    t.same(await c.admin.connections('nobody'), [])
  })

  await t.test('a user', async (t) => {
    const { phone, web, android, onlyKicked } = await household(t, 'whole')
    t.equal(await c.admin.kick('whole'), 3)
    await onlyKicked([phone, web, android])
    t.same(await c.admin.connections('whole'), [])
    t.equal(await c.admin.kick('whole'), 0, 'there is nobody left')
  })

  await t.test('a user on one platform', async (t) => {
    const { web, onlyKicked } = await household(t, 'platform')
    t.equal(await c.admin.kick('platform', { platformID: Platform.Web }), 1)
    await onlyKicked([web])
  })

  await t.test('one connection of the list', async (t) => {
    const { android, onlyKicked } = await household(t, 'one')
    const { connectionID } = (await c.admin.connections('one')).find(
      ({ platformID }) => platformID === Platform.Android,
    )!
    t.equal(await c.admin.kick('one', { connectionID }), 1)
    await onlyKicked([android])
    t.equal(await c.admin.kick('one', { connectionID }), 0, 'that connection is no more')
  })

  await t.test('one connection of two that were made with the same token', async (t) => {
    const first = await arrive('twins', Platform.Web, a)
    const second = new Device('twins', Platform.Web, first.token)
    await second.login(t, b)
    const { connectionID } = (await listed(c, 'twins', 2)).find(({ nodeID }) => nodeID === a.nodeId)!
    t.equal(await c.admin.kick('twins', { connectionID }), 1)
    await isKicked(first)
    t.equal(await refusalOf(t, first, c), WireCode.TokenKickedError)
  })

  await t.test('the logins of one token', async (t) => {
    const { phone, onlyKicked } = await household(t, 'token')
    t.equal(await c.admin.kick('token', { token: phone.token }), 1)
    await onlyKicked([phone])
  })

  await t.test('/auth/force_logout, on HarmonyOS', async (t) => {
    const { onlyKicked } = await household(t, 'harmony')
    const tablet = await arrive('harmony', Platform.HarmonyOS, b)
    await listed(c, 'harmony', 4)
    await c.admin.forceLogout('harmony', Platform.HarmonyOS)
    await onlyKicked([tablet])
  })

  await t.test('/auth/kick_tokens', async (t) => {
    const { phone, android, onlyKicked } = await household(t, 'tokens')
    const tokens = [phone.token, 'no token', android.token]
    t.match(await askRest(c, '/auth/kick_tokens', { tokens }), { errCode: 0, data: { skipped: [1] } })
    await onlyKicked([phone, android])
  })

  await t.test('/auth/invalidate_token spares the one that is preserved', async (t) => {
    const { phone, onlyKicked } = await household(t, 'spared')
    const second = await arrive('spared', Platform.IOS, b)
    const kept = await arrive('spared', Platform.IOS, c)
    await listed(c, 'spared', 5)
    const preserving = { userID: 'spared', platformID: Platform.IOS, preservedToken: kept.token }
    t.match(await askRest(c, '/auth/invalidate_token', preserving), { errCode: 0 })
    await onlyKicked([phone, second])
    t.equal(await kept.client!.ping('here'), 'here')
    t.same([kept.kicks, await recordedState(redis, kept)], [0, GOOD])
  })

  await t.test('a user who logs out and in again is out of reach of the kick before', async (t) => {
    const phone = await arrive('returns', Platform.IOS, a)
    await listed(c, 'returns', 1)
    t.equal(await c.admin.kick('returns'), 1)
    await isKicked(phone)
    const anew = await newDevice(redis, 'returns', Platform.IOS)
    t.ok(await anew.login(t, a), 'with a new token they are welcome')
    t.same((await listed(c, 'returns', 1)).length, 1)
    t.equal(await anew.client!.ping('here'), 'here')
  })
})

t.test('a login that was under way when its token was kicked does not stay', async (t) => {
  const { server, redis } = await startStore(t)
  const wire = await Wire.start(t, server.port, () => 1)
  const far = await TestNode.start(t, { REDIS_URL: wire.url })
  const near = await TestNode.start(t, { REDIS_URL: server.url })
  const kicks: Record<string, (device: Device) => Promise<unknown>> = {
    user: ({ userId }) => near.admin.kick(userId),
    platform: ({ userId, platformId }) => near.admin.forceLogout(userId, platformId),
    token: ({ userId, token }) => near.admin.kick(userId, { token }),
  }
  for (const [name, kick] of Object.entries(kicks)) {
    // Found good there a moment ago, so that the next login asks nobody; and what the store says comes late.
    wire.delayMaxMs = 0
    const device = await newDevice(redis, `overtaken-${name}`, Platform.IOS)
    await device.login(t, far)
    await device.client!.close()
    await listed(near, device.userId, 0)
    wire.delayMaxMs = 300
    await kick(device)
    if (await device.login(t, far))
      await isKicked(device).catch((error: Error) => t.fail(`${name}: ${error.message}`))
    t.equal(device.isIn, false, `kicked by ${name}`)
    t.equal(await refusalOf(t, device, far), WireCode.TokenKickedError)
  }
  wire.delayMaxMs = 0
})

t.test('no login stays that met the kick of its token at the same instant', async (t) => {
  const USERS = 300
  const AT_ONCE = 30
  const { server, redis } = await startStore(t)
  const env = { REDIS_URL: server.url }
  const [a, b] = (await startNodes(t, 2, env)) as [TestNode, TestNode]
  const random = mulberry32(seed)
  const devices: Device[] = []
  const kicks = [
    ({ userId }: Device) => b.admin.kick(userId),
    ({ userId, platformId }: Device) => b.admin.forceLogout(userId, platformId),
    ({ token }: Device) => askRest(b, '/auth/kick_tokens', { tokens: [token] }),
  ]
  for (let n = 0; n < USERS; n += AT_ONCE) {
    const some = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, m) => newDevice(redis, `at-once-${n + m}`, Platform.IOS)),
    )
    devices.push(...some)
    await Promise.all(
      some.map(async (device, m) => {
        const kick = kicks[m % kicks.length]!
        const login = device.login(t, a)
        // A login takes some milliseconds, and so does a kick.
        await new Promise((resolve) => setTimeout(resolve, random() * 20))
        await Promise.all([kick(device), login])
      }),
    )
  }
  await eventually(() => (devices.every(({ isIn }) => !isIn) ? true : undefined)).catch(() => {})
  for (const device of devices) {
    if (device.isIn)
      t.fail(`seed ${seed}: ${device.userId} is in, token ${await recordedState(redis, device)}`)
    if (device.kicks + device.refusals.length !== 1) t.fail(`${device.userId} was told ${device.kicks} times`)
  }
  const met = devices.filter(({ kicks }) => kicks > 0).length
  t.comment(`seed ${seed}: ${met} were kicked, ${USERS - met} refused`)
  t.ok(met > 0 && met < USERS, 'some were in before, some were too late')
})

/** A kick again and again until it succeeds. Every answer came within its deadline, or this throws. */
async function kickUntilDone(t: Test, node: TestNode, device: Device, deadlineMs: number): Promise<void> {
  for (;;) {
    const startMs = performance.now()
    const { errCode, errDlt, data } = await askRest(
      node,
      '/connection/kick',
      { userID: device.userId },
      deadlineMs,
    )
    const tookMs = Math.round(performance.now() - startMs)
    if (errCode === 0) {
      t.comment(`a kick took ${tookMs} ms and ended ${(data as { kicked: number }).kicked}`)
      return
    }
    t.comment(`a kick said after ${tookMs} ms that it failed: ${errCode} ${errDlt}`)
  }
}

const KICK_DEADLINE_MS = 15_000

t.test('a kick during a fail-over of Redis takes effect, or says that it failed', async (t) => {
  const WITHIN_MS = 30_000
  const cluster = await startRedisCluster({ replicas: true })
  t.teardown(() => cluster.stop())
  const redis = cluster.client()
  const env = { REDIS_CLUSTER_NODES: cluster.nodes }
  const [a, b] = (await startNodes(t, 2, env)) as [TestNode, TestNode]
  // Whose presence and whose tokens are on the first master: slots are shared out evenly, in order.
  const isOnFirst = (key: string) => slotOf(key) < Math.floor(16_384 / 3)
  const ids = Array.from({ length: 1_000 }, (_, n) => `lost-${n}`)
  const userId = ids.find((id) => isOnFirst(`ONLINE:${id}`) && isOnFirst(recordKey(id, Platform.IOS)))!
  const device = await newDevice(redis, userId, Platform.IOS)
  await device.login(t, a)
  await listed(b, userId, 1)
  await cluster.masters[0]!.client().call('WAIT', 1, 5_000)
  const before = await b.admin.connections(userId)
  t.equal(before.length, 1)

  await cluster.masters[0]!.kill()
  const killedMs = performance.now()
  await kickUntilDone(t, b, device, KICK_DEADLINE_MS)
  const doneMs = performance.now() - killedMs
  t.comment(`the kick succeeded ${Math.round(doneMs)} ms after the master was killed (node timeout 2000 ms)`)
  t.ok(doneMs < WITHIN_MS)
  t.same(await b.admin.connections(userId), [], 'what says that it succeeded has succeeded')
  await isKicked(device)
  for (const node of [a, b]) {
    const code = await refusalOf(t, device, node)
    t.ok(
      code === WireCode.TokenKickedError || code === WireCode.TokenNotExistError,
      `${code}: the token is good no more`,
    )
  }
})

t.test('a kick while Redis hangs says that it failed, and takes effect when it is repeated', async (t) => {
  const { server, redis } = await startStore(t)
  const env = { REDIS_URL: server.url }
  const [a, b] = (await startNodes(t, 2, env)) as [TestNode, TestNode]
  const device = await newDevice(redis, 'ann', Platform.IOS)
  await device.login(t, a)
  const [connection] = await listed(b, 'ann', 1)
  await a.admin.login()

  server.freeze()
  t.teardown(() => server.thaw())
  const { connectionID } = connection!
  const calls: [string, object][] = [
    ['/connection/kick', { userID: 'ann' }],
    ['/connection/kick', { userID: 'ann', connectionID }],
    ['/auth/force_logout', { userID: 'ann', platformID: Platform.IOS }],
  ]
  await Promise.all(
    calls.map(async ([path, body]) => {
      const startMs = performance.now()
      const { errCode, errDlt } = await askRest(b, path, body, KICK_DEADLINE_MS)
      t.not(errCode, 0, `${path} failed: ${errCode} ${errDlt}`)
      t.comment(`${path} said so after ${Math.round(performance.now() - startMs)} ms`)
    }),
  )
  server.thaw()
  await kickUntilDone(t, b, device, KICK_DEADLINE_MS)
  t.same(await b.admin.connections('ann'), [])
  await isKicked(device)
  for (const node of [a, b]) t.equal(await refusalOf(t, device, node), WireCode.TokenKickedError)
})

t.test('while a node hangs, the list has the connections of the others and names that node', async (t) => {
  const { server, redis } = await startStore(t)
  // Longer than the test: a node whose lease has ended holds nobody.
  const env = { REDIS_URL: server.url, NODE_LEASE_MS: '300000' }
  const here = await TestNode.start(t, env)
  const hangs = await ChildNode.start(t, env)
  const [phone, web] = [
    await newDevice(redis, 'ann', Platform.IOS),
    await newDevice(redis, 'ann', Platform.Web),
  ]
  await phone.login(t, here)
  await web.login(t, hangs)
  await listed(here, 'ann', 2)
  hangs.freeze()
  t.teardown(() => hangs.thaw())
  const { connections, unansweredNodes } = await here.admin.knownConnections('ann')
  t.match(connections, [{ platformID: Platform.IOS, nodeID: here.nodeId }])
  t.same(unansweredNodes, [hangs.nodeId])
  const kick = await askRest(here, '/connection/kick', { userID: 'ann' }, KICK_DEADLINE_MS)
  t.match(kick, { errCode: WireCode.NetworkError, data: { kicked: 1, unansweredNodes: [hangs.nodeId] } })
  await isKicked(phone)
})
