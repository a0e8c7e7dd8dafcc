/** What administrators do with messages over REST. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { Platform } from '../../src/openim/platforms.js'
import { askRest } from '../support/rest.js'
import { messageNode, pullRange, textMessage } from './chat.js'

t.test('administrators search, erase, and ask what came of a message', async (t) => {
  const node = await messageNode(t)
  const ann = await node.login('ann', Platform.Web)
  await node.token('bob', Platform.Web)
  const status = () => askRest(node, '/msg/check_msg_is_send_success', {})
  t.match(await status(), { errCode: 0, data: { status: 0 } })
  const message = { sendID: 'bob', content: { content: 'hi' }, contentType: ContentType.Text, sessionType: 1 }
  t.equal(
    (await askRest(node, '/msg/send_msg', { ...message, recvID: 'nobody' })).errCode,
    WireCode.RecordNotFoundError,
  )
  t.match(await status(), { data: { status: 3 } })
  t.equal((await askRest(node, '/msg/send_msg', { ...message, recvID: 'ann' })).errCode, 0)
  t.match(await status(), { data: { status: 2 } })
  await ann.send(textMessage('ann', 'bob', 'secret'))

  const pagination = { pageNumber: 1, showNumber: 10 }
  const found = await askRest(node, '/msg/search_msg', { sendID: 'ann', pagination })
  t.match(found.data, {
    chatLogs: [{ chatLog: { sendID: 'ann', recvID: 'bob', content: '{"content":"secret"}', seq: 2 } }],
    chatLogsNum: 1,
    isCut: false,
  })
  t.match(await askRest(node, '/msg/search_msg', { sendTime: 'today', pagination }), {
    errCode: WireCode.ArgsError,
    errDlt: /sendTime: expected a day/,
  })

  const erase = { conversationID: 'si_ann_bob', seqs: [2] }
  t.equal((await askRest(node, '/msg/delete_msg_phsical_by_seq', erase)).errCode, 0)
  const [erased] = await pullRange(ann, 'ann', { conversationID: 'si_ann_bob', begin: 2, end: 2, num: 1 })
  t.equal(erased!.content.length, 0)
})
