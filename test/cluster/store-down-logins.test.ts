/** Logins while the store is out of reach, what it costs to come back, and what survives a restart. */
import t from 'tap'
import { WebSocket } from 'ws'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { parseVerdict } from '../../src/openim/verdict.js'
import type { UserId } from '../../src/rules/types.js'
import { handshakeQuery } from '../../src/sdk/openim-handshake.js'
import { plainKeys } from '../../src/store/redis/keys.js'
import { Device } from '../support/device.js'
import { eventually } from '../support/eventually.js'
import { temporaryFolder } from '../support/leftovers.js'
import { TestNode } from '../support/node.js'
import type { RedisServer } from '../support/redis.js'
import { claimants, recordedState, recordKey, signToken } from '../support/tokens.js'
import { Wire } from '../support/wire.js'
import { allNodesList, GOOD, KICKED, newDevice, startStore, statesOf } from './races.js'

/** What it has survives a crash. */
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

async function knowsTheStore(node: TestNode, isUp: boolean): Promise<void> {
  await eventually(async () =>
    (await node.metric('porchlight_store_up')) === Number(isUp) ? true : undefined,
  )
}

t.test('AUTH_WHEN_STORE_DOWN=deny: only a token that was checked a short while ago lets in', async (t) => {
  const { server, redis } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: server.url })
  const known = await newDevice(redis, 'known', Platform.Android)
  const unknown = await newDevice(redis, 'unknown', Platform.Android)
  await known.login(t, node)
  await known.client!.close()
  await server.kill()
  await knowsTheStore(node, false)
  t.ok(await known.login(t, node), 'the one that was checked')
  t.notOk(await unknown.login(t, node))
  t.same(
    unknown.refusals,
    [WireCode.DatabaseError],
    'the other is told that the store is away, not that its token is bad',
  )
})

t.test('AUTH_WHEN_STORE_DOWN=deny: a check that was long ago counts no more', async (t) => {
  const { server, redis } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: server.url, TOKEN_CACHE_S: '0' })
  const known = await newDevice(redis, 'known', Platform.Android)
  await known.login(t, node)
  await known.client!.close()
  await server.kill()
  await knowsTheStore(node, false)
  t.notOk(await known.login(t, node))
  t.same(known.refusals, [WireCode.DatabaseError])
})

t.test(
  'AUTH_WHEN_STORE_DOWN=allow: good tokens let in, and are checked when the store is back',
  async (t) => {
    const { server, redis } = await startStore(t)
    const wire = await Wire.start(t, server.port)
    const env = { REDIS_URL: wire.url, AUTH_WHEN_STORE_DOWN: 'allow', LOGIN_POLICY: '1' }
    const node = await TestNode.start(t, env)
    const [good, kickedBefore, flaggedMeanwhile, flaggedBefore, notOnRecord] = await Promise.all([
      newDevice(redis, 'good', Platform.Android),
      newDevice(redis, 'kicked-before', Platform.Android),
      newDevice(redis, 'flagged-meanwhile', Platform.Android),
      newDevice(redis, 'flagged-before', Platform.Android),
      signToken('not-on-record', Platform.Android).then(
        (token) => new Device('not-on-record', Platform.Android, token),
      ),
    ])
    await kickedBefore.login(t, node)
    await redis.hset(recordKey('flagged-before', Platform.Android), flaggedBefore.token, KICKED)

    wire.cut()
    await knowsTheStore(node, false)
    // Through this node, which can tell nobody now, not even whether somebody else holds the user.
    await node.admin.kick('kicked-before', { token: kickedBefore.token }).catch(() => {})
    t.notOk(await kickedBefore.login(t, node))
    t.same(kickedBefore.refusals, [WireCode.TokenKickedError], 'a token kicked through this node is refused')
    for (const device of [good, flaggedMeanwhile, flaggedBefore, notOnRecord])
      t.ok(await device.login(t, node))
    t.equal(await node.metric('porchlight_unchecked_logins_total'), 4)
    const forged = new Device('forged', Platform.Android, `${good.token.slice(0, -4)}AAAA`)
    t.notOk(await forged.login(t, node), 'but not with a bad signature')

    await redis.hset(recordKey('flagged-meanwhile', Platform.Android), flaggedMeanwhile.token, KICKED)
    wire.mend()
    await knowsTheStore(node, true)
    for (const device of [flaggedMeanwhile, flaggedBefore, notOnRecord]) {
      await eventually(() => (device.isIn ? undefined : true)).catch(() =>
        t.fail(`${device.userId} is still in`),
      )
      t.equal(device.kicks, 1, `${device.userId} was kicked`)
    }
    await eventually(async () => ((await recordedState(redis, kickedBefore)) === KICKED ? true : undefined))
    t.equal(await good.client!.ping('here'), 'here')
    t.same([good.kicks, await recordedState(redis, good)], [0, GOOD])
  },
)

