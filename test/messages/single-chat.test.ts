/** Single chat, from the socket of a sender to the disk, to the sockets of both, and back. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import {
  heard,
  messageNode,
  newestSeqs,
  pullRange,
  pullSeqs,
  textMessage,
  textOf,
  textsPushed,
} from './chat.js'

const CHAT = 'si_ann_bob'

t.test('a message is answered, and then pushed to the devices of both', async (t) => {
  const node = await messageNode(t)
  const ann = await node.login('ann', Platform.Web)
  const phone = await node.login('ann', Platform.Android, { sdkType: 'go', compression: true })
  const bob = await node.login('bob', Platform.Web)
  const hello = textMessage('ann', 'bob', 'hello')
  const pushedBeforeReply = ann.messages.length
  const reply = await ann.send(hello)
  t.equal(ann.messages.length, pushedBeforeReply, 'the reply comes before the push')
  t.match(reply, { clientMsgID: hello.clientMsgID, serverMsgID: /^[0-9a-f]{32}$/ })
  for (const device of [ann, phone, bob]) {
    const [received] = await heard(device, 1)
    const { conversationId, message, operationId } = received!
    t.equal(conversationId, CHAT)
    t.equal(operationId, 'op_ann_1')
    t.match(message, { sendID: 'ann', recvID: 'bob', seq: 1, status: 2, ...reply })
    t.equal(textOf(message), 'hello')
  }
})

t.test('messages of both get numbers without holes, and each device hears them in order', async (t) => {
  const node = await messageNode(t)
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  const count = 100
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      Promise.all([
        ann.send(textMessage('ann', 'bob', `a${index}`)),
        bob.send(textMessage('bob', 'ann', `b${index}`)),
      ]),
    ),
  )
  const all = Array.from({ length: 2 * count }, (_, index) => index + 1)
  for (const device of [ann, bob]) {
    await heard(device, 2 * count)
    t.same(
      device.messages.map(({ message }) => message.seq),
      all,
    )
    const times = device.messages.map(({ message }) => message.sendTime)
    t.ok(
      times.every((time, index) => index === 0 || time > times[index - 1]!),
      'times rise',
    )
  }
  const ofAnn = textsPushed(bob, CHAT).filter((text) => text.startsWith('a'))
  t.same(
    ofAnn,
    Array.from({ length: count }, (_, index) => `a${index}`),
    "one sender's messages keep their order",
  )
})

t.test('who was away finds the messages by their numbers', async (t) => {
  const node = await messageNode(t)
  const ann = await node.login('ann', Platform.Web)
  await node.token('bob', Platform.Web)
  for (const text of ['one', 'two', 'three']) await ann.send(textMessage('ann', 'bob', text))
  const bob = await node.login('bob', Platform.Web)
  t.same(await newestSeqs(bob, 'bob'), { [CHAT]: 3 })
  const newest = await pullRange(bob, 'bob', { conversationID: CHAT, begin: 1, end: 3, num: 2 })
  t.same(newest.map(textOf), ['two', 'three'])
  const some = await pullSeqs(bob, 'bob', CHAT, [3, 1, 9])
  t.same(some?.Msgs.map(textOf), ['three', 'one'])
  t.match(some, { isEnd: true, endSeq: 3 }, 'and learns where the conversation ends')
})

t.test('the same message again is answered as before, takes no number and is not pushed', async (t) => {
  const node = await messageNode(t)
  const ann = await node.login('ann', Platform.Web)
  const bob = await node.login('bob', Platform.Web)
  const message = textMessage('ann', 'bob', 'once')
  const first = await ann.send(message)
  t.same(await ann.send(message), first)
  t.same(await Promise.all([ann.send(message), ann.send(message)]), [first, first])
  await ann.send(textMessage('ann', 'bob', 'next'))
  await heard(bob, 2)
  t.same(textsPushed(bob, CHAT), ['once', 'next'])
  t.same(await newestSeqs(bob, 'bob'), { [CHAT]: 2 })
})

t.test('a node that is started again has every message that it had answered', async (t) => {
  const env = { NODE_ID: 'again', MESSAGES: 'auto', USERS: 'open' }
  const before = await messageNode(t, env)
  const ann = await before.login('ann', Platform.Web)
  await before.token('bob', Platform.Web)
  await ann.send(textMessage('ann', 'bob', 'kept'))
  await before.supervisor.stop()
  const after = await messageNode(t, env)
  const bob = await after.login('bob', Platform.Web)
  const [message] = await pullRange(bob, 'bob', { conversationID: CHAT, begin: 1, end: 1, num: 1 })
  t.equal(textOf(message!), 'kept')
})
