/**
 * Logins of one user that conflict, one after another, on several nodes and one Redis: who stays, and what becomes of
 * the tokens.
 */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import { mulberry32 } from '../../src/runtime/testkit/world.js'
import { ChildNode } from '../support/child-node.js'
import { Device } from '../support/device.js'
import { eventually } from '../support/eventually.js'
import { inParallel } from '../support/in-parallel.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { claimants, recordedState } from '../support/tokens.js'
import { Wire } from '../support/wire.js'
import {
  allNodesList,
  describe,
  GOOD,
  KICKED,
  newDevice,
  onlyOneIn,
  seed,
  startNodes,
  startStore,
  statesOf,
} from './races.js'

t.comment(`seed ${seed}`)

t.test(
  'a device that comes back on another node takes the place of its half-open socket in silence',
  async (t) => {
    const { url, redis } = await startStore(t)
    const [a, b] = (await startNodes(t, 2, { REDIS_URL: url, LOGIN_POLICY: '1' })) as [TestNode, TestNode]
    const watchers = await Promise.all([
      a.login('watcher-a', Platform.Web),
      b.login('watcher-b', Platform.Web),
    ])
    for (const watcher of watchers) await watcher.subscribe(['ann'])
    const phone = await newDevice(redis, 'ann', Platform.Android)
    await phone.login(t, a)
    for (const watcher of watchers) await seesOn(watcher, 'ann', [Platform.Android])
    const old = phone.client!
    old.pause()

    t.ok(await phone.login(t, b))
    // Its own node closes the old one, which does not answer.
    await eventually(
      async () => (await a.metric('porchlight_closes_total', 'reason="replaced"')) || undefined,
    )
    t.equal(await a.metric('porchlight_connections'), 1)
    old.resume()
    await eventually(() => old.closeCode)
    t.same([old.isKicked, phone.kicks, phone.isIn], [false, 0, true], 'no kick frame, and the new one lives')
    t.equal(await recordedState(redis, phone), GOOD)
    t.same(await allNodesList([a, b], 'ann'), [1, 1])
    await eventually(async () => ((await claimants(redis, 'ann')).join() === b.nodeId ? true : undefined))

    // Home again, and what comes after: by then the watchers have been told of whatever happened before.
    await phone.client!.terminate()
    t.ok(await phone.login(t, a), 'and it may come back once more')
    const web = await newDevice(redis, 'ann', Platform.Web)
    await web.login(t, b)
    for (const watcher of watchers) await seesOn(watcher, 'ann', [Platform.Android, Platform.Web])
    t.ok(phone.isIn)
    for (const watcher of watchers)
      t.same(toldOf(watcher, 'ann'), ['', '2', '2,5'], 'never offline in between')
    t.equal(phone.kicks, 0)
  },
)

