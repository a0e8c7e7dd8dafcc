/** Conversations whose owners let messages vanish after a time. */
import t, { type Test } from 'tap'
import { ContentType } from '../../src/openim/content-types.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import { cutDestructs } from '../../src/services/housekeeping/destruct.js'
import { BEGINNING, Budget, type Cursor, type Slice } from '../../src/services/housekeeping/slice.js'
import type { OperationContext } from '../../src/services/operations/operation.js'
import { count } from '../../src/store/ports/steps.js'
import { destructs } from '../../src/store/schema/tables.js'
import { SETTINGS } from '../support/operation-settings.js'
import { textOf } from './chat.js'
import { StoredChat } from './stored-chat.js'

const CHAT = 'si_ann_bob'
const HOUR_MS = 3_600_000

async function open(t: Test): Promise<StoredChat> {
  const chat = new StoredChat(t)
  await chat.register('ann', 'bob')
  return chat
}

/** An hour, or another time in seconds; 0 = off. */
function setTime(
  chat: StoredChat,
  ownerId: string,
  conversationID = CHAT,
  seconds = 3_600,
  userID = ownerId === 'ann' ? 'bob' : 'ann',
) {
  return chat.call('setConversations', ownerId, {
    userIDs: [ownerId],
    conversation: {
      conversationID,
      conversationType: 1,
      userID,
      groupID: '',
      isMsgDestruct: seconds > 0,
      msgDestructTime: seconds,
    },
  })
}

async function run(chat: StoredChat, nowMs: number, budget = () => new Budget(500, () => false)) {
  const slices: Slice[] = []
  let cursor: Cursor | undefined = BEGINNING
  while (cursor !== undefined) {
    const at: Cursor = cursor
    const slice = await chat.database.write(() => {
      const context: OperationContext = {
        caller: { userId: '', isAdmin: true, operationId: 'job' },
        nowMs,
        newId: () => `${nowMs} ${slices.length} ${Math.random()}`,
        settings: SETTINGS,
        deliveries: [],
        followUps: [],
      }
      return cutDestructs(at, context, budget())
    })
    slices.push(slice)
    if (slices.length > 1_000) throw new Error('the pass does not end')
    cursor = slice.next
  }
  return { slices, deliveries: slices.flatMap(({ deliveries }) => deliveries) }
}

t.test(
  "old messages vanish for the owner alone, whose devices read the conversation's record again",
  async (t) => {
    const chat = await open(t)
    await chat.send('ann', 'bob', ['old', 'young'], 0, 1.5 * HOUR_MS)
    await setTime(chat, 'bob')
    const version = async () =>
      (await chat.call('incrementalConversations', 'bob', { userID: 'bob', version: 0, versionID: '' }))
        .output.version
    const before = await version()
    const { deliveries } = await run(chat, 2 * HOUR_MS)
    t.same((await chat.pull('bob', CHAT)).map(textOf), ['young'])
    t.same((await chat.pull('ann', CHAT)).map(textOf), ['old', 'young'])
    t.match(await chat.record('bob', CHAT), { minSeq: 2, readSeq: 1, latestDestructTime: 2 * HOUR_MS })
    t.equal(await version(), before + 1)
    t.match(deliveries, [{ userIds: ['bob'], seq: 0 }])
    const { contentType, content } = MsgData.decode(deliveries[0]!.body)
    t.equal(contentType, ContentType.ConversationChanged)
    t.match(JSON.parse(JSON.parse(Buffer.from(content).toString()).detail), { conversationIDList: [CHAT] })
  },
)

t.test('a conversation is cut once in its time', async (t) => {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['1', '2'], 0, 1.2 * HOUR_MS)
  await setTime(chat, 'bob')
  await run(chat, 2 * HOUR_MS)
  t.same((await run(chat, 2.5 * HOUR_MS)).deliveries, [])
  t.match(await chat.record('bob', CHAT), { minSeq: 2 }, '2 is old enough by now, and has to wait')
  await run(chat, 3 * HOUR_MS + 1)
  t.match(await chat.record('bob', CHAT), { minSeq: 3, latestDestructTime: 3 * HOUR_MS + 1 })
})

t.test('whose time was taken back, or is 0, keeps all', async (t) => {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['1'], 0)
  await setTime(chat, 'bob')
  await setTime(chat, 'bob', CHAT, 0)
  t.same((await run(chat, 9 * HOUR_MS)).deliveries, [])
  t.equal(await chat.database.read(() => count(destructs, [])), 0)
})

t.test('a conversation without messages is told of, and not cut', async (t) => {
  const chat = await open(t)
  await setTime(chat, 'bob')
  t.equal((await run(chat, 9 * HOUR_MS)).deliveries.length, 1)
  t.match(await chat.record('bob', CHAT), { minSeq: 0, latestDestructTime: 9 * HOUR_MS })
})

t.test('each one of many is cut once, however short the slices are', async (t) => {
  const chat = await open(t)
  const others = Array.from({ length: 70 }, (_, index) => `user${index}`)
  await chat.register(...others)
  // Of one owner, and so of one bucket.
  for (const other of others) await setTime(chat, 'ann', `si_ann_${other}`, 3_600, other)
  const { slices } = await run(chat, 9 * HOUR_MS, () => new Budget(500, () => true))
  t.same(
    slices.map(({ conversations }) => conversations).filter((cut) => cut > 0),
    others.map(() => 1),
  )
})
