/** What administrators find, and erase. */
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { MessageStatus } from '../../src/openim/content-types.js'
import { StoredChat } from './stored-chat.js'

const DAY_MS = 86_400_000
const ANY = { sendID: '', recvID: '', contentType: 0, sendTime: '', sessionType: 0 }
const FIRST_PAGE = { pageNumber: 1, showNumber: 100 }

interface Output {
  chatLogs: { chatLog: { content: string; seq: number }; isRevoked: boolean }[]
  chatLogsNum: number
  isCut: boolean
}

async function open(t: Test): Promise<StoredChat> {
  const chat = new StoredChat(t)
  await chat.register('ann', 'bob', 'cat')
  return chat
}

async function search(chat: StoredChat, what: Partial<typeof ANY>, pagination = FIRST_PAGE) {
  const { output } = await chat.call('searchMessages', 'imAdmin', { ...ANY, ...what, pagination }, 0, true)
  const { chatLogs, chatLogsNum, isCut } = output as Output
  const texts = chatLogs.map(({ chatLog }) => JSON.parse(chatLog.content).content as string)
  return { texts, chatLogs, chatLogsNum, isCut }
}

async function chatter(t: Test): Promise<StoredChat> {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['a1', 'a2'], 0.5 * DAY_MS, 1.5 * DAY_MS)
  await chat.send('bob', 'ann', ['b1'], 2 * DAY_MS)
  await chat.send('cat', 'bob', ['c1'], 1.2 * DAY_MS)
  return chat
}

t.test('messages are found by who sent them, to whom, and on which day', async (t) => {
  const chat = await chatter(t)
  t.same((await search(chat, { sendID: 'ann' })).texts, ['a1', 'a2'])
  t.same((await search(chat, { recvID: 'bob' })).texts.sort(), ['a1', 'a2', 'c1'])
  t.same((await search(chat, { sendID: 'bob', recvID: 'ann' })).texts, ['b1'])
  t.same((await search(chat, { sendTime: '1970-01-02' })).texts.sort(), ['a2', 'c1'])
  t.same((await search(chat, { sendTime: '1970-01-03' })).texts, ['b1'])
  t.same((await search(chat, { sendTime: '1970-01-09' })).texts, [])
  t.same((await search(chat, { contentType: 102 })).texts, [])
  t.same((await search(chat, { sessionType: 4 })).texts, [])
  t.match(await search(chat, {}), { chatLogsNum: 4, isCut: false })
})

t.test('pages follow each other, and say how much there is', async (t) => {
  const chat = await chatter(t)
  const page = (pageNumber: number) => search(chat, { sendID: 'ann' }, { pageNumber, showNumber: 1 })
  t.match(await page(1), { texts: ['a1'], chatLogsNum: 2, isCut: false })
  t.match(await page(2), { texts: ['a2'], chatLogsNum: 2 })
  t.match(await page(3), { texts: [], chatLogsNum: 2 })
  await t.rejects(search(chat, {}, { pageNumber: 0, showNumber: 1 }), {
    code: 'CALL_REFUSED',
    errCode: WireCode.ArgsError,
  })
  await t.rejects(search(chat, {}, { pageNumber: 1, showNumber: 101 }), {
    code: 'CALL_REFUSED',
    errCode: WireCode.ArgsError,
  })
})

t.test('a search that has looked at as much as it may says so', async (t) => {
  const chat = await open(t)
  await chat.sendMany('ann', 'bob', 1_500, 1)
  await chat.sendMany('ann', 'cat', 500, 1)
  t.match(await search(chat, { sendID: 'ann' }), { chatLogsNum: 2_000, isCut: false })
  await chat.sendMany('ann', 'cat', 1, 1)
  t.match(await search(chat, { sendID: 'ann' }), { chatLogsNum: 2_000, isCut: true })
  t.match(await search(chat, { sendID: 'ann', recvID: 'bob' }), { chatLogsNum: 1_500, isCut: false })
})

t.test('a revoked message is found with what it said', async (t) => {
  const chat = await chatter(t)
  await chat.call('revokeMessage', 'ann', { conversationID: 'si_ann_bob', seq: 1, userID: 'ann' }, DAY_MS)
  t.match((await search(chat, { sendID: 'ann' })).chatLogs, [
    { isRevoked: true, chatLog: { sendID: 'ann', recvID: 'bob', seq: 1, content: /a1/ } },
    { isRevoked: false, chatLog: { seq: 2 } },
  ])
})

t.test('an erased message has its number and says nothing, to nobody', async (t) => {
  const chat = await chatter(t)
  const request = { conversationID: 'si_ann_bob', seqs: [1, 1, 99] }
  const { deliveries } = await chat.call('eraseMessages', 'imAdmin', request, 0, true)
  t.same(deliveries, [])
  for (const userId of ['ann', 'bob']) {
    const [erased, next] = await chat.pull(userId, 'si_ann_bob')
    t.match(erased, { seq: 1, sendID: 'ann', status: MessageStatus.Deleted })
    t.equal(erased!.content.length, 0)
    t.equal(next!.seq, 2)
  }
})

t.test('users neither search nor erase', async (t) => {
  const chat = await chatter(t)
  const refused = { code: 'CALL_REFUSED', errCode: WireCode.NoPermissionError }
  await t.rejects(chat.call('searchMessages', 'ann', { ...ANY, pagination: FIRST_PAGE }), refused)
  await t.rejects(chat.call('eraseMessages', 'ann', { conversationID: 'si_ann_bob', seqs: [1] }), refused)
})
