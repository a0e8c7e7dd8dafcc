/** Logins at the same instant on several nodes: as many stay as may, and the others are told. */
import type { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { Device } from '../support/device.js'
import { eventually } from '../support/eventually.js'
import { inParallel } from '../support/in-parallel.js'
import type { TestNode } from '../support/node.js'
import { claimants } from '../support/tokens.js'
import {
  allNodesList,
  describe,
  GOOD,
  KICKED,
  newDevice,
  onlyOneIn,
  startNodes,
  startStore,
  statesOf,
} from './races.js'

/** Longer than any of these tests: the clients are silent. */
const READ_TIMEOUT_MS = '600000'

/** Two devices of each user log in at the same instant on two nodes, some users at a time. */
async function meet(
  t: Test,
  { redis, nodes, users, atOnce }: { redis: Redis; nodes: TestNode[]; users: number; atOnce: number },
): Promise<[Device, Device][]> {
  const pairs: [Device, Device][] = []
  for (let n = 0; n < users; n += atOnce) {
    const some = await Promise.all(
      Array.from({ length: atOnce }, async (_, m): Promise<[Device, Device]> => {
        const userId = `pair-${n + m}`
        return [
          await newDevice(redis, userId, Platform.Android),
          await newDevice(redis, userId, Platform.Android),
        ]
      }),
    )
    await Promise.all(some.flatMap((pair) => pair.map((device, m) => device.login(t, nodes[m]!))))
    pairs.push(...some)
  }
  return pairs
}

t.test(
  'two devices that log in at the same instant on two nodes, 1,000 times: one stays each time',
  async (t) => {
    const { url, redis } = await startStore(t)
    const nodes = await startNodes(t, 2, { REDIS_URL: url, READ_TIMEOUT_MS, LOGIN_POLICY: '1' })
    const pairs = await meet(t, { redis, nodes, users: 1_000, atOnce: 50 })

    /** Why a pair is not as it has to be when all is quiet. */
    async function fault(pair: [Device, Device]): Promise<string | undefined> {
      const stays = onlyOneIn(pair)
      if (stays === undefined) return 'not one is in'
      const goes = pair[0] === stays ? pair[1] : pair[0]
      if ((await statesOf(redis, [stays, goes])).join() !== `${GOOD},${KICKED}`) return 'the tokens'
      const holder = nodes[pair.indexOf(stays)]!.nodeId
      if ((await claimants(redis, stays.userId)).join() !== holder) return 'the claims'
      if (stays.kicks !== 0 || stays.refusals.length > 0) return 'who stays was kicked or refused'
      if (goes.kicks + goes.refusals.length !== 1) return 'who goes was not told once'
      if (goes.refusals.some((code) => code !== WireCode.TokenKickedError)) return 'a strange refusal'
      return undefined
    }
    const faults = async () => {
      const found = await Promise.all(pairs.map(fault))
      return pairs.flatMap((pair, n) => (found[n] === undefined ? [] : [{ pair, why: found[n] }]))
    }
    await eventually(async () => ((await faults()).length === 0 ? true : undefined)).catch(async () => {
      for (const { pair, why } of await faults()) t.fail(`${why}: ${await describe(redis, pair)}`)
    })
    await inParallel(pairs, 20, async (pair) => {
      const counts = await allNodesList(nodes, pair[0].userId)
      if (counts.join() !== '1,1') t.fail(`the nodes list ${counts.join()} of ${pair[0].userId}`)
    })
    t.same(await faults(), [], 'and it is still so')
    const first = pairs.filter(([one]) => one.isIn).length
    t.comment(`${first} times the first node's, ${pairs.length - first} times the second's`)
  },
)

t.test('LOGIN_CONFLICT=refuse-new: of two at the same instant one is taken, the other told so', async (t) => {
  const { url, redis } = await startStore(t)
  const env = { REDIS_URL: url, READ_TIMEOUT_MS, LOGIN_POLICY: '1', LOGIN_CONFLICT: 'refuse-new' }
  const nodes = await startNodes(t, 2, env)
  const pairs = await meet(t, { redis, nodes, users: 1_000, atOnce: 50 })
  for (const pair of pairs) {
    const stays = onlyOneIn(pair)
    const goes = pair.find((device) => device !== stays)!
    const isRight =
      stays !== undefined &&
      stays.kicks + stays.refusals.length === 0 &&
      goes.logins === 0 &&
      goes.refusals.join() === String(WireCode.LoginConflict)
    if (!isRight) t.fail(await describe(redis, pair))
  }
  const states = await Promise.all(pairs.map((pair) => statesOf(redis, pair)))
  t.ok(
    states.every((two) => two.join() === `${GOOD},${GOOD}`),
    'all tokens stay good',
  )
  const [refused, taken] = [...pairs[0]!].sort((a, b) => a.logins - b.logins) as [Device, Device]
  await taken.client!.close()
  await eventually(async () => (await refused.login(t, nodes[0]!)) || undefined)
  t.ok(refused.isIn, 'who was refused comes in when the other has left')
})

t.test('MAX_CONNECTIONS_PER_USER: of 20 logins at once on two nodes as many stay as may', async (t) => {
  const USERS = 20
  const LOGINS = 20
  const CAP = 3
  const { url, redis } = await startStore(t)
  const env = { REDIS_URL: url, READ_TIMEOUT_MS, LOGIN_POLICY: '0', MAX_CONNECTIONS_PER_USER: String(CAP) }
  const nodes = await startNodes(t, 2, env)
  const crowd = await Promise.all(
    Array.from({ length: USERS }, (_, n) =>
      Promise.all(Array.from({ length: LOGINS }, () => newDevice(redis, `many-${n}`, Platform.Android))),
    ),
  )
  await inParallel(crowd, 5, async (devices) => {
    await Promise.all(devices.map((device, n) => device.login(t, nodes[n % 2]!)))
  })
  for (const devices of crowd) {
    const inside = devices.filter(({ isIn }) => isIn)
    const refused = devices.filter(
      ({ refusals }) => refusals.join() === String(WireCode.TooManyConnectionsOfUser),
    )
    t.same([inside.length, refused.length], [CAP, LOGINS - CAP], devices[0]!.userId)
    t.same(await allNodesList(nodes, devices[0]!.userId), [CAP, CAP])
  }

  for (const devices of crowd.slice(0, 5)) {
    const { userId } = devices[0]!
    await devices.find(({ isIn }) => isIn)!.client!.close()
    await eventually(async () =>
      (await nodes[0]!.admin.connections(userId)).length === CAP - 1 ? true : undefined,
    )
    const outside = devices.filter(({ logins }) => logins === 0)
    await eventually(async () => (await outside[0]!.login(t, nodes[1]!)) || undefined)
    t.ok(outside[0]!.isIn, 'when one has left, one more may come')
    t.notOk(await outside[1]!.login(t, nodes[0]!), 'and not two')
    t.equal(outside[1]!.refusals.at(-1), WireCode.TooManyConnectionsOfUser)
  }
})
