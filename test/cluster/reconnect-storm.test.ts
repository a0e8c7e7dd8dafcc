/** Every client is cut, and all come back at once. */

import { once } from 'node:events'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { inParallel } from '../support/in-parallel.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { Wire } from '../support/wire.js'
import { startStore } from './races.js'

const CLIENTS = 400
const RATE = 150

t.test(
  'all clients come back at once: so many a second are let in, the rest when they were told',
  async (t) => {
    const { url } = await startStore(t)
    const node = await TestNode.start(t, {
      REDIS_URL: url,
      HANDSHAKES_PER_S_MAX: String(RATE),
      OFFLINE_GRACE_MS: '30000',
    })
    const wire = await Wire.start(t, node.supervisor.wsPort)
    const users = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, n) => ({
        userId: `user-${n}`,
        token: await node.token(`user-${n}`, Platform.Android),
      })),
    )
    let refusals = 0
    /** As a client does that is told when to come back, and believes it. */
    const comeIn = async ({ userId, token }: (typeof users)[number]): Promise<OpenimClient> => {
      for (;;) {
        try {
          const client = await OpenimClient.connect({
            url: `ws://127.0.0.1:${wire.port}`,
            token,
            userId,
            platformId: Platform.Android,
          })
          t.teardown(() => client.terminate())
          return client
        } catch (error) {
          const told = /retry after (\d+) s/.exec(String(error))
          if (told === null) throw error
          refusals++
          await new Promise((resolve) => setTimeout(resolve, Number(told[1]) * 1_000))
        }
      }
    }
    const clients: OpenimClient[] = []
    await inParallel(users, 50, async (user) => void clients.push(await comeIn(user)))
    const watcher = await node.login('watcher', Platform.Web)
    await watcher.subscribe(users.map(({ userId }) => userId))
    for (const { userId } of users) await seesOn(watcher, userId, [Platform.Android])
    const lookups = await node.metric('porchlight_token_lookups_total')
    const admitted = await node.metric('porchlight_logins_total')

    refusals = 0
    const closed = clients.map((client) => once(client, 'close'))
    wire.cut()
    await Promise.all(closed)
    wire.mend()
    await Promise.all(users.map(comeIn))
    t.ok(refusals > 0, `${refusals} were told to come back later`)
    t.equal(await node.metric('porchlight_logins_total'), admitted + CLIENTS)
    t.equal(await node.metric('porchlight_token_lookups_total'), lookups, 'no token was looked up again')
    t.equal(await node.metric('porchlight_connections'), CLIENTS + 1)
    for (const { userId } of users) t.notOk(toldOf(watcher, userId).slice(1).includes(''))
  },
)
