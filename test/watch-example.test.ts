/** `demo/watch.mjs`, which shows newcomers the protocol, works as it is written. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Platform } from '../src/openim/platforms.js'
import { eventually } from './support/eventually.js'
import { endsWithThisProcess } from './support/leftovers.js'
import { TestNode } from './support/node.js'

t.test('the example logs in, and prints the changes of watched users', async (t) => {
  const node = await TestNode.start(t, { OFFLINE_GRACE_MS: '0' })
  const script = fileURLToPath(new URL('../../demo/watch.mjs', import.meta.url))
  const args = [script, node.wsUrl, await node.token('ann', Platform.Web), 'ann', 'bob']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  endsWithThisProcess(child)
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  await eventually(() => output === 'bob is offline\n' || undefined)
  const bob = await node.login('bob', Platform.Android)
  await eventually(() => output.endsWith('bob is on platforms 2\n') || undefined)
  await bob.close()
  await eventually(() => output.endsWith('bob is on platforms 2\nbob is offline\n') || undefined)
  t.pass(output)
})
