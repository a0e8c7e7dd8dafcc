import t from 'tap'
import { seesOn, TestNode } from '../support/node.js'

const WEB = 5
const ANDROID = 2

t.test('a node on the portable transport serves the same clients, on one io thread', async (t) => {
  const node = await TestNode.start(t, { TRANSPORT: 'ws', OFFLINE_GRACE_MS: '0' })
  t.equal(node.supervisor.host.threads.filter(({ role }) => role === 'io').length, 1)
  const watchers = [
    await node.login('watcher-js', WEB),
    await node.login('watcher-go', WEB, { sdkType: 'go', compression: true }),
  ]
  for (const watcher of watchers) await watcher.subscribe(['ann'])
  const ann = await node.login('ann', ANDROID)
  for (const watcher of watchers) await seesOn(watcher, 'ann', [ANDROID])
  await ann.terminate()
  for (const watcher of watchers) await seesOn(watcher, 'ann', [])
})
