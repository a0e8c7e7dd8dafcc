/** A node whose way to its MariaDB is cut in the middle of commits. */
import t, { type Test } from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.js'
import { MARIADB_MISSING, mysqlUrlOf, startMariadb } from '../support/mariadb-server.js'
import { until } from '../support/redis.js'
import { heard, messageNode, textMessage, textsPushed } from './chat.js'

/** After this an SDK has given up. */
const PATIENCE_MS = 8_000
const LOST = 'porchlight_commits_lost_total'

/** The next commit is cut, and no other. */
async function cutOnce(proxy: CuttingProxy): Promise<void> {
  proxy.sent.length = 0
  proxy.cutAfter = '; COMMIT'
  await until('it was cut', () => proxy.sent.some((bytes) => bytes.includes('; COMMIT')))
  proxy.cutAfter = undefined
}

t.test('commits that are cut', { skip: MARIADB_MISSING ?? false }, async (t) => {
  const mariadb = await startMariadb()
  t.teardown(() => mariadb.stop())
  const proxy = await startCuttingProxy(t, mariadb.address.port)
  const node = await messageNode(t, { DATABASE_URL: mysqlUrlOf({ ...mariadb.address, port: proxy.port }) })
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  await ann.send(textMessage('ann', 'bob', 'before'))
  const texts = ['before']

  async function sendThroughCut(t: Test, text: string, outcome: string): Promise<void> {
    const before = await node.metric(LOST, `outcome="${outcome}"`)
    const sinceMs = performance.now()
    const [reply] = await Promise.all([ann.send(textMessage('ann', 'bob', text)), cutOnce(proxy)])
    t.ok(reply.serverMsgID)
    const tookMs = performance.now() - sinceMs
    t.ok(tookMs < PATIENCE_MS, `${tookMs} ms`)
    texts.push(text)
    await heard(bob, texts.length)
    t.same(textsPushed(bob, 'si_ann_bob'), texts)
    const rows = await mariadb.query(
      `SELECT seq FROM porchlight.messages WHERE conversationId = 'si_ann_bob' ORDER BY seq`,
    )
    t.same(
      rows.map(({ seq }) => seq),
      texts.map((_, index) => index + 1),
    )
    t.equal(await node.metric(LOST, `outcome="${outcome}"`), before + 1)
  }

  await t.test('one that was done is found, answered and pushed', async (t) => {
    await sendThroughCut(t, 'done', 'found')
  })

  await t.test('one that was not done is done again', async (t) => {
    proxy.arrivesAfterMs = Number.POSITIVE_INFINITY
    await sendThroughCut(t, 'not done', 'repeated')
  })

  await t.test('one that is done after it was looked for is stored once', async (t) => {
    proxy.arrivesAfterMs = 1_500
    await sendThroughCut(t, 'late', 'found')
    proxy.arrivesAfterMs = 0
  })

  await t.test('no row of a commit is left', async () => {
    await until('none is', async () => (await mariadb.query('SELECT 1 FROM porchlight.outbox')).length === 0)
  })
})
