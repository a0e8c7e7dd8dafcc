/** What people do in groups, each with an unmodified `@openim/client-sdk`. */
import type { ConversationItem, GroupItem, GroupMemberItem, MessageItem } from '@openim/client-sdk'
import { JsScenarios } from './js-scenarios.js'
import type { JsUser } from './js-user.js'
import { RefusedError } from './sdk-user.js'

const groups = new JsScenarios('groups')
const scenario = groups.add

export const groupWithJs = groups.play

/** The SDK's own: it looks for the sender among the members first. */
const NOT_SENT = 10006
const MUTED = 1402
const GROUP_MUTED = 1403
const ALL_MEMBERS = 0
const AT_ME = 1
const WORKING_GROUP = 2
const NO_VERIFICATION = 2

/** A group that somebody owns, in which everybody knows of it. */
async function found(owner: JsUser, others: readonly JsUser[], info: object = {}): Promise<GroupItem> {
  const group = await owner.call('createGroup', {
    memberUserIDs: others.map(({ userId }) => userId),
    groupInfo: { groupName: 'walkers', groupType: WORKING_GROUP, ...info },
  })
  for (const user of [owner, ...others]) {
    await user.until('the group', () => joined(user).find(({ groupID }) => groupID === group.groupID))
  }
  return group
}

const joined = (user: JsUser) => user.dataOf<GroupItem>('OnJoinedGroupAdded')

async function say(from: JsUser, { groupID }: GroupItem, text: string): Promise<MessageItem> {
  const message = await from.newText(text)
  return from.call('sendMessage', { recvID: '', groupID, message })
}

/** The SDK's types want another form of the texts than it sends. */
const describe = (user: JsUser, group: Partial<GroupItem>) => user.call('setGroupInfo', group as never)

async function refusalOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call
  } catch (error) {
    if (error instanceof RefusedError) return error.errCode
    throw error
  }
  return undefined
}

async function membersOf(user: JsUser, { groupID }: GroupItem): Promise<string[]> {
  const page = { groupID, filter: ALL_MEMBERS, offset: 0, count: 50 }
  const members: GroupMemberItem[] = await user.call('getGroupMemberList', page)
  return members.map(({ userID }) => userID)
}

scenario(
  'a group of three: everybody hears what anybody says, and who was away reads it',
  async (t, login) => {
    const [ann, bob, cid] = await Promise.all([login('ann'), login('bob'), login('cid')])
    const group = await found(ann, [bob, cid])
    t.same(
      await membersOf(bob, group),
      [ann, bob, cid].map(({ userId }) => userId),
    )
    await say(ann, group, 'one')
    await bob.receives('one')
    await cid.receives('one')
    await cid.close()
    await say(bob, group, 'two')
    await ann.receives('two')
    const cidAgain = await login('cid')
    const own = await cidAgain.conversations()
    const conversation = own.find(({ groupID }) => groupID === group.groupID)
    t.match(conversation, { showName: 'walkers' })
    t.match(conversation?.latestMsg, /two/)
    t.ok(conversation!.unreadCount > 0)
  },
)

scenario('who is sent away is told, is heard no more, and hears no more', async (t, login) => {
  const [ann, bob, cid] = await Promise.all([login('ann'), login('bob'), login('cid')])
  const group = await found(ann, [bob, cid])
  const { groupID } = group
  await ann.call('kickGroupMember', { groupID, reason: '', userIDList: [cid.userId] })
  t.equal(await refusalOf(say(cid, group, 'still here')), NOT_SENT)
  await cid.until('the end', () => cid.dataOf('OnJoinedGroupDeleted')[0])
  await say(bob, group, 'only us')
  await ann.receives('only us')
  t.notOk(cid.received.some(({ textElem }) => textElem?.content === 'only us'))
  t.same(await membersOf(ann, group), [ann.userId, bob.userId])
  await ann.call('inviteUserToGroup', { groupID, reason: '', userIDList: [cid.userId] })
  await cid.until('the return', () => joined(cid)[1])
  await say(cid, group, 'back')
  await bob.receives('back')
})

scenario('members and groups are muted, and may speak again', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const group = await found(ann, [bob])
  const { groupID } = group
  await ann.call('changeGroupMemberMute', { groupID, userID: bob.userId, mutedSeconds: 60 })
  t.equal(await refusalOf(say(bob, group, 'muted')), MUTED)
  await ann.call('changeGroupMemberMute', { groupID, userID: bob.userId, mutedSeconds: 0 })
  await say(bob, group, 'free')
  await ann.receives('free')
  await ann.call('changeGroupMute', { groupID, isMute: true })
  t.equal(await refusalOf(say(bob, group, 'muted')), GROUP_MUTED)
  await say(ann, group, 'the owner speaks')
  await bob.receives('the owner speaks')
  await ann.call('changeGroupMute', { groupID, isMute: false })
  await say(bob, group, 'all speak')
  await ann.receives('all speak')
})

