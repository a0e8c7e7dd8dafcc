/** A process that stood still (a paused virtual machine, swap) does not blame its clients for it. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { Admin } from '../../src/sdk/admin.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { ChildNode } from '../support/child-node.js'
import { noNativeTransport, SECRET } from '../support/node.js'

const CLIENTS = 20
const READ_TIMEOUT_MS = 2_000
const PING_MS = READ_TIMEOUT_MS * 0.6
const STALL_MS = READ_TIMEOUT_MS * 1.5

for (const transport of ['uws', 'ws'] as const) {
  const skip = transport === 'uws' ? noNativeTransport : false
  t.test(`${transport}: clients that pinged in time stay connected over a stall`, { skip }, async (t) => {
    const node = await ChildNode.start(t, {
      TRANSPORT: transport,
      READ_TIMEOUT_MS: String(READ_TIMEOUT_MS),
    })
    const admin = new Admin(node.apiUrl, SECRET)
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, n) => {
        const userId = `user-${n}`
        const token = await admin.userToken(userId, Platform.Android)
        const client = await OpenimClient.connect({
          url: node.wsUrl,
          token,
          userId,
          platformId: Platform.Android,
        })
        const pings = setInterval(() => void client.ping('x').catch(() => {}), PING_MS)
        t.teardown(() => {
          clearInterval(pings)
          client.terminate()
        })
        return client
      }),
    )
    node.freeze()
    await new Promise((resolve) => setTimeout(resolve, STALL_MS))
    node.thaw()
    // A round trip on each connection, after the moment at which silence would have been judged.
    await new Promise((resolve) => setTimeout(resolve, READ_TIMEOUT_MS))
    for (const client of clients) {
      t.equal(client.closeCode, undefined)
      t.equal(await client.ping('still here'), 'still here')
    }
  })
}
