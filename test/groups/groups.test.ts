/** Groups, in a database without a node: who is heard, what members read, and what their clients are told. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { ContentType } from '../../src/openim/content-types.js'
import { type MsgData, MsgData as MsgDataForm } from '../../src/openim/proto/messages.js'
import type { Delivery } from '../../src/rules/messages/types.js'
import { outgoingFrom } from '../../src/services/messages/outgoing.js'
import { sendAll } from '../../src/services/messages/send.js'
import { doFollowUp } from '../../src/services/people/follow-up-slices.js'
import { textMessage, textOf } from '../messages/chat.js'
import { StoredChat } from '../messages/stored-chat.js'
import { SETTINGS } from '../support/operation-settings.js'

const GROUP = 'walkers'
const CHAT = `sg_${GROUP}`
const HOUR_MS = 3_600_000
const PAGE = { pageNumber: 1, showNumber: 100 }

type TestOf = ConstructorParameters<typeof StoredChat>[0]

const info = (fields: object = {}) => ({
  groupID: GROUP,
  groupName: 'walkers',
  notification: '',
  introduction: '',
  faceURL: '',
  ownerUserID: '',
  createTime: 0,
  memberCount: 0,
  ex: '',
  status: 0,
  creatorUserID: '',
  groupType: 2,
  needVerification: 0,
  lookMemberInfo: 0,
  applyMemberFriend: 0,
  notificationUpdateTime: 0,
  notificationUserID: '',
  ...fields,
})

/** A group of the first of these users. */
async function group(test: TestOf, [owner, ...others]: string[], fields: object = {}): Promise<StoredChat> {
  const chat = new StoredChat(test)
  await chat.register(owner!, ...others, 'out')
  await chat.call(
    'createGroup',
    owner!,
    { ownerUserID: owner!, memberUserIDs: others, adminUserIDs: [], groupInfo: info(fields) },
    1_000,
  )
  return chat
}

/** As a client sends it, with all checks. */
async function say(
  chat: StoredChat,
  from: string,
  text: string,
  { nowMs = HOUR_MS, ...fields }: Partial<MsgData> & { nowMs?: number } = {},
) {
  const message = textMessage(from, '', text, { sessionType: 3, groupID: GROUP, ...fields })
  const caller = { userId: from, isAdmin: false, operationId: 'test' }
  const outgoing = outgoingFrom(message, MsgDataForm.encode(message).finish(), caller)
  const { outcomes, deliveries, followUps } = await chat.database.write(() =>
    sendAll([{ message: outgoing, operationId: 'test' }], nowMs),
  )
  const [outcome] = outcomes
  const errCode = outcome!.kind === 'refused' ? outcome!.errCode : 0
  return { errCode, deliveries, followUps }
}

/** What the messages of members said, to one who asks. */
async function heard(chat: StoredChat, userId: string): Promise<string[]> {
  const all = await chat.pull(userId, CHAT)
  return all.filter(({ contentType }) => contentType === ContentType.Text).map(textOf)
}

const types = (deliveries: readonly Delivery[]) =>
  deliveries.map(({ body }) => MsgDataForm.decode(body).contentType)

async function membersOf(chat: StoredChat, asked: string): Promise<[string, number][]> {
  const { output } = await chat.call('membersPage', asked, { groupID: GROUP, pagination: PAGE, keyword: '' })
  return output.members.map((one: { userID: string; roleLevel: number }) => [one.userID, one.roleLevel])
}

const refusal = (errCode: WireCode) => ({ code: 'CALL_REFUSED', errCode })

t.test('members are heard by members alone, and their numbers have no holes', async (t) => {
  const chat = await group(t, ['ann', 'bob'])
  const { deliveries } = await say(chat, 'ann', 'one')
  t.match(deliveries, [{ conversationId: CHAT, seq: 2, userIds: [], audience: { groupId: GROUP } }])
  t.equal((await say(chat, 'out', 'let me in')).errCode, WireCode.NotInGroupYetError)
  t.equal((await say(chat, 'bob', 'two')).errCode, 0)
  t.same(await heard(chat, 'bob'), ['one', 'two'])
  t.same(await heard(chat, 'out'), [])
  t.same(await chat.seqs(CHAT), [1, 2, 3], 'the first is the line about the group')
  t.equal((await chat.record('bob', CHAT))?.readSeq, 3, 'who sends has read what came before')
  const missing = { sessionType: 3, groupID: 'nowhere' }
  t.equal((await say(chat, 'ann', 'x', missing)).errCode, WireCode.RecordNotFoundError)
})

t.test('an ID that could be the name of two users is given by administrators alone', async (t) => {
  const chat = await group(t, ['ann', 'bob'])
  const create = (groupID: string, isAdmin = false) =>
    chat.call(
      'createGroup',
      'ann',
      { ownerUserID: 'ann', memberUserIDs: [], adminUserIDs: [], groupInfo: info({ groupID }) },
      1_000,
      isAdmin,
    )
  await t.rejects(create('ann_bob'), refusal(WireCode.ArgsError))
  await t.rejects(create(GROUP), refusal(WireCode.GroupIDExisted))
  await chat.send('ann', 'bob', ['hello'], 1_000)
  await chat.call('revokeMessage', 'ann', { conversationID: 'si_ann_bob', seq: 1, userID: 'ann' }, 2_000)
  await t.rejects(create('ann_bob', true), refusal(WireCode.GroupIDExisted), 'their notifications have it')
  t.equal((await create('ann_cid', true)).output.groupInfo.groupID, 'ann_cid')
})