scenario('a group goes to another owner, who dismisses it; the first has left', async (t, login) => {
  const [ann, bob, cid] = await Promise.all([login('ann'), login('bob'), login('cid')])
  const group = await found(ann, [bob, cid])
  const { groupID } = group
  await ann.call('transferGroupOwner', { groupID, newOwnerUserID: bob.userId })
  t.same((await membersOf(cid, group))[0], bob.userId)
  await ann.call('quitGroup', groupID)
  await ann.until('the end', () => ann.dataOf('OnJoinedGroupDeleted')[0])
  t.equal(await refusalOf(say(ann, group, 'gone')), NOT_SENT)
  await bob.call('dismissGroup', groupID)
  await cid.until('the end', () => cid.dataOf('OnGroupDismissed')[0])
  t.equal(await refusalOf(say(cid, group, 'gone')), NOT_SENT)
})

scenario('one asks to come in, and is let in; into an open group all come', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const group = await found(ann, [])
  const { groupID } = group
  await bob.call('joinGroup', { groupID, reqMsg: 'please', joinSource: 3 })
  await ann.until('the request', () => ann.dataOf('OnGroupApplicationAdded')[0])
  await ann.call('acceptGroupApplication', { groupID, fromUserID: bob.userId, handleMsg: 'welcome' })
  await bob.until('the group', () => joined(bob)[0])
  await say(bob, group, 'here I am')
  await ann.receives('here I am')
  const open = await found(bob, [], { groupName: 'open', needVerification: NO_VERIFICATION })
  await ann.call('joinGroup', { groupID: open.groupID, reqMsg: '', joinSource: 3 })
  await ann.until('the group', () => joined(ann)[1])
  await say(ann, open, 'no questions')
  await bob.receives('no questions')
  t.same(await membersOf(ann, open), [bob.userId, ann.userId])
})

scenario(
  'members see another name of the group, an announcement, and the nickname of one',
  async (t, login) => {
    const [ann, bob] = await Promise.all([login('ann'), login('bob')])
    const group = await found(ann, [bob])
    const { groupID } = group
    const changed = () => bob.dataOf<GroupItem>('OnGroupInfoChanged')
    await describe(ann, { groupID, groupName: 'runners' })
    await bob.until('the name', () => changed().find(({ groupName }) => groupName === 'runners'))
    await describe(ann, { groupID, notification: 'at nine' })
    await bob.until('the announcement', () =>
      changed().find(({ notification }) => notification === 'at nine'),
    )
    await ann.call('setSelfInfo', { nickname: 'Ann the Swift' })
    const member = await bob.until('the nickname', () =>
      bob
        .dataOf<GroupMemberItem>('OnGroupMemberInfoChanged')
        .find(({ nickname }) => nickname === 'Ann the Swift'),
    )
    t.equal(member.userID, ann.userId)
  },
)

scenario('who was away finds at the next login what became of their groups', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  const left = await found(ann, [bob], { groupName: 'left' })
  const ended = await found(ann, [bob], { groupName: 'ended' })
  const kept = await found(ann, [bob], { groupName: 'kept' })
  await bob.close()
  await ann.call('kickGroupMember', { groupID: left.groupID, reason: '', userIDList: [bob.userId] })
  await ann.call('dismissGroup', ended.groupID)
  await describe(ann, { groupID: kept.groupID, groupName: 'renamed' })
  const fresh = await ann.call('createGroup', {
    memberUserIDs: [bob.userId],
    groupInfo: { groupName: 'fresh', groupType: WORKING_GROUP },
  })
  const bobAgain = await login('bob')
  const groups = await bobAgain.call('getJoinedGroupListPage', { offset: 0, count: 50 })
  t.same(groups.map(({ groupName }) => groupName).sort(), ['fresh', 'renamed'])
  await say(ann, fresh, 'welcome')
  await bobAgain.receives('welcome')
  t.equal(await refusalOf(say(bobAgain, left, 'x')), NOT_SENT)
})

scenario('who is named in a message finds the conversation marked', async (t, login) => {
  const [ann, bob, cid] = await Promise.all([login('ann'), login('bob'), login('cid')])
  const group = await found(ann, [bob, cid])
  const { groupID } = group
  const message = await ann.call('createTextAtMessage', { text: 'you', atUserIDList: [bob.userId] })
  await ann.call('sendMessage', { recvID: '', groupID, message })
  const atOf = (user: JsUser) =>
    user
      .dataOf<ConversationItem[]>('OnConversationChanged')
      .flat()
      .findLast((conversation) => conversation.groupID === groupID && conversation.groupAtType !== 0)
      ?.groupAtType
  t.equal(await bob.until('the mark', () => atOf(bob)), AT_ME)
  t.equal(atOf(cid), undefined)
})
