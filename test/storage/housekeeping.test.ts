/** When the writer does its jobs, and whom it lets go first. */
import t, { type Test } from 'tap'
import { messageWriter, type WriterCounts } from '../../actors/storage/message-writer.js'
import { MESSAGE_WRITER } from '../../src/protocol/addresses.js'
import type * as Deliveries from '../../src/protocol/deliveries.js'
import type * as MessageWriter from '../../src/protocol/message-writer.js'
import { spawnProbe } from '../../src/runtime/testkit/probe.js'
import { World } from '../../src/runtime/testkit/world.js'
import { outgoingOf } from '../../src/services/messages/outgoing.js'
import type { Database } from '../../src/store/ports/database.js'
import { textMessage } from '../messages/chat.js'
import { StoredChat } from '../messages/stored-chat.js'
import { SETTINGS } from '../support/operation-settings.js'
import { pass } from '../world/time.js'

const CHAT = 'si_ann_bob'
const DAY_MS = 86_400_000
const START_MS = 100 * DAY_MS
const MINUTE_MS = 60_000

async function open(t: Test, { retentionDays = 10, wrap = (database: Database) => database } = {}) {
  const chat = new StoredChat(t)
  await chat.register('ann', 'bob')
  const world = new World({ seed: 1 })
  const system = world.system(0)
  const heard = spawnProbe<Deliveries.Command>(system)
  const counts: WriterCounts & { slices: number } = {
    messagesSent: 0,
    messagesRefused: {},
    messagesRepeated: 0,
    commitsLost: { found: 0, repeated: 0, unknown: 0 },
    messagesExpired: 0,
    destructs: 0,
    slices: 0,
    committed: () => {},
    housekept: () => {
      counts.slices++
    },
  }
  const spawn = (offset = 0) =>
    system.spawn(
      messageWriter,
      {
        database: wrap(chat.database),
        deliveries: [heard.ref],
        messageSync: undefined,
        marksCommits: false,
        retentionDays,
        settings: SETTINGS,
        wallMs: () => START_MS + world.nowMs,
        newId: () => `${Math.random()}`,
        counts,
      },
      MESSAGE_WRITER + offset,
    )
  const writer = spawn()
  const send = (text: string) =>
    system.ask<MessageWriter.Command, 'send'>(
      writer,
      { kind: 'send', message: outgoingOf(textMessage('ann', 'bob', text)), operationId: 'op' },
      10_000,
    )
  return { chat, world, counts, heard, send, spawn }
}

t.test('old messages are deleted a minute after the start, in slices with pauses between', async (t) => {
  const { chat, world, counts } = await open(t)
  await chat.sendMany('ann', 'bob', 1_200, START_MS - 11 * DAY_MS)
  await chat.send('ann', 'bob', ['young'], START_MS - 9 * DAY_MS)
  await pass(world, MINUTE_MS - 1)
  t.equal((await chat.seqs(CHAT)).length, 1_201)
  await pass(world, 21)
  const before = counts.slices
  t.ok(counts.messagesExpired <= 500 && before <= 1)
  await pass(world, 1_000)
  t.same(await chat.seqs(CHAT), [1_201])
  t.equal(counts.messagesExpired, 1_200)
  t.ok(counts.slices > 2)
})

t.test('without RETENTION_DAYS all are kept', async (t) => {
  const { chat, world } = await open(t, { retentionDays: 0 })
  await chat.sendMany('ann', 'bob', 10, 1)
  await pass(world, 30 * MINUTE_MS)
  t.equal((await chat.seqs(CHAT)).length, 10)
})

t.test('what grows old later is deleted by a later pass', async (t) => {
  const { chat, world } = await open(t)
  await chat.send('ann', 'bob', ['1', '2'], START_MS - 10 * DAY_MS + 5 * MINUTE_MS, START_MS)
  await pass(world, 5 * MINUTE_MS)
  t.same(await chat.seqs(CHAT), [1, 2])
  await pass(world, 10 * MINUTE_MS)
  t.same(await chat.seqs(CHAT), [2])
})

t.test('messages and calls go before a slice, but not for longer than a second', async (t) => {
  let [commits, isSlow] = [0, false]
  const busy = (database: Database): Database => ({
    ...database,
    read: (begin) => database.read(begin),
    close: () => database.close(),
    write: async (begin) => {
      commits++
      // As a database that is behind: something waits at all times.
      if (isSlow) await new Promise((resolve) => setImmediate(resolve))
      return database.write(begin)
    },
  })
  const { chat, world, counts, send } = await open(t, { wrap: busy })
  await chat.sendMany('ann', 'bob', 100, START_MS - 11 * DAY_MS)
  await pass(world, MINUTE_MS)
  t.equal(counts.slices, 0)
  isSlow = true
  let sent = 0
  const keepBusy = async (ms: number) => {
    for (let elapsed = 0; elapsed < ms; elapsed += 10) {
      for (let count = 0; count < 120; count++) void send(`${sent++}`).catch(() => {})
      world.advance(10)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await keepBusy(900)
  t.equal(counts.slices, 0, 'it gives way')
  await keepBusy(400)
  t.ok(counts.slices > 0, 'and comes to its turn all the same')
  t.ok(commits > 10)
  isSlow = false
  await pass(world, 10_000)
})

t.test('a pass that another node has begun is not begun', async (t) => {
  const { chat, world, counts, spawn } = await open(t)
  await chat.sendMany('ann', 'bob', 10, START_MS - 11 * DAY_MS)
  spawn(1)
  await pass(world, 2 * MINUTE_MS)
  // One of each job, and each of these tables is a short one.
  t.equal(counts.slices, 2)
  t.equal(counts.messagesExpired, 10)
})

t.test('a job that fails is begun again later', async (t) => {
  let isAway = true
  const { chat, world } = await open(t, {
    wrap: (database) => ({
      read: (begin) => database.read(begin),
      clockMs: () => database.clockMs(),
      close: () => database.close(),
      write: (begin) => (isAway ? Promise.reject(new Error('away')) : database.write(begin)),
    }),
  })
  await chat.sendMany('ann', 'bob', 10, START_MS - 11 * DAY_MS)
  await pass(world, 2 * MINUTE_MS)
  isAway = false
  await pass(world, 10 * MINUTE_MS)
  t.same(await chat.seqs(CHAT), [])
})

t.test('conversations whose messages vanish after a time are cut, and their owners told', async (t) => {
  const { chat, world, counts, heard } = await open(t, { retentionDays: 0 })
  await chat.send('ann', 'bob', ['old'], START_MS - DAY_MS)
  await chat.call('setConversations', 'bob', {
    userIDs: ['bob'],
    conversation: {
      conversationID: CHAT,
      conversationType: 1,
      userID: 'ann',
      groupID: '',
      isMsgDestruct: true,
      msgDestructTime: 60,
    },
  })
  await pass(world, 2 * MINUTE_MS)
  t.match(await chat.record('bob', CHAT), { minSeq: 2 })
  t.equal(counts.destructs, 1)
  t.match(heard.heard, [{ kind: 'deliver', deliveries: [{ userIds: ['bob'], seq: 0 }] }])
})