t.test('who is sent away keeps what was said until then, and reads on when they are back', async (t) => {
  const chat = await group(t, ['ann', 'bob', 'cid'])
  await say(chat, 'ann', 'before')
  const { deliveries } = await chat.call(
    'kickFromGroup',
    'ann',
    { groupID: GROUP, kickedUserIDs: ['cid'] },
    2_000,
  )
  const change = { entered: [], left: ['cid'] }
  t.match(deliveries[0], { userIds: ['cid'], audience: { groupId: GROUP, change } })
  t.same(types(deliveries), [1508, 1508, 1300], 'a hint, a line, and the end of their conversation')
  await say(chat, 'bob', 'without cid')
  t.same(await heard(chat, 'cid'), ['before'])
  t.equal((await say(chat, 'cid', 'x')).errCode, WireCode.NotInGroupYetError)
  await chat.call('inviteToGroup', 'bob', { groupID: GROUP, reason: '', invitedUserIDs: ['cid'] }, 3_000)
  t.same(await heard(chat, 'cid'), ['before', 'without cid'])
  t.equal((await say(chat, 'cid', 'back')).errCode, 0)
})

t.test('who never heard anything reads nothing once they have left', async (t) => {
  const chat = await group(t, ['ann', 'bob'])
  const { output } = await chat.call(
    'createGroup',
    'ann',
    {
      ownerUserID: 'ann',
      memberUserIDs: ['bob'],
      adminUserIDs: [],
      groupInfo: info({ groupID: 'quiet' }),
      sendMessage: false,
    },
    1_000,
  )
  const { groupID } = output.groupInfo
  await chat.call('kickFromGroup', 'ann', { groupID, kickedUserIDs: ['bob'], sendMessage: false }, 2_000)
  await say(chat, 'ann', 'a secret', { groupID })
  t.same(await chat.pull('bob', 'sg_quiet'), [])
})

t.test('the owner may be changed, and never lost', async (t) => {
  const chat = await group(t, ['ann', 'bob', 'cid'])
  await t.rejects(
    chat.call('quitGroup', 'ann', { groupID: GROUP, userID: 'ann' }),
    refusal(WireCode.NoPermissionError),
  )
  await t.rejects(
    chat.call('kickFromGroup', 'bob', { groupID: GROUP, kickedUserIDs: ['ann'] }),
    refusal(WireCode.ArgsError),
  )
  const transfer = { groupID: GROUP, oldOwnerUserID: 'ann', newOwnerUserID: 'cid' }
  await t.rejects(chat.call('transferGroup', 'bob', transfer), refusal(WireCode.NoPermissionError))
  await chat.call('transferGroup', 'ann', transfer, 2_000)
  t.same(await membersOf(chat, 'bob'), [
    ['cid', 100],
    ['ann', 20],
    ['bob', 20],
  ])
  const notOwner = { groupID: GROUP, oldOwnerUserID: 'ann', newOwnerUserID: 'bob' }
  await t.rejects(
    chat.call('transferGroup', 'imAdmin', notOwner, 0, true),
    refusal(WireCode.ArgsError),
    'an administrator makes no second owner either',
  )
  await chat.call('quitGroup', 'ann', { groupID: GROUP, userID: 'ann' }, 3_000)
  t.same(await membersOf(chat, 'bob'), [
    ['cid', 100],
    ['bob', 20],
  ])
})

t.test(
  'who is muted is not heard until the time is over; a muted group hears its administrators',
  async (t) => {
    const chat = await group(t, ['ann', 'bob', 'cid'])
    const mute = { groupID: GROUP, userID: 'bob', mutedSeconds: 60 }
    await t.rejects(chat.call('muteMember', 'cid', mute), refusal(WireCode.NoPermissionError))
    await chat.call('muteMember', 'ann', mute, HOUR_MS)
    t.equal((await say(chat, 'bob', 'x', { nowMs: HOUR_MS + 60_000 })).errCode, WireCode.MutedInGroup)
    t.equal((await say(chat, 'bob', 'x', { nowMs: HOUR_MS + 60_001 })).errCode, 0)
    const promote = { members: [{ groupID: GROUP, userID: 'cid', roleLevel: 60 }] }
    const { deliveries } = await chat.call('setMembers', 'ann', promote, HOUR_MS)
    t.same(types(deliveries), [ContentType.MemberMadeAdmin])
    await chat.call('muteGroup', 'cid', { groupID: GROUP }, HOUR_MS)
    t.equal((await say(chat, 'bob', 'x', { nowMs: 2 * HOUR_MS })).errCode, WireCode.MutedGroup)
    t.equal((await say(chat, 'cid', 'x', { nowMs: 2 * HOUR_MS })).errCode, 0)
    await chat.call('unmuteGroup', 'ann', { groupID: GROUP }, HOUR_MS)
    t.equal((await say(chat, 'bob', 'x', { nowMs: 2 * HOUR_MS })).errCode, 0)
  },
)