t.test(
  'AUTH_WHEN_STORE_DOWN=allow: a login that was kicked before comes in, but removes nobody',
  async (t) => {
    const { server, redis } = await startStore(t)
    const wire = await Wire.start(t, server.port)
    const env = { AUTH_WHEN_STORE_DOWN: 'allow', LOGIN_POLICY: '1' }
    const far = await TestNode.start(t, { ...env, REDIS_URL: wire.url })
    const near = await TestNode.start(t, { ...env, REDIS_URL: server.url })
    const [kicked, stays] = [
      await newDevice(redis, 'ann', Platform.Android),
      await newDevice(redis, 'ann', Platform.Android),
    ]
    await kicked.login(t, near)
    await stays.login(t, near)
    await eventually(() => (kicked.isIn ? undefined : true))
    t.equal(await recordedState(redis, kicked), KICKED)
    wire.cut()
    await knowsTheStore(far, false)
    t.ok(await kicked.login(t, far), 'there it is not known')
    wire.mend()
    await knowsTheStore(far, true)
    await eventually(() => (kicked.isIn ? undefined : true)).catch(() => t.fail('it is still in'))
    t.equal(kicked.kicks, 2)
    t.same(await allNodesList([far, near], 'ann'), [1, 1])
    t.same([stays.isIn, stays.kicks], [true, 0])
    t.same(await statesOf(redis, [kicked, stays]), [KICKED, GOOD])
  },
)

t.test('a node that is cut off accepts a token for a while, and checks the logins later', async (t) => {
  const { server, redis } = await startStore(t)
  for (const policy of ['0', '1']) {
    const wire = await Wire.start(t, server.port)
    const far = await TestNode.start(t, { REDIS_URL: wire.url, LOGIN_POLICY: policy })
    const near = await TestNode.start(t, { REDIS_URL: server.url, LOGIN_POLICY: policy })
    const kicked = await newDevice(redis, `kicked-${policy}`, Platform.Android)
    await kicked.login(t, far)
    const isOn = (nodes: number) => async () =>
      (await claimants(redis, kicked.userId)).length === nodes || undefined
    await eventually(isOn(1))
    await kicked.client!.close()
    await eventually(isOn(0))
    wire.cut()
    await knowsTheStore(far, false)
    await near.admin.kick(kicked.userId, { token: kicked.token })
    t.ok(await kicked.login(t, far), 'there it is not known')
    wire.mend()
    await knowsTheStore(far, true)
    await eventually(() => (kicked.isIn ? undefined : true)).catch(() =>
      t.fail(`policy ${policy}: who was kicked by hand is still in`),
    )
    t.equal(kicked.kicks, 1)
  }
})

t.test(
  'login A, login B, login A again on a node that is cut off: one stays, with a good token',
  async (t) => {
    const { server, redis } = await startStore(t)
    const wire = await Wire.start(t, server.port)
    const far = await TestNode.start(t, { REDIS_URL: wire.url, LOGIN_POLICY: '1' })
    const near = await TestNode.start(t, { REDIS_URL: server.url, LOGIN_POLICY: '1' })
    const [first, b] = [
      await newDevice(redis, 'ann', Platform.Android),
      await newDevice(redis, 'ann', Platform.Android),
    ]
    const again = new Device('ann', Platform.Android, first.token)
    await first.login(t, far)
    await first.client!.close()
    await first.login(t, near)
    wire.cut()
    await knowsTheStore(far, false)
    t.ok(await b.login(t, near))
    await eventually(() => (first.isIn ? undefined : true))
    t.equal(await recordedState(redis, first), KICKED)
    t.ok(await again.login(t, far), 'there the kick is not known')
    wire.mend()
    await knowsTheStore(far, true)
    // Which of the two stays is a matter of when the store heard of them.
    const states = () => Promise.all([b, again].map((device) => recordedState(redis, device)))
    const isRight = async () => {
      const wanted = b.isIn ? [GOOD, KICKED] : [KICKED, GOOD]
      return b.isIn !== again.isIn && (await states()).join() === wanted.join() ? true : undefined
    }
    await eventually(isRight).catch(async () =>
      t.fail(`B ${b.isIn ? 'in' : 'out'}, A ${again.isIn ? 'in' : 'out'}; their tokens: ${await states()}`),
    )
  },
)

