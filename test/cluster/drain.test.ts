/** A node that is told to stop: its clients are sent away at a rate, and nobody who comes back elsewhere seems to leave. */
import { once } from 'node:events'
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { claimants } from '../support/tokens.js'
import { startStore } from './races.js'

const GRACE_MS = 1_500
const CLIENTS = 30
const DRAIN_RATE = 40

t.test('a node that drains hands its users over: users who come back are never shown offline', async (t) => {
  const { url, redis } = await startStore(t)
  const env = {
    REDIS_URL: url,
    OFFLINE_GRACE_MS: String(GRACE_MS),
    DRAIN_RATE: String(DRAIN_RATE),
    SHUTDOWN_TIMEOUT_MS: '20000',
  }
  const going = await TestNode.start(t, env)
  const staying = await TestNode.start(t, env)
  const userIds = Array.from({ length: CLIENTS }, (_, n) => `user-${n}`)
  const [stranger] = userIds as [string]
  const watcher = await staying.login('watcher', Platform.Web)
  await watcher.subscribe(userIds)
  const clients = await Promise.all(userIds.map((userId) => going.login(userId, Platform.Android)))
  for (const userId of userIds) await seesOn(watcher, userId, [Platform.Android])
  const toldBefore = new Map(userIds.map((userId) => [userId, toldOf(watcher, userId)]))

  const beganMs = performance.now()
  const closedMs: number[] = []
  const back = clients.map(async (client, n) => {
    const [code] = await once(client, 'close')
    closedMs.push(performance.now() - beganMs)
    t.equal(code, CloseCode.GoingAway)
    if (userIds[n] !== stranger) await staying.login(userIds[n]!, Platform.Android)
  })
  const stopped = going.supervisor.stop()
  await Promise.all(back)
  t.ok(
    Math.max(...closedMs) >= ((CLIENTS - 1) / DRAIN_RATE) * 1_000 - 1,
    'they are sent away one after another',
  )
  t.ok(await stopped)
  await seesOn(watcher, stranger, [])
  for (const userId of userIds.slice(1)) t.same(toldOf(watcher, userId), toldBefore.get(userId))
  t.same(toldOf(watcher, stranger), [...toldBefore.get(stranger)!, ''])
  for (const userId of userIds.slice(1)) {
    t.same(await claimants(redis, userId), [staying.nodeId])
  }
  t.same(await claimants(redis, stranger), [])
  const nodes = await redis.zrange('PORCHLIGHT:NODES', '0', '-1')
  t.same(
    nodes.map((holder) => holder.split('#')[0]),
    [staying.nodeId],
    'it has left',
  )
})

t.test('a node that has no time for the grace shows its users offline at once', async (t) => {
  const { url } = await startStore(t)
  const env = { REDIS_URL: url, OFFLINE_GRACE_MS: '60000', SHUTDOWN_TIMEOUT_MS: '5000' }
  const going = await TestNode.start(t, env)
  const staying = await TestNode.start(t, env)
  const watcher = await staying.login('watcher', Platform.Web)
  await watcher.subscribe(['ann'])
  await going.login('ann', Platform.Android)
  await seesOn(watcher, 'ann', [Platform.Android])
  t.ok(await going.supervisor.stop())
  await seesOn(watcher, 'ann', [])
  await eventually(async () =>
    (await staying.metric('porchlight_nodes_lost_total')) === 0 ? true : undefined,
  )
})