t.test(
  'login A, login B, login A again within 100 ms on three nodes far from Redis: one device stays',
  async (t) => {
    const USERS = 30
    const WITHIN_MS = 100
    const { server, redis } = await startStore(t)
    const random = mulberry32(seed)
    const wires = await Promise.all(
      [0, 1, 2].map((n) => Wire.start(t, server.port, mulberry32(seed + 1 + n))),
    )
    const nodes = await Promise.all(
      wires.map(({ url }) => TestNode.start(t, { REDIS_URL: url, LOGIN_POLICY: '1' })),
    )
    for (const wire of wires) wire.delayMaxMs = 500

    async function race(userId: UserId): Promise<{ userId: UserId; logins: Device[]; b: Device }> {
      const first = await newDevice(redis, userId, Platform.Android)
      const b = await newDevice(redis, userId, Platform.Android)
      // The same token, a login of its own.
      const again = new Device(userId, Platform.Android, first.token)
      const anyNode = () => Math.floor(random() * nodes.length)
      const from = anyNode()
      // On three nodes; for half of the users on some of them, so that one may have logins before and after another's.
      const places = random() < 0.5 ? [from, from + 1, from + 2] : [from, anyNode(), anyNode()]
      const bMs = random() * WITHIN_MS
      const againMs = bMs + random() * (WITHIN_MS - bMs)
      const logins = [first, b, again]
      await Promise.all(
        [0, bMs, againMs].map(async (afterMs, n) => {
          await new Promise((resolve) => setTimeout(resolve, afterMs))
          await logins[n]!.login(t, nodes[places[n]! % nodes.length]!)
        }),
      )
      return { userId, logins, b }
    }

    /** Whether what is true of a user is as it has to be when all is quiet. */
    async function isRight({ logins, b }: { logins: Device[]; b: Device }): Promise<boolean> {
      // Both logins of A stay where B was the first of the three.
      const devices = new Set(logins.filter(({ isIn }) => isIn).map(({ token }) => token))
      if (devices.size !== 1) return false
      const [ofA, ofB] = await statesOf(redis, [logins[0]!, b])
      return devices.has(b.token) ? ofA === KICKED && ofB === GOOD : ofA === GOOD && ofB === KICKED
    }

    const stayed: Record<string, number> = {}
    const userIds = Array.from({ length: USERS }, (_, n) => `racer-${n}`)
    const races = await Promise.all(userIds.map(race))
    const wrong = async () => {
      const right = await Promise.all(races.map(isRight))
      return races.filter((_, n) => !right[n])
    }
    await eventually(async () => ((await wrong()).length === 0 ? true : undefined)).catch(async () => {
      for (const one of await wrong()) t.fail(await describe(redis, one.logins))
    })
    // What the nodes still had to say to each other has been said when each has asked all others.
    const lists = await Promise.all(userIds.map((userId) => allNodesList(nodes, userId)))
    t.ok(
      lists.every((counts, n) => {
        const inside = races[n]!.logins.filter(({ isIn }) => isIn).length
        return counts.every((count) => count === inside)
      }),
      'each node sees the connections of each user',
    )
    t.equal((await wrong()).length, 0, 'and it is still so')
    for (const { logins } of races) {
      t.ok(
        logins.every(({ refusals }) => refusals.every((code) => code === WireCode.TokenKickedError)),
        'nobody was refused but for a kicked token',
      )
      const which = ['A', 'B', 'A again'].filter((_, n) => logins[n]!.isIn).join(' and ')
      stayed[which] = (stayed[which] ?? 0) + 1
    }
    for (const wire of wires) wire.delayMaxMs = 0
    t.comment(`seed ${seed}: who stayed: ${JSON.stringify(stayed)}`)
  },
)

for (const { policy, platforms } of [
  { policy: '5', platforms: [Platform.Android, Platform.IPad] },
  { policy: '4', platforms: [Platform.Android, Platform.IOS] },
]) {
  t.test(
    `two devices that reconnect by themselves under policy ${policy}: one is told to stop, and rest comes`,
    async (t) => {
      const PAIRS = 20
      const BREAKS = 6
      const { url, redis } = await startStore(t)
      const nodes = await startNodes(t, 2, { REDIS_URL: url, LOGIN_POLICY: policy })
      const random = mulberry32(seed)
      const anyNode = () => nodes[Math.floor(random() * nodes.length)]!

      /** Come, and come again whenever the connection ends, until told not to. Resolves then. */
      async function stayIn(device: Device): Promise<void> {
        while (!device.isFinal) {
          if (!(await device.login(t, anyNode()))) continue
          const client = device.client!
          if (client.closeCode === undefined) await new Promise((resolve) => client.once('close', resolve))
        }
      }

      const pairs = await Promise.all(
        Array.from({ length: PAIRS }, async (_, n) =>
          Promise.all(platforms.map((platformId) => newDevice(redis, `pair-${n}`, platformId))),
        ),
      )
      const running = pairs.flat().map((device) => stayIn(device))
      t.teardown(() => Promise.allSettled(running))
      // Links break meanwhile, so that both come back again and again.
      for (let n = 0; n < BREAKS; n++) {
        await new Promise((resolve) => setTimeout(resolve, 20 + random() * 80))
        await Promise.all(pairs.flat().map((device) => random() < 0.5 && device.client?.terminate()))
      }
      for (const pair of pairs) {
        const stays = await eventually(() => {
          const [final, other] = pair.filter(({ isFinal }) => isFinal)
          if (final === undefined || other !== undefined) return undefined
          return pair.find((device) => device !== final && device.isIn)
        }).catch(async () => void t.fail(await describe(redis, pair)))
        if (stays === undefined) continue
        const goes = pair.find((device) => device !== stays)!
        t.equal(await stays.client!.ping('still here'), 'still here')
        t.same(await allNodesList(nodes, stays.userId), [1, 1])
        t.same(await statesOf(redis, [stays, goes]), [GOOD, KICKED])
        t.ok(stays.isIn && goes.isFinal && !goes.isIn)
        t.same(stays.kicks, 0)
        t.ok(goes.kicks <= 1, 'one kick at most')
        t.ok(goes.refusals.every((code) => code === WireCode.TokenKickedError))
      }
      const sum = (of: (device: Device) => number) => pairs.flat().reduce((total, one) => total + of(one), 0)
      t.comment(`seed ${seed}: ${sum(({ logins }) => logins)} logins, ${sum(({ kicks }) => kicks)} kicks`)
      // Rest: nobody tries any more. Who stays is let go here.
      for (const device of pairs.flat()) if (device.isIn) device.kicks++
      for (const device of pairs.flat()) await device.client?.terminate()
      await Promise.all(running)
    },
  )
}

