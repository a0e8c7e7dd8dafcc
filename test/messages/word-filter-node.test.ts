/** The word filter of a node: from its file to the sockets and the disk. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { eventually } from '../support/eventually.js'
import { temporaryFolder } from '../support/leftovers.js'
import { SECRET, type Teardown } from '../support/node.js'
import { askRest } from '../support/rest.js'
import { heard, messageNode, pullRange, textMessage, textOf } from './chat.js'

const CHAT = 'si_ann_bob'

function fileOf(text: string): string {
  const path = join(temporaryFolder('words'), 'words.txt')
  writeFileSync(path, text)
  return path
}

const filtering = (test: Teardown, path: string, env: Record<string, string> = {}) =>
  messageNode(test, { WORD_FILTER_FILE: path, ...env })

t.test('a masked message is stored and pushed so, also to its sender', async (t) => {
  const path = fileOf('# not nice\ndarn\n')
  const node = await filtering(t, path)
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  await ann.send(textMessage('ann', 'bob', 'oh darn', { ex: 'kept', atUserIDList: ['bob'] }))
  for (const device of [ann, bob]) {
    const [received] = await heard(device, 1)
    t.equal(textOf(received!.message), 'oh ****')
    t.match(received!.message, { ex: 'kept', atUserIDList: ['bob'], seq: 1, status: 2 })
  }
  const [stored] = await pullRange(bob, 'bob', { conversationID: CHAT, begin: 1, end: 1, num: 1 })
  t.equal(textOf(stored!), 'oh ****')
  t.equal(await node.metric('porchlight_check_changes_total', 'check="words"'), 1)

  writeFileSync(path, 'heck\n')
  await eventually(async () => {
    await ann.send(textMessage('ann', 'bob', 'darn, heck'))
    return bob.messages.some(({ message }) => textOf(message) === 'darn, ****') || undefined
  })
  t.pass('a changed file is used without a restart')
})

t.test('administrators write what they like', async (t) => {
  const node = await filtering(t, fileOf('darn'))
  const bob = await node.login('bob', Platform.Web)
  const { data } = await askRest(node, '/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
  const { token } = data as { token: string }
  const admin = await OpenimClient.connect({
    url: node.wsUrl,
    token,
    userId: 'imAdmin',
    platformId: Platform.Admin,
  })
  t.teardown(() => admin.terminate())
  await admin.send(textMessage('imAdmin', 'bob', 'darn'))
  const [received] = await heard(bob, 1)
  t.equal(textOf(received!.message), 'darn')
})

t.test('with WORD_FILTER=refuse such a message is not sent', async (t) => {
  const node = await filtering(t, fileOf('darn'), { WORD_FILTER: 'refuse' })
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  const send = (text: string) =>
    ann.request(RequestId.SendMessage, MsgData.encode(textMessage('ann', 'bob', text)).finish())
  t.match(await send('Darn'), { errCode: WireCode.CallbackError, errMsg: /not allowed here/ })
  t.equal((await send('hello')).errCode, 0)
  const [received] = await heard(bob, 1)
  t.match(received!.message, { seq: 1 })
  t.equal(await node.metric('porchlight_check_refusals_total', 'check="words"'), 1)
})

t.test('a node whose list cannot be read does not start', async (t) => {
  await t.rejects(filtering(t, fileOf('')), { code: 'BAD_SETTING', message: /WORD_FILTER_FILE .* no word/ })
  await t.rejects(filtering(t, '/nowhere/words'), { code: 'BAD_SETTING', message: /ENOENT/ })
})
