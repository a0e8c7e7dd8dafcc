/** Friends, requests for friendship and black lists, in a database without a node. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { MsgData } from '../../src/openim/proto/messages.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import { outgoingFrom } from '../../src/services/messages/outgoing.js'
import { sendAll } from '../../src/services/messages/send.js'
import { textMessage } from '../messages/chat.js'
import { StoredChat } from '../messages/stored-chat.js'

const PAGE = { pageNumber: 1, showNumber: 100 }
const HOUR_MS = 3_600_000

async function people(
  test: ConstructorParameters<typeof StoredChat>[0],
  ...users: string[]
): Promise<StoredChat> {
  const chat = new StoredChat(test)
  await chat.register(...users)
  return chat
}

const ask = (chat: StoredChat, from: string, to: string, nowMs = 1_000) =>
  chat.call('requestFriend', from, { fromUserID: from, toUserID: to, reqMsg: 'please', ex: '' }, nowMs)

const answer = (chat: StoredChat, from: string, to: string, handleResult: number, nowMs = 2_000) =>
  chat.call('answerFriend', to, { fromUserID: from, toUserID: to, handleResult, handleMsg: 'well' }, nowMs)

async function befriend(chat: StoredChat, from: string, to: string, nowMs = 1_000): Promise<void> {
  await ask(chat, from, to, nowMs)
  await answer(chat, from, to, 1, nowMs)
}

async function listOf(chat: StoredChat, userID: string): Promise<string[]> {
  const { output } = await chat.call('friendsPage', userID, { userID, pagination: PAGE })
  return output.friendsInfo.map((info: { friendUser: { userID: string } }) => info.friendUser.userID)
}

/** As a client sends it, with all checks. */
async function write(chat: StoredChat, from: string, to: string, text: string): Promise<void> {
  const message = textMessage(from, to, text)
  const caller = { userId: from, isAdmin: false, operationId: 'test' }
  const outgoing = outgoingFrom(message, MsgData.encode(message).finish(), caller)
  await chat.database.write(() => sendAll([{ message: outgoing, operationId: 'test' }], 1_000))
}

const refusal = (errCode: WireCode) => ({ code: 'CALL_REFUSED', errCode })

/** What was pushed: type, sender, receivers and what it says. */
function told(deliveries: readonly Delivery[]) {
  return deliveries.map(({ body, senderId, userIds, seq }) => {
    const { contentType, content } = MsgData.decode(body)
    const detail = JSON.parse(JSON.parse(Buffer.from(content).toString()).detail)
    return { contentType, senderId, userIds: [...userIds].sort(), isStored: seq > 0, detail }
  })
}

t.test('who is asked and agrees becomes a friend, on both sides, and both hear of it', async (t) => {
  const chat = await people(t, 'ann', 'bob')
  const { deliveries } = await ask(chat, 'ann', 'bob', HOUR_MS)
  t.match(told(deliveries), [
    {
      contentType: ContentType.FriendRequested,
      senderId: 'ann',
      userIds: ['ann', 'bob'],
      isStored: false,
      detail: {
        fromToUserID: { fromUserID: 'ann', toUserID: 'bob' },
        request: {
          fromUserID: 'ann',
          toUserID: 'bob',
          reqMsg: 'please',
          handleResult: 0,
          createTime: HOUR_MS,
        },
      },
    },
  ])
  t.same(await listOf(chat, 'ann'), [], 'not yet')
  const agreed = await answer(chat, 'ann', 'bob', 1, 2 * HOUR_MS)
  t.match(told(agreed.deliveries), [
    { contentType: ContentType.FriendRequestAccepted, senderId: 'bob', isStored: false },
    { contentType: ContentType.FriendRequestAccepted, senderId: 'bob', isStored: true },
  ])
  t.match(told(agreed.deliveries)[0]!.detail, {
    handleMsg: 'well',
    request: { handleResult: 1, handlerUserID: 'bob', handleTime: 2 * HOUR_MS },
  })
  const { output } = await chat.call('friendsPage', 'ann', { userID: 'ann', pagination: PAGE })
  t.match(output, {
    total: 1,
    friendsInfo: [
      {
        ownerUserID: 'ann',
        friendUser: { userID: 'bob' },
        createTime: (2 * HOUR_MS) / 1_000,
        addSource: 2,
        operatorUserID: 'ann',
        isPinned: false,
      },
    ],
  })
  t.same(await listOf(chat, 'bob'), ['ann'])
  await t.rejects(ask(chat, 'ann', 'bob'), refusal(WireCode.RelationshipAlreadyError))
  await t.rejects(answer(chat, 'ann', 'bob', -1), refusal(WireCode.FriendRequestHandled))
})