t.test('a login that the store knows of, but not the node that asked, locks nobody out', async (t) => {
  const { server, redis } = await startStore(t)
  const wire = await Wire.start(t, server.port)
  const env = { LOGIN_POLICY: '1', LOGIN_CONFLICT: 'refuse-new', LOGINS_PER_MIN_PER_USER: '100000' }
  const far = await TestNode.start(t, { ...env, REDIS_URL: wire.url })
  const near = await TestNode.start(t, { ...env, REDIS_URL: server.url })
  const [unlucky, other] = [
    await newDevice(redis, 'ann', Platform.Android),
    await newDevice(redis, 'ann', Platform.Android),
  ]
  wire.muteAfter = plainKeys.seats('ann')
  const login = unlucky.login(t, far)
  await eventually(async () => (await redis.exists(plainKeys.seats('ann'))) || undefined)
  wire.cut()
  t.notOk(await login)
  t.same(unlucky.refusals, [WireCode.DatabaseError])
  wire.mend()
  await knowsTheStore(far, true)
  await eventually(async () => (await other.login(t, near)) || undefined).catch(() =>
    t.fail(`nobody is in, and the user is refused: ${other.refusals.at(-1)}`),
  )
})

for (const { name, outage } of [
  {
    name: 'the store crashes and comes back with what it had',
    outage: async (server: RedisServer, _wires: Wire[]) => {
      await server.kill()
      return () => server.restart()
    },
  },
  {
    name: 'both nodes are cut off',
    outage: async (_server: RedisServer, wires: Wire[]) => {
      for (const wire of wires) wire.cut()
      return async () => {
        for (const wire of wires) wire.mend()
      }
    },
  },
]) {
  t.test(`of two conflicting logins let in on two nodes meanwhile one stays: ${name}`, async (t) => {
    const USERS = 40
    const { server, redis } = await startStore(t, DURABLE)
    const wires = [await Wire.start(t, server.port), await Wire.start(t, server.port)]
    const nodes = await Promise.all(
      wires.map(({ url }) =>
        TestNode.start(t, { REDIS_URL: url, AUTH_WHEN_STORE_DOWN: 'allow', LOGIN_POLICY: '1' }),
      ),
    )
    const pairs = await Promise.all(
      Array.from({ length: USERS }, (_, n) =>
        Promise.all([
          newDevice(redis, `both-${n}`, Platform.Android),
          newDevice(redis, `both-${n}`, Platform.Android),
        ]),
      ),
    )
    const end = await outage(server, wires)
    for (const node of nodes) await knowsTheStore(node, false)
    for (const pair of pairs) {
      const accepted = await Promise.all(pair.map((device, n) => device.login(t, nodes[n]!)))
      if (!accepted.every((isIn) => isIn)) t.fail(`${pair[0].userId} was not let in`)
    }
    await end()
    for (const node of nodes) await knowsTheStore(node, true)
    /** Why a pair is not as it has to be; undefined = it is. */
    const fault = async (pair: Device[]) => {
      const inside = pair.filter(({ isIn }) => isIn)
      if (inside.length !== 1) return `${inside.length} are in`
      const [goes] = pair.filter(({ isIn }) => !isIn)
      if (goes!.kicks !== 1) return 'who went was not told'
      if ((await recordedState(redis, inside[0]!)) !== GOOD) return 'the token of who stays is bad'
      if ((await recordedState(redis, goes!)) !== KICKED) return 'the token of who went is good'
      const nodeId = nodes[pair.indexOf(inside[0]!)]!.nodeId
      return (await claimants(redis, goes!.userId)).join() === nodeId ? undefined : 'the claims'
    }
    const faults = async () => {
      const found = await Promise.all(pairs.map(async (pair) => [pair[0].userId, await fault(pair)]))
      return found.filter(([, why]) => why !== undefined)
    }
    const isRight = async () => ((await faults()).length === 0 ? true : undefined)
    await eventually(isRight).catch(() => {})
    t.same(await faults(), [])
    for (const [{ userId }] of pairs) {
      const counts = await Promise.all(
        nodes.map(async ({ admin }) => (await admin.connections(userId)).length),
      )
      if (counts.join() !== '1,1') t.fail(`the nodes list ${counts.join()} of ${userId}`)
    }
    t.same(await faults(), [], 'and it is still so')
  })
}

t.test('clients that come back again and again with their tokens cost one question each', async (t) => {
  const CLIENTS = 200
  const TIMES = 5
  const { server, redis } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: server.url, LOGIN_POLICY: '1' })
  const devices = await Promise.all(
    Array.from({ length: CLIENTS }, (_, n) => newDevice(redis, `storm-${n}`, Platform.Android)),
  )
  for (let time = 0; time < TIMES; time++) {
    const accepted = await Promise.all(devices.map((device) => device.login(t, node)))
    t.ok(accepted.every((isIn) => isIn))
    await Promise.all(devices.map((device) => device.client!.terminate()))
  }
  const lookups = await node.metric('porchlight_token_lookups_total')
  t.comment(`${CLIENTS * TIMES} logins, ${lookups} questions to the store`)
  t.ok(lookups > 0 && lookups <= CLIENTS)
})

