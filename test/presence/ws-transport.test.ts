import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { seesOn, TestNode } from '../support/node.js'

t.test('a node on the portable transport serves the same clients, on one io thread', async (t) => {
  const node = await TestNode.start(t, { TRANSPORT: 'ws', OFFLINE_GRACE_MS: '0' })
  t.equal(node.supervisor.host.threads.filter(({ role }) => role === 'io').length, 1)
  const watchers = [
    await node.login('watcher-js', Platform.Web),
    await node.login('watcher-go', Platform.Web, { sdkType: 'go', compression: true }),
  ]
  for (const watcher of watchers) await watcher.subscribe(['ann'])
  const ann = await node.login('ann', Platform.Android)
  for (const watcher of watchers) await seesOn(watcher, 'ann', [Platform.Android])
  await ann.terminate()
  for (const watcher of watchers) await seesOn(watcher, 'ann', [])
})
