/** `npm run test:sdks`: chats with both SDKs over two nodes, on one Redis and on a Redis Cluster. */
import t from 'tap'
import { Browser } from './browser.js'
import { chatWithJs } from './js-chat.js'
import { startTwoNodes } from './server.js'
import { Site } from './site.js'
import { chatWithWasm } from './wasm-chat.js'

t.comment('timeout=3600000')

for (const redisForm of ['single', 'cluster'] as const) {
  t.test(`two nodes on MariaDB and Redis (${redisForm})`, async (t) => {
    const origin = (await Site.start(t)).origin('chat')
    const servers = await startTwoNodes(t, redisForm, { ALLOWED_ORIGINS: origin })
    t.test('@openim/client-sdk', async (t) => chatWithJs(t, servers))
    t.test('@openim/wasm-client-sdk', async (t) => {
      chatWithWasm(t, servers, { browser: await Browser.start(t), origin })
    })
  })
}
