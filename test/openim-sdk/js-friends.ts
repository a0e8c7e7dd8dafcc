/** What people do to become friends, and cease to be, each with an unmodified `@openim/client-sdk`. */
import type { BlackUserItem, FriendApplicationItem, FriendUserItem } from '@openim/client-sdk'
import { JsScenarios } from './js-scenarios.js'
import type { JsUser } from './js-user.js'
import { RefusedError } from './sdk-user.js'

const friends = new JsScenarios('friends')
const scenario = friends.add

export const befriendWithJs = friends.play

const PAGE = { offset: 0, count: 50 }
const BLOCKED_BY_PEER = 1302
const AGREED = 1
const REFUSED = -1

const ask = (from: JsUser, to: JsUser) => from.call('addFriend', { toUserID: to.userId, reqMsg: 'please' })

const accept = (who: JsUser, asked: JsUser) =>
  who.call('acceptFriendApplication', { toUserID: asked.userId, handleMsg: 'gladly' })

async function befriend(from: JsUser, to: JsUser): Promise<void> {
  await ask(from, to)
  await to.until('the request', () => to.dataOf('OnFriendApplicationAdded')[0])
  await accept(to, from)
  await from.until('the answer', () => from.dataOf('OnFriendApplicationAccepted')[0])
}

async function friendsOf(user: JsUser): Promise<FriendUserItem[]> {
  return user.call('getFriendListPage', PAGE)
}

async function refusalOf(call: Promise<unknown>): Promise<RefusedError | undefined> {
  try {
    await call
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
  return undefined
}

const names = (list: readonly { userID: string }[]) => list.map(({ userID }) => userID)

scenario('a request is seen on both sides, and accepted', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ask(ann, bob)
  const request = await bob.until(
    'the request',
    () => bob.dataOf<FriendApplicationItem>('OnFriendApplicationAdded')[0],
  )
  t.match(request, { fromUserID: ann.userId, toUserID: bob.userId, reqMsg: 'please', handleResult: 0 })
  t.match(await bob.call('getFriendApplicationListAsRecipient', PAGE), [{ fromUserID: ann.userId }])
  t.match(await ann.call('getFriendApplicationListAsApplicant', PAGE), [{ toUserID: bob.userId }])
  t.same(await friendsOf(ann), [])
  await accept(bob, ann)
  const accepted = await ann.until(
    'the answer',
    () => ann.dataOf<FriendApplicationItem>('OnFriendApplicationAccepted')[0],
  )
  t.match(accepted, { handleResult: AGREED, handleMsg: 'gladly', handlerUserID: bob.userId })
  t.same(names(await friendsOf(ann)), [bob.userId])
  t.same(names(await friendsOf(bob)), [ann.userId])
  t.match(await ann.call('checkFriend', [bob.userId]), [{ userID: bob.userId, result: 1 }])
})

scenario('a request is refused, and one who was away finds it at the next login', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await bob.close()
  await ask(ann, bob)
  const bobAgain = await login('bob')
  t.match(await bobAgain.call('getFriendApplicationListAsRecipient', PAGE), [
    { fromUserID: ann.userId, handleResult: 0 },
  ])
  await bobAgain.call('refuseFriendApplication', { toUserID: ann.userId, handleMsg: 'no' })
  const refused = await ann.until(
    'the answer',
    () => ann.dataOf<FriendApplicationItem>('OnFriendApplicationRejected')[0],
  )
  t.match(refused, { handleResult: REFUSED, handleMsg: 'no' })
  t.same(await friendsOf(ann), [])
})

scenario('who was away while a request was accepted finds the friend at the next login', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ask(ann, bob)
  await ann.close()
  await accept(bob, ann)
  const annAgain = await login('ann')
  t.same(names(await friendsOf(annAgain)), [bob.userId])
  t.equal(await annAgain.unreadCount(), 1, 'the line in the chat')
})

scenario('a remark and a pin are noted, and a pinned friend comes first', async (t, login) => {
  const [ann, bob, cid] = await Promise.all([login('ann'), login('bob'), login('cid')])
  await befriend(ann, bob)
  await befriend(cid, ann)
  t.same(names(await friendsOf(ann)), [bob.userId, cid.userId])
  const since = ann.dataOf('OnFriendInfoChanged').length
  await ann.call('updateFriends', { friendUserIDs: [cid.userId], isPinned: true, remark: 'Cid the Bold' })
  const changed = await ann.until(
    'the change',
    () => ann.dataOf<FriendUserItem>('OnFriendInfoChanged')[since],
  )
  t.match(changed, { userID: cid.userId, remark: 'Cid the Bold' })
  t.same(names(await friendsOf(ann)), [cid.userId, bob.userId])
  t.match(await ann.call('getSpecifiedFriendsInfo', [cid.userId]), [{ remark: 'Cid the Bold' }])
})

scenario('a deleted friend is gone for the one who deleted', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await befriend(ann, bob)
  await ann.call('deleteFriend', bob.userId)
  await ann.until('the end', () => ann.dataOf('OnFriendDeleted')[0])
  t.same(await friendsOf(ann), [])
  t.same(names(await friendsOf(bob)), [ann.userId])
  await befriend(ann, bob)
  t.same(names(await friendsOf(ann)), [bob.userId], 'they may become friends again')
})

scenario('who is on a black list cannot write or ask, until they are off it', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await ann.call('addBlack', { toUserID: bob.userId })
  const added = await ann.until('the entry', () => ann.dataOf<BlackUserItem>('OnBlackAdded')[0])
  t.equal(added.userID, bob.userId)
  t.same(names(await ann.call('getBlackList', PAGE)), [bob.userId])
  t.match(await refusalOf(bob.sendText('hi', ann)), { errCode: BLOCKED_BY_PEER })
  // Of a REST call the SDK tells the text alone.
  t.match(await refusalOf(ask(bob, ann)), { message: /BlockedByPeer/ })
  await ann.call('removeBlack', bob.userId)
  await ann.until('the end', () => ann.dataOf('OnBlackDeleted')[0])
  await bob.sendText('hello', ann)
  await ann.receives('hello')
  t.same(
    ann.received.map(({ sendID }) => sendID),
    [bob.userId],
    'nothing else came',
  )
  t.same(bob.dataOf('OnBlackAdded'), [], 'and Bob was not told')
})

scenario('a new nickname is seen by friends', async (t, login) => {
  const [ann, bob] = await Promise.all([login('ann'), login('bob')])
  await befriend(ann, bob)
  await ann.call('setSelfInfo', { nickname: 'Ann the First' })
  const changed = await bob.until('the change', () =>
    bob.dataOf<FriendUserItem>('OnFriendInfoChanged').find(({ nickname }) => nickname === 'Ann the First'),
  )
  t.equal(changed.userID, ann.userId)
  await bob.close()
  const [friend] = await friendsOf(await login('bob'))
  t.equal(friend!.nickname, 'Ann the First')
})