t.test(
  'a request that is refused can be made again, and one that crosses another is agreed with it',
  async (t) => {
    const chat = await people(t, 'ann', 'bob')
    await ask(chat, 'ann', 'bob')
    const { deliveries } = await answer(chat, 'ann', 'bob', -1)
    t.match(told(deliveries), [
      { contentType: ContentType.FriendRequestRefused, detail: { handleMsg: 'well' } },
    ])
    t.same(await listOf(chat, 'ann'), [])
    await ask(chat, 'ann', 'bob', 5_000)
    await ask(chat, 'bob', 'ann', 6_000)
    await answer(chat, 'ann', 'bob', 1, 7_000)
    t.same([await listOf(chat, 'ann'), await listOf(chat, 'bob')], [['bob'], ['ann']])
    const page = { userID: 'ann', pagination: PAGE, handleResults: [] }
    const received = await chat.call('receivedRequests', 'ann', page)
    t.match(received.output, { total: 1, FriendRequests: [{ fromUserID: 'bob', handleResult: 1 }] })
    const sent = await chat.call('sentRequests', 'ann', page)
    t.match(sent.output, {
      total: 1,
      friendRequests: [{ toUserID: 'bob', handleResult: 1, createTime: 5_000 }],
    })
    const reversed = { fromUserID: 'bob', toUserID: 'ann' }
    const between = await chat.call('requestsBetween', 'bob', reversed)
    t.match(
      between.output,
      { friendRequests: [{ fromUserID: 'bob' }, { fromUserID: 'ann' }] },
      'the newest first',
    )
  },
)

t.test('requests are listed newest first, filtered, and counted while they are open', async (t) => {
  const others = ['bob', 'cid', 'dan']
  const chat = await people(t, 'ann', ...others)
  for (const [index, other] of others.entries()) await ask(chat, other, 'ann', 1_000 + index)
  await answer(chat, 'cid', 'ann', -1)
  const list = async (handleResults: number[], pagination = PAGE) => {
    const { output } = await chat.call('receivedRequests', 'ann', {
      userID: 'ann',
      pagination,
      handleResults,
    })
    return output.FriendRequests.map(({ fromUserID }: { fromUserID: string }) => fromUserID)
  }
  t.same(await list([]), ['dan', 'cid', 'bob'])
  t.same(await list([], { pageNumber: 2, showNumber: 2 }), ['bob'])
  t.same(await list([0]), ['dan', 'bob'])
  t.same(await list([-1]), ['cid'])
  const count = async (time: number) =>
    (await chat.call('openRequestCount', 'ann', { userID: 'ann', time })).output.count
  t.same([await count(0), await count(1_000)], [2, 1])
})

t.test('a list is in the order of pins and age, and tells what changed since any version', async (t) => {
  const others = ['bob', 'cid', 'dan', 'eve']
  const chat = await people(t, 'ann', ...others)
  for (const [index, other] of others.entries()) await befriend(chat, 'ann', other, 1_000 * (index + 1))
  t.same(await listOf(chat, 'ann'), others)
  const before = (await chat.call('incrementalFriends', 'ann', { userID: 'ann', version: 0, versionID: '' }))
    .output
  t.equal(before.full, true)
  const set = { ownerUserID: 'ann', friendUserIDs: ['dan', 'nobody'], isPinned: true }
  const pinned = await chat.call('updateFriends', 'ann', set)
  t.match(told(pinned.deliveries), [
    {
      contentType: ContentType.FriendsChanged,
      userIds: ['ann'],
      detail: { friendVersion: before.version + 1 },
    },
  ])
  t.same(await listOf(chat, 'ann'), ['dan', 'bob', 'cid', 'eve'])
  await chat.call('setRemark', 'ann', { ownerUserID: 'ann', friendUserID: 'cid', remark: 'Cid!' })
  await chat.call('deleteFriend', 'ann', { ownerUserID: 'ann', friendUserID: 'bob' })
  const { version, versionID } = before
  const changes = (await chat.call('incrementalFriends', 'ann', { userID: 'ann', version, versionID })).output
  t.match(changes, {
    full: false,
    delete: ['bob'],
    insert: [],
    sortVersion: version + 1,
    version: version + 3,
  })
  t.same(
    changes.update.map((info: { friendUser: { userID: string }; remark: string; isPinned: boolean }) => [
      info.friendUser.userID,
      info.remark,
      info.isPinned,
    ]),
    [
      ['dan', '', true],
      ['cid', 'Cid!', false],
    ],
  )
  t.same(await listOf(chat, 'bob'), ['ann'], 'the other one keeps their side')
  const ids = (await chat.call('friendIds', 'ann', { userID: 'ann', idHash: 0 })).output
  t.match(ids, { equal: false, userIDs: ['dan', 'cid', 'eve'], version: version + 3 })
  const both = await chat.call('areFriends', 'ann', { userID1: 'ann', userID2: 'bob' })
  t.same(both.output, { inUser1Friends: false, inUser2Friends: true })
})

