/** Clients that vanish without a word, as behind a link that has gone: no FIN, no RST, nothing. */
import { readdirSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import { Admin } from '../../src/sdk/admin.js'
import { LightClient } from '../../src/sdk/light-client.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { ChildNode } from '../support/child-node.js'
import { SECRET } from '../support/node.js'
import { until } from '../support/redis.js'
import { Wire } from '../support/wire.js'

const CLIENTS = 300
const READ_TIMEOUT_MS = 2_000
const GRACE_MS = 500
const PING_MS = 500
/** What the node and a busy machine may take on top. */
const SLACK_MS = 2_500

t.test('clients that fall silent without closing are gone after the timeout and the grace', async (t) => {
  const node = await ChildNode.start(t, {
    READ_TIMEOUT_MS: String(READ_TIMEOUT_MS),
    OFFLINE_GRACE_MS: String(GRACE_MS),
  })
  const wire = await Wire.start(t, node.wsPort)
  const admin = new Admin(node.apiUrl, SECRET)
  const token = await admin.userToken('watcher', Platform.Web)
  const watcher = await OpenimClient.connect({
    url: node.wsUrl,
    userId: 'watcher',
    platformId: Platform.Web,
    token,
  })
  const pings = setInterval(() => void watcher.ping('here').catch(() => {}), PING_MS)
  t.teardown(() => {
    clearInterval(pings)
    return watcher.terminate()
  })
  const socketsBefore = socketsOf(node.pid)

  const userIds = Array.from({ length: CLIENTS }, (_, n) => `user-${n}`)
  await watcher.subscribe(userIds)
  const ends: UserId[] = []
  const clients: LightClient[] = []
  for (const userId of userIds) {
    const login = {
      userId,
      platformId: Platform.Android,
      token: await admin.userToken(userId, Platform.Android),
    }
    const client = await LightClient.login({ host: '127.0.0.1', port: wire.port }, login, {
      ended: () => ends.push(userId),
    })
    const alive = setInterval(() => client.ping(), PING_MS)
    t.teardown(() => {
      clearInterval(alive)
      client.breakOff()
    })
    clients.push(client)
  }
  for (const userId of userIds)
    await watcher.waitForStatus(userId, (on) => on.join() === `${Platform.Android}`)
  // Longer than the timeout: it is the silence that ends them, not their age.
  await new Promise((resolve) => setTimeout(resolve, READ_TIMEOUT_MS + PING_MS))
  t.equal(await node.metric('porchlight_connections'), CLIENTS + 1, 'who pings stays')

  const silentMs = performance.now()
  wire.silence()
  await until(
    'the gauge counts the watcher alone',
    async () => (await node.metric('porchlight_connections')) === 1,
    READ_TIMEOUT_MS + SLACK_MS,
  )
  for (const userId of userIds) await watcher.waitForStatus(userId, (on) => on.length === 0)
  const tookMs = performance.now() - silentMs
  t.ok(tookMs <= READ_TIMEOUT_MS + GRACE_MS + SLACK_MS, `all were shown offline after ${tookMs} ms`)
  t.ok(
    clients.every((client) => client.isOpen),
    'no client heard of it',
  )
  t.same(ends, [])
  t.equal(await node.metric('porchlight_online_users'), 1)
  if (socketsBefore !== undefined) {
    await until('the node has let go of the sockets', () => socketsOf(node.pid)! <= socketsBefore)
  }
})

/** Open sockets of a process; undefined where the system does not tell. */
function socketsOf(pid: number): number | undefined {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).filter((fd) => readlinkSync(`${folder}/${fd}`).startsWith('socket:')).length
  } catch {
    return undefined
  }
}
