/** The light client against a real node: what it hears, and what it leaves unread. */
import t from 'tap'
import { CloseCode } from '../../src/openim/close-codes.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { UserId } from '../../src/rules/types.js'
import { LightClient, type LightEvents, loginPath } from '../../src/sdk/light-client.js'
import type { ConnectRefusedError } from '../../src/sdk/openim-handshake.js'
import { eventually } from '../support/eventually.js'
import { TestNode } from '../support/node.js'

/** Logs in, and writes down what it hears. */
async function comeIn(node: TestNode, userId: UserId, isReading: boolean) {
  const heard: string[] = []
  const events: LightEvents = {
    loggedIn: () => heard.push('in'),
    subscribed: (errCode, _errMsg, statuses) =>
      heard.push(
        `answer ${errCode}: ${statuses.map(({ userID, onlinePlatformIDs }) => `${userID} [${onlinePlatformIDs}]`)}`,
      ),
    pushed: () => heard.push('push'),
    kicked: () => heard.push('kick'),
    ended: ({ closeCode }, refusal) => heard.push(`end ${closeCode} ${refusal?.errCode}`),
    ...(isReading && {
      told: (statuses) => {
        for (const { userID, onlinePlatformIDs } of statuses) heard.push(`${userID} [${onlinePlatformIDs}]`)
      },
    }),
  }
  const token = await node.token(userId, Platform.Web)
  const target = { host: '127.0.0.1', port: node.supervisor.wsPort }
  const client = await LightClient.login(target, { userId, platformId: Platform.Web, token }, events)
  return { client, heard }
}

t.test(
  'a light client hears answers, pushes, kicks and its end, and reads pushes if it wants to',
  async (t) => {
    const node = await TestNode.start(t, { OFFLINE_GRACE_MS: '0' })
    for (const isReading of [true, false]) {
      const { client, heard } = await comeIn(node, `watcher-${isReading}`, isReading)
      t.ok(client.isOpen)
      const watched = `ann-${isReading}`
      t.equal(client.subscribe([watched]), 1)
      t.notOk(client.isSettled)
      await eventually(() => client.isSettled || undefined)
      const ann = await node.login(watched, Platform.Android)
      await eventually(() => heard.includes('push') || undefined)
      await ann.close()
      const count = isReading ? 6 : 4
      await eventually(() => heard.length === count || undefined)
      await node.admin.kick(`watcher-${isReading}`)
      await eventually(() => !client.isOpen || undefined)
      const pushes = isReading ? ['push', `${watched} [2]`, 'push', `${watched} []`] : ['push', 'push']
      t.same(heard.slice(0, -1), ['in', `answer 0: ${watched} []`, ...pushes, 'kick'])
      t.equal(heard.at(-1), 'end undefined undefined', 'OpenIM kicks without a close frame')
    }
  },
)

t.test('a list that one request could not hold is asked for in several', async (t) => {
  const node = await TestNode.start(t)
  const { client, heard } = await comeIn(node, 'watcher', false)
  t.equal(client.subscribe(Array.from({ length: 40 }, (_, n) => `${n}${'x'.repeat(1_000)}`)), 2)
  await eventually(() => client.isSettled || undefined)
  t.equal(heard.length, 3)
})

t.test('it leaves with a goodbye, logs out, and may come with a path made before', async (t) => {
  const node = await TestNode.start(t)
  const left = await comeIn(node, 'ann', false)
  left.client.leave()
  t.match(await eventually(() => left.heard[1]), `end ${CloseCode.Normal}`)

  const account = { userId: 'bob', platformId: Platform.Web, token: await node.token('bob', Platform.Web) }
  const target = { host: '127.0.0.1', port: node.supervisor.wsPort }
  const bob = await LightClient.login(target, { ...account, path: loginPath(account) })
  t.ok(bob.isOpen)
  bob.logOut()
  await eventually(() => !bob.isOpen || undefined)
})

t.test('a login that is refused is told with its code; without an answer the code is 0', async (t) => {
  const node = await TestNode.start(t)
  const account = { userId: 'ann', platformId: Platform.Web, token: 'no token' }
  const refusal = (port: number) =>
    LightClient.login({ host: '127.0.0.1', port }, account, { ended: () => t.fail('it was never in') }).then(
      () => t.fail('it is in'),
      (error: ConnectRefusedError) => [error.code, error.errCode],
    )
  t.same(await refusal(node.supervisor.wsPort), ['CONNECT_REFUSED', WireCode.TokenMalformedError])
  // Nobody listens there.
  t.same(await refusal(1), ['CONNECT_REFUSED', 0])
})