t.test('a dismissed group is gone from every list, and what was said stays', async (t) => {
  const chat = await group(t, ['ann', 'bob'])
  await say(chat, 'ann', 'remember')
  const before = (await chat.call('incrementalGroups', 'bob', known('bob'))).output
  await chat.call('dismissGroup', 'ann', { groupID: GROUP }, 2_000)
  const { output } = await chat.call('incrementalGroups', 'bob', {
    userID: 'bob',
    version: before.version,
    versionID: before.versionID,
  })
  t.match(output, { full: false, delete: [GROUP] })
  t.equal((await say(chat, 'ann', 'x')).errCode, WireCode.DismissedAlreadyError)
  t.same(await heard(chat, 'bob'), ['remember'])
  await t.rejects(
    chat.call('unmuteGroup', 'imAdmin', { groupID: GROUP }, 0, true),
    refusal(WireCode.DismissedAlreadyError),
    'it is not brought back to life',
  )
})

const known = (userID: string) => ({ userID, version: 0, versionID: '' })

t.test('what names all members is noted once, and each finds it until they clear it', async (t) => {
  const chat = await group(t, ['ann', 'bob', 'cid'])
  const markOf = async (userID: string) => {
    const { output } = await chat.call('allConversations', userID, { ownerUserID: userID })
    return output.conversations[0].groupAtType
  }
  const named = { contentType: ContentType.AtText, atUserIDList: ['AtAllTag', 'bob'] }
  const { followUps } = await say(chat, 'ann', 'all', named)
  for (const job of followUps) {
    const caller = { userId: '', isAdmin: true, operationId: 'test' }
    const context = {
      caller,
      nowMs: HOUR_MS,
      newId: () => 'id',
      settings: SETTINGS,
      deliveries: [],
      followUps: [],
    }
    await chat.database.write(() => doFollowUp(context, job))
  }
  t.same([await markOf('ann'), await markOf('bob'), await markOf('cid')], [0, 3, 2])
  const before = (await chat.call('incrementalConversations', 'cid', known('cid'))).output
  const since = { userID: 'cid', version: before.version, versionID: before.versionID }
  const changed = (await chat.call('incrementalConversations', 'cid', since)).output
  t.match(changed.update, [{ conversationID: CHAT, groupAtType: 2 }], 'who was away finds it')
  const conversation = {
    conversationID: CHAT,
    conversationType: 3,
    userID: '',
    groupID: GROUP,
    groupAtType: 0,
  }
  await chat.call('setConversations', 'cid', { userIDs: ['cid'], conversation }, HOUR_MS)
  t.same([await markOf('bob'), await markOf('cid')], [3, 0])
  await chat.call('setGroup', 'ann', { groupID: GROUP, notification: 'at nine' }, HOUR_MS)
  t.equal(await markOf('cid'), 4)
})

t.test('a message is revoked by who outranks its sender', async (t) => {
  const chat = await group(t, ['ann', 'bob', 'cid'])
  await say(chat, 'cid', 'oh')
  const revoke = (userID: string) =>
    chat.call('revokeMessage', userID, { conversationID: CHAT, seq: 2, userID })
  await t.rejects(revoke('bob'), refusal(WireCode.NoPermissionError))
  await t.rejects(revoke('out'), refusal(WireCode.RecordNotFoundError))
  const { deliveries } = await revoke('ann')
  t.match(deliveries, [{ conversationId: `n_${GROUP}`, seq: 1, audience: { groupId: GROUP } }])
  t.same(await heard(chat, 'bob'), [])
})

t.test('members are asked for by members, and increments lead to the list', async (t) => {
  const chat = await group(t, ['ann', 'bob'])
  const page = { groupID: GROUP, pagination: PAGE, keyword: '' }
  await t.rejects(chat.call('membersPage', 'out', page), refusal(WireCode.NoPermissionError))
  const first = (await chat.call('incrementalMembers', 'bob', { groupID: GROUP, version: 0, versionID: '' }))
    .output
  t.equal(first.full, true)
  await chat.call('inviteToGroup', 'ann', { groupID: GROUP, reason: '', invitedUserIDs: ['out'] }, 2_000)
  const { version, versionID } = first
  const { output } = await chat.call('incrementalMembers', 'bob', { groupID: GROUP, version, versionID })
  t.match(output, { full: false, insert: [{ userID: 'out' }], delete: [], group: { memberCount: 3 } })
  await chat.call('kickFromGroup', 'ann', { groupID: GROUP, kickedUserIDs: ['out'] }, 3_000)
  const later = (await chat.call('incrementalMembers', 'bob', { groupID: GROUP, version, versionID })).output
  t.match(later, { full: false, insert: [], delete: ['out'], group: { memberCount: 2 } })
})
