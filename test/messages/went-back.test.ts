/** A database that has lost commits: no number that clients have seen is given again. */
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { bucketOfUser } from '../../src/rules/messages/bucket.js'
import { raiseNumbers, renameLists } from '../../src/services/housekeeping/after-restore.js'
import { outgoingOf } from '../../src/services/messages/outgoing.js'
import { sendAll } from '../../src/services/messages/send.js'
import {
  bump,
  ChangeState,
  changesSince,
  headOf,
  List,
  newVersionId,
} from '../../src/services/people/version-log.js'
import type { Operation } from '../../src/store/ports/database.js'
import type { FillSlice, Position } from '../../src/store/ports/schema.js'
import { remove } from '../../src/store/ports/steps.js'
import { versions } from '../../src/store/schema/tables.js'
import { WitnessedDatabase } from '../../src/store/sql/witnessed-database.js'
import { MARIADB_MISSING, mysqlUrlOf, startMariadb } from '../support/mariadb-server.js'
import type { Teardown } from '../support/node.js'
import { heard, messageNode, newestSeqs, pullRange, textMessage, textOf, textsPushed } from './chat.js'
import { StoredChat } from './stored-chat.js'

const CHAT = 'si_ann_bob'
const WENT_BACK = 'porchlight_rows_went_back_total'

t.test(
  'numbers and times go on from those that were given',
  { skip: MARIADB_MISSING ?? false },
  async (t) => {
    const mariadb = await startMariadb()
    t.teardown(() => mariadb.stop())
    const node = await messageNode(t, { DATABASE_URL: mysqlUrlOf(mariadb.address) })
    const ann = await node.login('ann', Platform.Web)
    const bob = await node.login('bob', Platform.Web)
    for (const text of ['one', 'two']) await ann.send(textMessage('ann', 'bob', text))
    await mariadb.query('CREATE TABLE porchlight.before AS SELECT * FROM porchlight.conversations')
    for (const text of ['three', 'four']) await ann.send(textMessage('ann', 'bob', text))
    const [last] = (await heard(bob, 4)).slice(-1)
    await mariadb.query(
      'REPLACE INTO porchlight.conversations SELECT * FROM porchlight.before',
      'DELETE FROM porchlight.messages WHERE seq > 2',
    )
    t.same(await newestSeqs(bob, 'bob'), { [CHAT]: 2 }, 'the database went back')
    t.equal(await node.metric(WENT_BACK), 0)

    await ann.send(textMessage('ann', 'bob', 'five'))
    const [next] = (await heard(bob, 5)).slice(-1)
    t.equal(next!.message.seq, 5)
    t.ok(next!.message.sendTime > last!.message.sendTime, 'times rise')
    t.same(textsPushed(bob, CHAT), ['one', 'two', 'three', 'four', 'five'])
    t.equal(await node.metric(WENT_BACK), 1)
    const read = await pullRange(bob, 'bob', { conversationID: CHAT, begin: 1, end: 5, num: 5 })
    t.same(
      read.map(({ seq }) => seq),
      [1, 2, 3, 4, 5],
      'placeholders stand where messages were lost',
    )
    t.same(
      [read[0], read[1], read[4]].map((message) => textOf(message!)),
      ['one', 'two', 'five'],
    )
    await ann.send(textMessage('ann', 'bob', 'six'))
    t.equal((await heard(bob, 6)).at(-1)!.message.seq, 6)
    t.equal(await node.metric(WENT_BACK), 1, 'all is well again')
  },
)

/** A chat, and its database as a writer sees it that remembers what it has committed. */
async function witnessed(test: Teardown) {
  const chat = new StoredChat(test)
  await chat.register('ann', 'bob')
  const back: number[] = []
  let ids = 0
  const database = new WitnessedDatabase(chat.database, {
    newVersionId: () => `other${++ids}`,
    wentBack: (rows) => back.push(rows),
  })
  const send = (text: string, nowMs: number) =>
    database.write(() =>
      sendAll([{ message: outgoingOf(textMessage('ann', 'bob', text)), operationId: '' }], nowMs),
    )
  return { chat, database, send, back }
}

t.test('a list that went back is read anew', async (t) => {
  const { chat, database, send, back } = await witnessed(t)
  await send('one', 1)
  const known = await chat.database.read(() => headOf(List.Conversations, 'ann'))
  await chat.database.write(() => remove(versions, [[bucketOfUser('ann'), 'ann', List.Conversations]]))
  await database.write(() => bump(List.Conversations, 'ann', ['si_ann_cid'], ChangeState.Insert))
  t.same(back, [1])
  const changes = await chat.database.read(() => changesSince(List.Conversations, 'ann', known))
  t.match(changes, { isFull: true, version: known.version + 1, versionId: 'other1' })
})

t.test('a transaction that failed has given no number', async (t) => {
  const { chat, database, send, back } = await witnessed(t)
  await send('one', 1)
  const failing = database.write(function* (): Operation<void> {
    yield* sendAll([{ message: outgoingOf(textMessage('ann', 'bob', 'two')), operationId: '' }], 2)
    throw new Error('no room')
  })
  await t.rejects(failing, /no room/)
  await send('three', 3)
  t.same(await chat.seqs(CHAT), [1, 2], 'there is no hole')
  t.same(back, [])
})

async function inSlices(chat: StoredChat, slice: (from: Position | undefined) => Operation<FillSlice>) {
  let rows = 0
  for (let from: Position | undefined; ; ) {
    const done = await chat.database.write(() => slice(from))
    rows += done.rows
    if (done.next === undefined) return rows
    from = done.next
  }
}

t.test('after a restore all conversations go on further, and who had read all has still', async (t) => {
  const chat = new StoredChat(t)
  const others = Array.from({ length: 250 }, (_, index) => `user${index}`)
  await chat.register('ann', 'bob', ...others)
  for (const other of others) await chat.send('ann', other, ['hi'], 1)
  await chat.send('ann', 'bob', ['one', 'two'], 1)
  await chat.call('markConversationRead', 'bob', {
    userID: 'bob',
    conversationID: CHAT,
    hasReadSeq: 2,
    seqs: [],
  })
  const known = await chat.database.read(() => headOf(List.Conversations, 'ann'))
  t.equal(await inSlices(chat, (from) => raiseNumbers(from, 100)), 252, 'each once, and that of the receipt')
  t.equal(await inSlices(chat, (from) => renameLists(from, newVersionId)), 252)
  t.match(await chat.head(CHAT), { maxSeq: 102, aSeq: 102, bSeq: 102 })
  t.match(await chat.head('si_ann_user1'), { maxSeq: 101, aSeq: 101, bSeq: 0 }, 'user1 has read nothing')
  await chat.send('bob', 'ann', ['three'], 2)
  t.same(await chat.seqs(CHAT), [1, 2, 103])
  const changes = await chat.database.read(() => changesSince(List.Conversations, 'ann', known))
  t.equal(changes.isFull, true)
})
