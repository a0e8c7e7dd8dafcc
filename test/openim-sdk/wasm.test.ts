/** Chats with `@openim/wasm-client-sdk` on one node with its embedded database. */
import t from 'tap'
import { Browser } from './browser.js'
import { startServer } from './server.js'
import { Site } from './site.js'
import { chatWithWasm, UNCONNECTED } from './wasm-chat.js'
import { WasmUser } from './wasm-user.js'

// Each login compiles 35 MB of WebAssembly, for seconds on a busy machine. The test runner takes its limit from here.
t.setTimeout(900_000)

const site = await Site.start(t)
const origin = site.origin('chat')
const [browser, server] = await Promise.all([Browser.start(t), startServer(t, { ALLOWED_ORIGINS: origin })])

t.test('a page of an origin that is not in ALLOWED_ORIGINS gets nowhere', async (t) => {
  const path = `${server.apiUrl}/user/get_users_info`
  const ann = await WasmUser.start(t, { server, browser, origin }, 'ann')
  t.equal(await ann.canRead(path), true)
  const eve = await WasmUser.start(t, { server, browser, origin: site.origin('elsewhere') }, 'eve')
  t.equal(await eve.canRead(path), false)
  const before = eve.faults.length
  await eve.startLogin()
  t.match(await eve.until('failure', () => eve.faults[before]), UNCONNECTED)
  t.same(eve.dataOf('OnConnectSuccess'), [])
})

chatWithWasm(t, [server], { browser, origin })
