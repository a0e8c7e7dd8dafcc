/** Which ends of a connection are a goodbye, and which are waited for. */
import t from 'tap'
import { closeReason, isGoodbye } from '../../src/openim/close-codes.js'
import { noNativeTransport, seesOn, TestNode, toldOf } from '../support/node.js'

const WEB = 5

t.test('what the code of a close frame says', async (t) => {
  for (const code of [1000, 1005, 3000, 4000, 4999]) t.ok(isGoodbye(code), `${code} is a goodbye`)
  for (const code of [0, 999, 1001, 1002, 1006, 1009, 1011, 1012, 1013, 1015, 2999, 5000]) {
    t.notOk(isGoodbye(code), `${code} is none`)
  }
  t.same(
    [1000, 1001, 1002, 1008, 4000].map((code) => closeReason(code, true)),
    ['goodbye', 'away', 'broken', 'broken', 'goodbye'],
    'of the client',
  )
  t.same(
    [1000, 1006, 1008, 1013].map((code) => closeReason(code, false)),
    ['broken', 'broken', 'flood', 'slowReader'],
    'of the transport',
  )
})

for (const transport of ['ws', 'uws']) {
  const skip = transport === 'uws' && noNativeTransport
  t.test(`a page that is reloaded is never shown as offline (${transport})`, { skip }, async (t) => {
    const node = await TestNode.start(t, { TRANSPORT: transport, OFFLINE_GRACE_MS: '10000' })
    const watcher = await node.login('watcher', WEB)
    await watcher.subscribe(['ann', 'bob'])
    let page = await node.login('ann', WEB)
    await seesOn(watcher, 'ann', [WEB])
    for (let reload = 0; reload < 3; reload++) {
      await page.close(1001)
      page = await node.login('ann', WEB)
    }
    // An app that failed or was sent away by its own library comes back as well.
    let app = await node.login('bob', WEB)
    await seesOn(watcher, 'bob', [WEB])
    await app.close(1011)
    app = await node.login('bob', WEB)
    for (const end of [() => page.close(), () => app.close(4000)]) await end()
    for (const userId of ['ann', 'bob']) {
      await seesOn(watcher, userId, [])
      t.same(toldOf(watcher, userId), ['', '5', ''], 'offline at the goodbye, without waiting for the grace')
    }
    t.equal(await node.metric('porchlight_closes_total', 'reason="away"'), 3)
  })
}

t.test('a page that does not come back is shown offline after the grace', async (t) => {
  const node = await TestNode.start(t, { OFFLINE_GRACE_MS: '200' })
  const watcher = await node.login('watcher', WEB)
  await watcher.subscribe(['ann'])
  const page = await node.login('ann', WEB)
  await seesOn(watcher, 'ann', [WEB])
  await page.close(1001)
  await seesOn(watcher, 'ann', [])
})
