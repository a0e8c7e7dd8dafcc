/** Chats over two nodes that share a Redis and a MariaDB. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import type { OpenimClient } from '../../src/sdk/openim-client.js'
import { databaseUrl, MARIADB_MISSING, startMariadb } from '../support/mariadb-server.js'
import type { Teardown, TestNode } from '../support/node.js'
import { startRedis } from '../support/redis.js'
import { heard, messageNode, newestSeqs, pullRange, textMessage, textOf, textsPushed } from './chat.js'

const COUNT = 100

const numbered = (prefix: string) => Array.from({ length: COUNT }, (_, index) => `${prefix}${index}`)

/** As the SDKs do: the first question is answered when other nodes know of the login. */
async function login(node: TestNode, userId: string, platformId: number): Promise<OpenimClient> {
  const client = await node.login(userId, platformId)
  await newestSeqs(client, userId)
  return client
}

async function sendAll(
  client: OpenimClient,
  from: string,
  to: string,
  texts: readonly string[],
): Promise<void> {
  for (const text of texts) await client.send(textMessage(from, to, text))
}

t.test('two nodes', { skip: MARIADB_MISSING ?? false }, async (t) => {
  const [redis, mariadb] = await Promise.all([startRedis(), startMariadb()])
  t.teardown(() => Promise.all([redis.stop(), mariadb.stop()]))
  const env = { REDIS_URL: redis.url, DATABASE_URL: databaseUrl(mariadb.address) }
  const start = (test: Teardown): Promise<TestNode[]> =>
    Promise.all([messageNode(test, env), messageNode(test, env)])

  t.test('a message reaches every device of both, on whichever node', async (t) => {
    const [a, b] = (await start(t)) as [TestNode, TestNode]
    const ann = await login(a, 'ann', Platform.Web)
    const phone = await login(b, 'ann', Platform.Android)
    const bob = await login(b, 'bob', Platform.Web)
    const laptop = await login(a, 'bob', Platform.Windows)
    const reply = await ann.send(textMessage('ann', 'bob', 'hello'))
    for (const device of [ann, phone, bob, laptop]) {
      const [received] = await heard(device, 1)
      t.match(received, { conversationId: 'si_ann_bob', operationId: 'op_ann_2' })
      t.match(received!.message, { seq: 1, ...reply })
    }
  })

  t.test('two who write at once on two nodes share one order, and hear each message once', async (t) => {
    const [a, b] = (await start(t)) as [TestNode, TestNode]
    const cleo = await login(a, 'cleo', Platform.Web)
    const dan = await login(b, 'dan', Platform.Web)
    await Promise.all([
      sendAll(cleo, 'cleo', 'dan', numbered('c')),
      sendAll(dan, 'dan', 'cleo', numbered('d')),
    ])
    await Promise.all([heard(cleo, 2 * COUNT), heard(dan, 2 * COUNT)])
    const seqs = Array.from({ length: 2 * COUNT }, (_, index) => index + 1)
    for (const device of [cleo, dan]) {
      t.same(
        device.messages.map(({ message }) => message.seq),
        seqs,
      )
    }
    t.same(textsPushed(cleo, 'si_cleo_dan'), textsPushed(dan, 'si_cleo_dan'))
  })

  t.test('who logs in while messages are sent reads or hears each of them', async (t) => {
    const [a, b] = (await start(t)) as [TestNode, TestNode]
    const eve = await login(a, 'eve', Platform.Web)
    await b.token('fred', Platform.Web)
    const texts = numbered('m')
    const sending = sendAll(eve, 'eve', 'fred', texts)
    const logins = []
    for (let round = 0; round < 5; round++) {
      const fred = await b.login('fred', [Platform.Web, Platform.Android][round % 2]!)
      const max = (await newestSeqs(fred, 'fred')).si_eve_fred ?? 0
      logins.push({ fred, max })
    }
    await sending
    for (const { fred, max } of logins) {
      const read =
        max === 0
          ? []
          : await pullRange(fred, 'fred', { conversationID: 'si_eve_fred', begin: 1, end: max, num: max })
      const after = texts.slice(max)
      while (textsPushed(fred, 'si_eve_fred').at(-1) !== texts.at(-1))
        await heard(fred, fred.messages.length + 1)
      const later = fred.messages
        .filter(({ message }) => message.seq > max)
        .map(({ message }) => textOf(message))
      t.same([...read.map(textOf), ...later], [...texts.slice(0, max), ...after])
    }
  })

  t.test('a message sent again to the other node is the same message', async (t) => {
    const [a, b] = (await start(t)) as [TestNode, TestNode]
    const gus = await login(a, 'gus', Platform.Web)
    const phone = await login(b, 'gus', Platform.Android)
    const hal = await login(b, 'hal', Platform.Web)
    const message = textMessage('gus', 'hal', 'once')
    const replies = await Promise.all([gus.send(message), phone.send(message), gus.send(message)])
    t.same(replies, [replies[0], replies[0], replies[0]])
    await gus.send(textMessage('gus', 'hal', 'next'))
    await heard(hal, 2)
    t.same(textsPushed(hal, 'si_gus_hal'), ['once', 'next'])
  })
})
