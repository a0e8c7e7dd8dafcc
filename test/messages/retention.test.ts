/** Old messages are deleted, a slice at a time. */
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { MessageStatus } from '../../src/openim/content-types.js'
import { bucketOfConversation } from '../../src/rules/messages/bucket.js'
import { deleteOldMessages } from '../../src/services/housekeeping/old-messages.js'
import { BEGINNING, Budget, type Cursor, claimPass, holdPass } from '../../src/services/housekeeping/slice.js'
import { count, remove } from '../../src/store/ports/steps.js'
import { deletions, messages } from '../../src/store/schema/tables.js'
import { StoredChat } from './stored-chat.js'

const CHAT = 'si_ann_bob'
const ROWS = 500
const never = () => false
const always = () => true

async function open(t: Test): Promise<StoredChat> {
  const chat = new StoredChat(t)
  await chat.register('ann', 'bob', 'cat')
  return chat
}

/** One pass, slice by slice. Returns how many messages each of them deleted. */
async function pass(
  chat: StoredChat,
  cutoffMs: number,
  { rows = ROWS, isLate = never, between = async () => {} } = {},
): Promise<number[]> {
  const deleted: number[] = []
  let cursor: Cursor | undefined = BEGINNING
  while (cursor !== undefined) {
    const at: Cursor = cursor
    const slice = await chat.database.write(() => deleteOldMessages(at, cutoffMs, new Budget(rows, isLate)))
    deleted.push(slice.messages)
    cursor = slice.next
    await between()
    if (deleted.length > 10_000) throw new Error('the pass does not end')
  }
  return deleted
}

const total = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0)
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

t.test('messages that are older go, and all others stay', async (t) => {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['1', '2', '3', '4'], 1_000, 2_000, 3_000, 4_000)
  await chat.send('cat', 'bob', ['old'], 1_000)
  await chat.send('ann', 'cat', ['new'], 5_000)
  t.equal(total(await pass(chat, 3_000)), 3)
  t.same(await chat.seqs(CHAT), [3, 4])
  t.match(await chat.head(CHAT), { minSeq: 3, maxSeq: 4 })
  t.same(await chat.seqs('si_bob_cat'), [])
  t.same(await chat.seqs('si_ann_cat'), [1])
  t.equal(total(await pass(chat, 3_000)), 0, 'once')
  await chat.send('bob', 'cat', ['next'], 6_000)
  t.same(await chat.seqs('si_bob_cat'), [2], 'numbers go on')
})

t.test('a slice deletes a bounded number, and readers never see a hole', async (t) => {
  const chat = await open(t)
  await chat.sendMany('ann', 'bob', 1_200, 1_000)
  await chat.send('ann', 'bob', ['kept'], 9_000)
  const seen: number[] = []
  const deleted = await pass(chat, 9_000, {
    rows: 120,
    between: async () => {
      const found = await chat.pull('bob', CHAT)
      t.ok(found.every(({ status }) => status !== MessageStatus.Deleted))
      seen.push(found.length)
    },
  })
  t.equal(total(deleted), 1_200)
  t.ok(deleted.length >= 10 && Math.max(...deleted) <= 120, `${deleted}`)
  t.same(new Set(seen), new Set([1]), 'none of them is seen from the first slice on')
})

t.test('a slice whose time is over ends, and the pass still gets on', async (t) => {
  const chat = await open(t)
  await chat.sendMany('ann', 'bob', 300, 1_000)
  await chat.sendMany('ann', 'cat', 300, 1_000)
  const deleted = await pass(chat, 9_000, { isLate: always })
  t.equal(total(deleted), 600)
  t.ok(Math.max(...deleted) <= 50, `${deleted}`)
})

t.test('what a pass that broke off has left is deleted by the next one', async (t) => {
  const chat = await open(t)
  await chat.sendMany('ann', 'bob', 1_000, 1_000)
  await chat.send('ann', 'bob', ['kept'], 9_000)
  await chat.database.write(() => deleteOldMessages(BEGINNING, 9_000, new Budget(100, never)))
  t.match(await chat.head(CHAT), { minSeq: 1_001 })
  t.ok((await chat.seqs(CHAT)).length > 900)
  // Even if all that is left is young by now.
  await pass(chat, 0)
  t.same(await chat.seqs(CHAT), [1_001])
})

