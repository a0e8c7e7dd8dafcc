/** What clients note for a user, and accounts that notify users, in a database without a node. */
import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { StoredChat } from '../messages/stored-chat.js'

const PAGE = { pageNumber: 1, showNumber: 100 }
const refusal = (errCode: WireCode) => ({ code: 'CALL_REFUSED', errCode })

t.test('what is noted for a user is there by its type, changed, and removed', async (t) => {
  const chat = new StoredChat(t)
  await chat.register('ann')
  const named = { userID: 'ann', type: 7, uuid: 'a' }
  await chat.call('addCommand', 'ann', { ...named, value: 'one', ex: 'more' }, 5_000)
  await chat.call('addCommand', 'ann', { ...named, type: 8, value: 'other' }, 6_000)
  await chat.call('updateCommand', 'ann', { ...named, value: 'two' })
  const ofType = await chat.call('commandsOfType', 'ann', { userID: 'ann', type: 7 })
  t.same(ofType.output, { CommandResp: [{ type: 7, createTime: 5, uuid: 'a', value: 'two', ex: 'more' }] })
  const all = async () => (await chat.call('allCommands', 'ann', { userID: 'ann' })).output.CommandResp.length
  t.equal(await all(), 2)
  await chat.call('deleteCommand', 'ann', named)
  t.equal(await all(), 1)
  await t.rejects(chat.call('deleteCommand', 'ann', named), refusal(WireCode.RecordNotFoundError))
  await t.rejects(chat.call('updateCommand', 'ann', named), refusal(WireCode.RecordNotFoundError))
})

t.test('a notification account is made, found and changed, and nobody logs in as it', async (t) => {
  const chat = new StoredChat(t)
  await chat.register('ann')
  const given = { userID: '', nickName: 'News', faceURL: '', appMangerLevel: 3 }
  const act = (name: 'addNotificationAccount', input: typeof given) =>
    chat.call(name, 'admin', input, 0, true)
  const made = (await act('addNotificationAccount', given)).output
  t.match(made, { nickName: 'News', appMangerLevel: 3, userID: /^[1-9]\d{9}$/ })
  await act('addNotificationAccount', { ...given, userID: 'shop', nickName: 'Shop' })
  const update = { userID: 'shop', nickName: '', faceURL: 'face' }
  await chat.call('updateNotificationAccount', 'admin', update, 0, true)
  const search = async (keyword: string) =>
    (await chat.call('searchNotificationAccounts', 'admin', { keyword, pagination: PAGE }, 0, true)).output
  t.match(await search('shop'), { total: 1, notificationAccounts: [{ nickName: 'Shop', faceURL: 'face' }] })
  t.match(await search('News'), { total: 1, notificationAccounts: [{ userID: made.userID }] })
  t.equal((await search('')).total, 2)
  t.equal((await search('ann')).total, 0)
  const login = chat.call('ensureUser', '', { userID: 'shop' }, 1_000, true)
  await t.rejects(login, refusal(WireCode.ArgsError))
  const low = act('addNotificationAccount', { ...given, appMangerLevel: 2 })
  await t.rejects(low, refusal(WireCode.ArgsError))
  await t.rejects(act('addNotificationAccount', { ...given, userID: 'ann' }), refusal(WireCode.ArgsError))
})