t.test('a node that hangs holds up no login on the others, and obeys when it is back', async (t) => {
  const USERS = 150
  const AT_ONCE = 8
  const { url, redis } = await startStore(t)
  const env = { REDIS_URL: url, LOGIN_POLICY: '1' }
  const nodes = await startNodes(t, 3, env)
  const hanging = await ChildNode.start(t, env)

  /** Who is on `holder`, and the other device that comes meanwhile. */
  async function pairsOn(holder: { wsUrl: string }, name: string): Promise<[Device, Device][]> {
    const pairs: [Device, Device][] = []
    const userIds = Array.from({ length: USERS }, (_, n) => `${name}-${n}`)
    await inParallel(userIds, AT_ONCE, async (userId) => {
      const [there, comes] = [
        await newDevice(redis, userId, Platform.Android),
        await newDevice(redis, userId, Platform.Android),
      ]
      await there.login(t, holder)
      pairs.push([there, comes])
    })
    await eventually(async () => {
      const holders = await Promise.all(userIds.map((userId) => claimants(redis, userId)))
      return holders.every((nodeIds) => nodeIds.length === 1) ? true : undefined
    })
    return pairs
  }

  /** The newcomers log in on the other nodes. Their times, ms, ascending. */
  async function come(pairs: readonly [Device, Device][]): Promise<number[]> {
    const times: number[] = []
    let n = 0
    await inParallel(pairs, AT_ONCE, async ([, comes]) => {
      const startMs = performance.now()
      const isIn = await comes.login(t, nodes[1 + (n++ % 2)]!)
      times.push(performance.now() - startMs)
      if (!isIn) t.fail(`${comes.userId} was refused: ${comes.refusals.join()}`)
    })
    return times.sort((a, b) => a - b)
  }

  const show = (times: readonly number[]) => {
    const at = (part: number) =>
      times[Math.min(times.length - 1, Math.floor(times.length * part))]!.toFixed(1)
    return `median ${at(0.5)} ms, p99 ${at(0.99)} ms`
  }
  await come(await pairsOn(nodes[0]!, 'warm-up'))
  const before = await come(await pairsOn(nodes[0]!, 'before'))
  const held = await pairsOn(hanging, 'held')
  hanging.freeze()
  t.teardown(() => hanging.thaw())
  const during = await come(held)
  t.equal(during.length, USERS)
  t.ok(
    held.every(([there, comes]) => there.isIn && comes.isIn),
    'all are in, and the node that hangs has not moved',
  )
  hanging.thaw()
  await eventually(() => (held.every(([there]) => !there.isIn) ? true : undefined))
  t.ok(
    held.every(([there, comes]) => there.kicks === 1 && comes.isIn && comes.kicks === 0),
    'the login that it held has been kicked',
  )
  for (const pair of held) t.same(await statesOf(redis, pair), [KICKED, GOOD])
  t.comment(`logins that remove one on a node that is well: ${show(before)}`)
  t.comment(`logins that remove one on a node that hangs:   ${show(during)}`)
})