t.test('tokens of the embedded store survive a restart: good ones and kicked ones', async (t) => {
  const env = { DATA_DIR: temporaryFolder('survives'), LOGIN_POLICY: '1' }
  const before = await TestNode.start(t, env)
  const good = new Device('good', Platform.Android, await before.token('good', Platform.Android))
  const kicked = new Device('kicked', Platform.Android, await before.token('kicked', Platform.Android))
  const loser = new Device('loser', Platform.Android, await before.token('loser', Platform.Android))
  for (const device of [good, kicked, loser]) t.ok(await device.login(t, before))
  t.equal(await before.admin.kick('kicked'), 1)
  // Another login takes the place of this one, which flags its token.
  const winner = new Device(
    'loser',
    Platform.Android,
    await before.admin.userToken('loser', Platform.Android),
  )
  t.ok(await winner.login(t, before))
  await eventually(() => (loser.isIn ? undefined : true))
  t.ok(await before.supervisor.stop())

  const after = await TestNode.start(t, env)
  t.ok(await good.login(t, after))
  t.ok(await winner.login(t, after))
  for (const device of [kicked, loser]) {
    t.notOk(await device.login(t, after))
    t.equal(device.refusals.at(-1), WireCode.TokenKickedError)
  }
})

t.test('LOGINS_PER_MIN_PER_USER: a user who logs in too often is told when to retry', async (t) => {
  const LIMIT = 5
  const { server, redis } = await startStore(t)
  const node = await TestNode.start(t, { REDIS_URL: server.url, LOGINS_PER_MIN_PER_USER: String(LIMIT) })
  const often = await newDevice(redis, 'often', Platform.Android)
  const other = await newDevice(redis, 'other', Platform.Android)
  const login = (token: string) => refusal(node.wsUrl, { userId: 'often', token })
  // Somebody who guesses tokens must not lock the user out.
  const wrong = [`${often.token.slice(0, -4)}AAAA`, other.token, 'no token']
  for (const token of [...wrong, ...wrong]) {
    const { errCode } = (await login(token))!
    t.ok(errCode >= WireCode.TokenExpiredError && errCode <= WireCode.TokenNotExistError, `${errCode}`)
  }
  for (let n = 0; n < LIMIT; n++) t.equal(await login(often.token), undefined)
  t.match(await login(often.token), { errCode: WireCode.TooManyLogins, errDlt: /retry after 1[012] s$/ })
  t.ok(await other.login(t, node), 'another user is not touched')
  // The token is good: who waits is let in again.
  t.equal(await recordedState(redis, often), GOOD)
})

t.test(
  'LOGINS_PER_MIN_PER_ADDRESS: handshakes count, good and bad, for each address by itself',
  async (t) => {
    const LIMIT = 5
    const { server, redis } = await startStore(t)
    const node = await TestNode.start(t, { REDIS_URL: server.url, LOGINS_PER_MIN_PER_ADDRESS: String(LIMIT) })
    const users = await Promise.all(
      Array.from({ length: LIMIT + 1 }, (_, n) => newDevice(redis, `user-${n}`, Platform.Android)),
    )
    const login = (n: number, from: string) => refusal(node.wsUrl, users[n]!, from)
    t.match(await refusal(node.wsUrl, { userId: 'user-0', token: 'no token' }, '127.0.0.2'), {
      errCode: WireCode.TokenMalformedError,
    })
    for (let n = 0; n < LIMIT - 1; n++) t.equal(await login(n, '127.0.0.2'), undefined)
    t.match(await login(LIMIT, '127.0.0.2'), {
      errCode: WireCode.TooManyLogins,
      errDlt: /retry after 1[012] s$/,
    })
    t.equal(await login(LIMIT, '127.0.0.3'), undefined, 'another address is not touched')
  },
)

/** Log in from an address of this machine, and leave again. Why it was refused; undefined = it was not. */
function refusal(
  wsUrl: string,
  { userId, token }: { userId: UserId; token: string },
  localAddress = '127.0.0.1',
): Promise<{ errCode: number; errDlt: string } | undefined> {
  const query = handshakeQuery({ url: wsUrl, userId, platformId: Platform.Android, token })
  const socket = new WebSocket(`${wsUrl}?${query}`, { localAddress })
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('unexpected-response', async (_request, response) => {
      let body = ''
      for await (const chunk of response) body += String(chunk)
      resolve(parseVerdict(body))
    })
    socket.once('message', (data) => {
      const verdict = parseVerdict(String(data))
      socket.terminate()
      resolve(verdict?.errCode === 0 ? undefined : verdict)
    })
  })
}
