/** `npm run test:sdks`: chats with both SDKs over two nodes, on one Redis and on a Redis Cluster. */
import t from 'tap'
import { Browser } from './browser.js'
import { chatWithJs } from './js-chat.js'
import { befriendWithJs } from './js-friends.js'
import { startTwoNodes } from './server.js'
import { Site } from './site.js'
import { chatWithWasm } from './wasm-chat.js'

/** Each login of a page takes seconds. The test runner takes its limit from here. */
const LIMIT = { timeout: 3_600_000 }
t.setTimeout(LIMIT.timeout)

for (const redisForm of ['single', 'cluster'] as const) {
  t.test(`two nodes on MariaDB and Redis (${redisForm})`, LIMIT, async (t) => {
    const origin = (await Site.start(t)).origin('chat')
    const servers = await startTwoNodes(t, redisForm, { ALLOWED_ORIGINS: origin })
    t.test('@openim/client-sdk', LIMIT, async (t) => {
      chatWithJs(t, servers)
      befriendWithJs(t, servers)
    })
    t.test('@openim/wasm-client-sdk', LIMIT, async (t) => {
      chatWithWasm(t, servers, { browser: await Browser.start(t), origin })
    })
  })
}