t.test('who is on a black list can neither ask nor write; what they see of it is nothing', async (t) => {
  const chat = await people(t, 'ann', 'bob')
  const added = await chat.call(
    'addBlack',
    'ann',
    { ownerUserID: 'ann', blackUserID: 'bob', ex: '' },
    HOUR_MS,
  )
  t.match(told(added.deliveries), [{ contentType: ContentType.BlackAdded, userIds: ['ann'] }])
  t.equal(await chat.head('si_ann_bob'), undefined, 'no conversation is made')
  await t.rejects(ask(chat, 'bob', 'ann'), refusal(WireCode.BlockedByPeer))
  await write(chat, 'bob', 'ann', 'hi')
  t.same(await chat.seqs('si_ann_bob'), [])
  await write(chat, 'ann', 'bob', 'hi')
  t.same(await chat.seqs('si_ann_bob'), [1], 'the owner may')
  const again = await chat.call('addBlack', 'ann', { ownerUserID: 'ann', blackUserID: 'bob', ex: '' })
  t.same(again.deliveries, [], 'once is enough')
  const { output } = await chat.call('blacksPage', 'ann', { userID: 'ann', pagination: PAGE })
  t.match(output, { total: 1, blacks: [{ blackUserInfo: { userID: 'bob' }, createTime: HOUR_MS / 1_000 }] })
  const named = await chat.call('specifiedBlacks', 'ann', { ownerUserID: 'ann', userIDList: ['bob', 'ann'] })
  t.match(named.output, { total: 1, blacks: [{ createTime: HOUR_MS }] })
  await chat.call('removeBlack', 'ann', { ownerUserID: 'ann', blackUserID: 'bob' })
  await write(chat, 'bob', 'ann', 'hello')
  t.same(await chat.seqs('si_ann_bob'), [1, 2])
})

t.test('administrators import friends, on both sides, once', async (t) => {
  const chat = await people(t, 'ann', 'bob', 'cid')
  const given = { ownerUserID: 'ann', friendUserIDs: ['bob', 'cid'] }
  const { deliveries } = await chat.call('importFriends', 'admin', given, 1_000, true)
  t.equal(told(deliveries).filter(({ isStored }) => !isStored).length, 2)
  await chat.call('importFriends', 'admin', given, 2_000, true)
  t.same(await listOf(chat, 'ann'), ['bob', 'cid'])
  t.same(await listOf(chat, 'cid'), ['ann'])
  const selfish = chat.call('importFriends', 'admin', { ...given, friendUserIDs: ['ann'] }, 0, true)
  await t.rejects(selfish, refusal(WireCode.CanNotAddYourselfError))
  await t.rejects(chat.call('importFriends', 'ann', given), refusal(WireCode.NoPermissionError))
})

t.test('what one may not do to others has its error', async (t) => {
  const chat = await people(t, 'ann', 'bob')
  await t.rejects(ask(chat, 'ann', 'ann'), refusal(WireCode.CanNotAddYourselfError))
  await t.rejects(ask(chat, 'ann', 'nobody'), refusal(WireCode.RecordNotFoundError))
  await t.rejects(answer(chat, 'bob', 'ann', 1), refusal(WireCode.RecordNotFoundError))
  await t.rejects(answer(chat, 'bob', 'ann', 7), refusal(WireCode.ArgsError))
  const remark = chat.call('setRemark', 'ann', { ownerUserID: 'ann', friendUserID: 'bob', remark: '' })
  await t.rejects(remark, refusal(WireCode.RecordNotFoundError))
  const twice = { ownerUserID: 'ann', userIDList: ['bob', 'bob'] }
  await t.rejects(chat.call('specifiedBlacks', 'ann', twice), refusal(WireCode.ArgsError))
})