t.test('a node that hung for longer than its lease gives way to logins made meanwhile', async (t) => {
  const LEASE_MS = 1_000
  const { url, redis } = await startStore(t)
  const env = { REDIS_URL: url, LOGIN_POLICY: '1', NODE_LEASE_MS: String(LEASE_MS) }
  const [node] = (await startNodes(t, 1, env)) as [TestNode]
  const hanging = await ChildNode.start(t, env)
  const pairs: [Device, Device][] = []
  for (let n = 0; n < 20; n++) {
    const pair: [Device, Device] = [
      await newDevice(redis, `late-${n}`, Platform.Android),
      await newDevice(redis, `late-${n}`, Platform.Android),
    ]
    await pair[0].login(t, hanging)
    pairs.push(pair)
  }
  await eventually(async () => (await claimants(redis, 'late-19')).length || undefined)
  hanging.freeze()
  t.teardown(() => hanging.thaw())
  for (const [, comes] of pairs) t.ok(await comes.login(t, node))
  await eventually(async () =>
    (await redis.zcount('PORCHLIGHT:NODES', Date.now(), '+inf')) === 1 ? true : undefined,
  )
  // The node that hangs counts as dead: nodes that sent it evictions have been told that it holds no login.
  await eventually(async () => ((await node.admin.connections('late-0')).length === 1 ? true : undefined))
  hanging.thaw()
  await eventually(() => (pairs.every(([there]) => !there.isIn) ? true : undefined))
  for (const pair of pairs) {
    t.same([pair[0].kicks, pair[1].kicks, pair[1].isIn], [1, 0, true])
    t.same(await statesOf(redis, pair), [KICKED, GOOD])
  }
})

t.test('logins while shards are hosted anew on both nodes: one of two stays', async (t) => {
  const PAIRS = 40
  const APART_MS = 5
  const { url, redis } = await startStore(t)
  const [a, b] = (await startNodes(t, 2, {
    REDIS_URL: url,
    LOGIN_POLICY: '1',
    SHARD_THREADS: '1',
  })) as [TestNode, TestNode]
  const pairs = await Promise.all(
    Array.from({ length: PAIRS }, async (_, n): Promise<[Device, Device]> => {
      const userId = `rehosted-${n}`
      return [
        await newDevice(redis, userId, Platform.Android),
        await newDevice(redis, userId, Platform.Android),
      ]
    }),
  )
  for (const [there] of pairs) await there.login(t, a)
  await eventually(async () => (await claimants(redis, `rehosted-${PAIRS - 1}`)).length || undefined)
  // What it knows of its logins after this is only that they are old.
  await rehostShards(a)
  const rehosted = rehostShards(b)
  await Promise.all(
    pairs.map(async ([, comes], n) => {
      await new Promise((resolve) => setTimeout(resolve, n * APART_MS))
      t.ok(await comes.login(t, b))
    }),
  )
  await rehosted
  const isRight = async (pair: [Device, Device]) => {
    const stays = onlyOneIn(pair)
    const goes = pair.find((device) => device !== stays)!
    return stays !== undefined && (await statesOf(redis, [stays, goes])).join() === `${GOOD},${KICKED}`
  }
  const wrong = async () => {
    const right = await Promise.all(pairs.map(isRight))
    return pairs.filter((_, n) => !right[n])
  }
  await eventually(async () => ((await wrong()).length === 0 ? true : undefined)).catch(async () => {
    for (const pair of await wrong()) t.fail(await describe(redis, pair))
  })
  for (const [{ userId }] of pairs) t.same(await allNodesList([a, b], userId), [1, 1])
  t.equal((await wrong()).length, 0, 'and it is still so')
})

/** End the thread of a node's shards; resolves when another has taken its place and knows its connections. */
async function rehostShards({ supervisor }: TestNode): Promise<void> {
  const thread = supervisor.host.threads.find(({ role }) => role === 'shard')!
  const before = supervisor.host.restarts.shard ?? 0
  supervisor.host.control(thread).fault('throw')
  await eventually(() => ((supervisor.host.restarts.shard ?? 0) > before ? true : undefined))
  await eventually(async () => ((await supervisor.readiness()).ready ? true : undefined))
}
