/** How many messages a user may send in a minute. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { RequestId } from '../../src/openim/requests.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { SECRET } from '../support/node.js'
import { askRest } from '../support/rest.js'
import { messageNode, newestSeqs, textMessage } from './chat.js'

const ENV = { SENDS_PER_MIN_PER_USER: '3' }

function sendText(client: OpenimClient, from: string, to: string) {
  return client.request(RequestId.SendMessage, MsgData.encode(textMessage(from, to, 'hello')).finish())
}

t.test('a user who sends too much is told when to retry, whichever connection they use', async (t) => {
  const node = await messageNode(t, ENV)
  const web = await node.login('ann', Platform.Web)
  const phone = await node.login('ann', Platform.Android)
  const bob = await node.login('bob', Platform.Web)
  for (const device of [web, phone, web]) t.equal((await sendText(device, 'ann', 'bob')).errCode, 0)
  t.match(await sendText(phone, 'ann', 'bob'), {
    errCode: WireCode.TooManyRequests,
    errMsg: /message limit of this user reached, retry after \d+ s$/,
  })
  t.equal(await node.metric('porchlight_over_share_total', 'reason="sends"'), 1)
  t.equal((await sendText(bob, 'bob', 'ann')).errCode, 0, 'others have limits of their own')
  t.same(await newestSeqs(web, 'ann'), { si_ann_bob: 4 }, 'reading goes on, and nothing was stored')
})

t.test('messages over the limit are refused before they are decoded', async (t) => {
  const node = await messageNode(t, { SENDS_PER_MIN_PER_USER: '1' })
  const ann = await node.login('ann', Platform.Web)
  const garbage = Buffer.from('no message at all')
  t.equal((await ann.request(RequestId.SendMessage, garbage)).errCode, WireCode.ArgsError)
  t.equal((await ann.request(RequestId.SendMessage, garbage)).errCode, WireCode.TooManyRequests)
})

t.test('administrators send without this limit', async (t) => {
  const node = await messageNode(t, ENV)
  const { data } = await askRest(node, '/auth/get_admin_token', { secret: SECRET, userID: 'imAdmin' })
  const { token } = data as { token: string }
  const admin = await OpenimClient.connect({
    url: node.wsUrl,
    token,
    userId: 'imAdmin',
    platformId: Platform.Admin,
  })
  t.teardown(() => admin.terminate())
  await node.token('bob', Platform.Web)
  for (let count = 0; count < 10; count++) t.equal((await sendText(admin, 'imAdmin', 'bob')).errCode, 0)
})
