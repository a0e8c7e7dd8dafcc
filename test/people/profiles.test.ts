/** Profiles, and how friends hear of a change: on a node, and on one that died before it had told them. */
import t from 'tap'
import { ContentType } from '../../src/openim/content-types.js'
import { Platform } from '../../src/openim/platforms.js'
import type { OperationContext } from '../../src/services/operations/operation.js'
import { doFollowUp } from '../../src/services/people/follow-up-slices.js'
import { takeLeftFollowUps } from '../../src/services/people/follow-ups.js'
import { messageNode } from '../messages/chat.js'
import { StoredChat } from '../messages/stored-chat.js'
import { eventually } from '../support/eventually.js'
import { SETTINGS } from '../support/operation-settings.js'

const FRIENDS = Array.from({ length: 120 }, (_, index) => `friend${String(index).padStart(3, '0')}`)

function contextAt(nowMs: number): OperationContext {
  const caller = { userId: '', isAdmin: true, operationId: 'test' }
  return { caller, nowMs, newId: () => `${Math.random()}`, settings: SETTINGS, deliveries: [], followUps: [] }
}

async function versionOf(chat: StoredChat, userID: string): Promise<number> {
  return (await chat.call('friendIds', userID, { userID, idHash: 0 })).output.version
}

t.test('every friend hears of a new nickname once, in slices, whoever goes on with it', async (t) => {
  const chat = new StoredChat(t)
  await chat.register('ann', ...FRIENDS)
  await chat.call('importFriends', '', { ownerUserID: 'ann', friendUserIDs: FRIENDS }, 1_000, true)
  const before = await versionOf(chat, FRIENDS[0]!)
  const { deliveries } = await chat.call(
    'updateProfile',
    'ann',
    { userInfo: { userID: 'ann', nickname: 'Ann' } },
    2_000,
  )
  t.equal(deliveries.length, 1, 'Ann hears of it at once')
  t.same(await chat.database.write(() => takeLeftFollowUps(3_000)), [], 'it is not old')
  const jobIds = await chat.database.write(() => takeLeftFollowUps(20_000))
  const told: string[] = []
  let slices = 0
  for (const jobId of jobIds) {
    for (let isLeft = true; isLeft; slices++) {
      const context = contextAt(20_000 + slices)
      isLeft = await chat.database.write(() => doFollowUp(context, jobId))
      told.push(...context.deliveries.map(({ userIds }) => userIds.find((userId) => userId !== 'ann')!))
    }
  }
  t.equal(slices, 4, 'three for the friends, and one for the groups, of which there are none')
  t.same(told.sort(), FRIENDS)
  t.equal(await versionOf(chat, FRIENDS[0]!), before + 1)
  t.same(await chat.database.write(() => takeLeftFollowUps(90_000)), [], 'nothing is left')
  await chat.call('updateProfile', 'ann', { userInfo: { userID: 'ann', ex: 'more' } }, 3_000)
  t.same(await chat.database.write(() => takeLeftFollowUps(90_000)), [], 'friends do not see all of it')
})

t.test('on a node friends who are there are told of a change', async (t) => {
  const node = await messageNode(t)
  const [ann, bob] = [await node.login('ann', Platform.Web), await node.login('bob', Platform.Web)]
  const tokens = { ann: await node.token('ann', Platform.Web), bob: await node.token('bob', Platform.Web) }
  const post = async (path: string, token: string, body: object) => {
    const response = await fetch(node.apiUrl + path, {
      method: 'POST',
      headers: { operationID: 'test', token },
      body: JSON.stringify(body),
    })
    const answer = (await response.json()) as { errCode: number; data: Record<string, unknown> }
    t.equal(answer.errCode, 0, JSON.stringify(answer))
    return answer.data
  }
  await post('/friend/add_friend', tokens.ann, { fromUserID: 'ann', toUserID: 'bob', reqMsg: '' })
  const answer = { fromUserID: 'ann', toUserID: 'bob', handleResult: 1, handleMsg: '' }
  await post('/friend/add_friend_response', tokens.bob, answer)
  await post('/user/update_user_info_ex', tokens.ann, {
    userInfo: { userID: 'ann', nickname: 'Ann the First' },
  })
  const typesOf = (client: typeof ann) => client.messages.map(({ message }) => message.contentType)
  await eventually(() => typesOf(bob).includes(ContentType.FriendProfileChanged) || undefined)
  t.ok(typesOf(ann).includes(ContentType.ProfileChanged))
  const list = await post('/friend/get_friend_list', tokens.bob, {
    userID: 'bob',
    pagination: { pageNumber: 1, showNumber: 10 },
  })
  t.match(list, { friendsInfo: [{ friendUser: { userID: 'ann', nickname: 'Ann the First' } }] })
})
