/** `restored`, as operators run it after they have put a backup in place. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { heard, messageNode, newestSeqs, textMessage } from '../messages/chat.js'
import { GatewayProcess } from '../support/gateway-process.js'
import { temporaryFolder } from '../support/leftovers.js'
import type { Teardown } from '../support/node.js'

async function outcome(test: Teardown, dataDir: string, args: string[]) {
  const gateway = await GatewayProcess.launch(test, { args, env: { DATA_DIR: dataDir } })
  const { code } = await gateway.exit
  return { code, output: gateway.output }
}

t.test('after a backup was put in place and restored was run, clients get what is new', async (t) => {
  const dataDir = temporaryFolder('restored')
  const backup = join(temporaryFolder('backup'), 'messages.db')
  const first = await messageNode(t, { DATA_DIR: dataDir })
  const ann = await first.login('ann', Platform.Web)
  await first.login('bob', Platform.Web)
  await ann.send(textMessage('ann', 'bob', 'one'))
  await first.supervisor.stop()
  copyFileSync(join(dataDir, 'messages.db'), backup)

  const second = await messageNode(t, { DATA_DIR: dataDir })
  const again = await second.login('ann', Platform.Web)
  await again.send(textMessage('ann', 'bob', 'lost'))
  await second.supervisor.stop()
  copyFileSync(backup, join(dataDir, 'messages.db'))

  const done = await outcome(t, dataDir, ['restored', '--by', '50'])
  t.match(done, {
    code: 0,
    output:
      /^1 conversations go on 50 numbers further\.\n2 lists are read anew\. The nodes may be started\.\n$/,
  })
  const third = await messageNode(t, { DATA_DIR: dataDir })
  const bob = await third.login('bob', Platform.Web)
  t.same(await newestSeqs(bob, 'bob'), { si_ann_bob: 51 })
  const sender = await third.login('ann', Platform.Web)
  await sender.send(textMessage('ann', 'bob', 'two'))
  const [received] = await heard(bob, 1)
  t.equal(received!.message.seq, 52)
})

t.test('restored says what it needs', async (t) => {
  t.match(await outcome(t, temporaryFolder('restored'), ['restored', '--help']), {
    code: 0,
    output: /usage: porchlight restored/,
  })
  t.match(await outcome(t, temporaryFolder('restored'), ['restored']), { code: 1, output: /schema/ })
})