t.test('messages of conversations that were cleared for all go whatever their age', async (t) => {
  const chat = await open(t)
  await chat.sendMany('ann', 'bob', 10, 1_000)
  const request = {
    conversationIDs: [CHAT],
    userID: 'ann',
    deleteSyncOpt: { IsSyncSelf: false, IsSyncOther: true },
  }
  await chat.call('clearConversations', 'ann', request)
  await chat.send('bob', 'ann', ['kept'], 2_000)
  await pass(chat, 0)
  t.same(await chat.seqs(CHAT), [11])
})

t.test('with a message goes who had deleted it for themselves, and that it was unread', async (t) => {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['1', '2', '3'], 1_000, 2_000, 9_000)
  const none = { IsSyncSelf: false, IsSyncOther: false }
  await chat.call('deleteMessages', 'bob', {
    conversationID: CHAT,
    seqs: [2, 3],
    userID: 'bob',
    deleteSyncOpt: none,
  })
  t.match(await chat.record('bob', CHAT), { readSeq: 0 })
  await pass(chat, 5_000)
  const kept = await chat.database.read(() => count(deletions, [bucketOfConversation(CHAT), CHAT, 'bob']))
  t.equal(kept, 1)
  t.match(await chat.record('bob', CHAT), { readSeq: 2 }, 'one is left unread')
})

t.test('a number that is missing at the lower end does not hide what is old', async (t) => {
  const chat = await open(t)
  await chat.send('ann', 'bob', ['1', '2', '3'], 1_000, 2_000, 9_000)
  await chat.database.write(() => remove(messages, [[bucketOfConversation(CHAT), CHAT, 1]]))
  await pass(chat, 5_000)
  t.same(await chat.seqs(CHAT), [3])
})

t.test(
  'whatever was sent when, exactly what is young enough stays, also where numbers are missing',
  async (t) => {
    const gaps = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 })
    const people = ['ann', 'bob', 'cat', 'dan']
    const chats = fc.array(gaps, { minLength: 1, maxLength: 4 })
    const lost = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(
        chats,
        lost,
        fc.integer({ min: 0, max: 1_500 }),
        fc.integer({ min: 1, max: 80 }),
        async (all, missing, cutoffMs, rows) => {
          const chat = new StoredChat(t)
          await chat.register(...people)
          const kept = new Map<string, number[]>()
          for (const [index, steps] of all.entries()) {
            const other = people[index]!
            let atMs = 0
            const times = steps.map((step) => (atMs += step))
            await chat.send('zoe', other, times.map(String), ...times)
            const id = `si_${other}_zoe`
            await chat.database.write(() =>
              remove(
                messages,
                missing.map((seq) => [bucketOfConversation(id), id, seq]),
              ),
            )
            kept.set(
              id,
              range(1, times.length).filter((seq) => times[seq - 1]! >= cutoffMs && !missing.includes(seq)),
            )
          }
          await pass(chat, cutoffMs, { rows })
          for (const [id, seqs] of kept) t.same(await chat.seqs(id), seqs)
        },
      ),
      { numRuns: 50 },
    )
  },
)

t.test('what one slice leaves the next one finds, also where the last numbers are missing', async (t) => {
  const chat = new StoredChat(t)
  await chat.register('ann', 'zoe')
  await chat.send('zoe', 'ann', ['1', '2', '3', '4', '5', '6'], 1, 2, 3, 4, 5, 6)
  const id = 'si_ann_zoe'
  await chat.database.write(() => remove(messages, [[bucketOfConversation(id), id, 6]]))
  await pass(chat, 1_000, { rows: 2 })
  t.same(await chat.seqs(id), [])
  t.equal((await chat.head(id))?.minSeq, 7)
})

t.test('a pass begins on one node, and no sooner than it was put off', async (t) => {
  const chat = await open(t)
  const claim = (nowMs: number) => chat.database.write(() => claimPass('retention', nowMs, nowMs + 100))
  t.equal(await claim(1_000), true)
  t.equal(await claim(1_050), false)
  t.equal(
    await chat.database.write(() => claimPass('destruct', 1_050, 1_150)),
    true,
    'jobs do not wait for others',
  )
  t.equal(await claim(1_100), true)
  await chat.database.write(() => holdPass('retention', 5_000))
  t.equal(await claim(4_999), false)
  t.equal(await claim(5_000), true)
})
