import t from 'tap'
import { room } from './room.js'

const PATH = '/user/get_users_status'

t.test('who is where is told in the order asked, with null for whoever is nowhere', async (t) => {
  const asked: string[][] = []
  const { post, userToken } = room({
    rest: {
      whereabouts: async (userIds) => {
        asked.push(userIds)
        return userIds.map((userId) => ({ userId, platformIds: userId === 'ann' ? [1, 5] : [] }))
      },
    },
  })
  const token = await userToken('cid', 1)
  const { answer } = await post(PATH, { userID: 'cid', userIDs: ['bob', 'ann'] }, { token })
  t.same(answer.data, {
    statusList: [
      { userID: 'bob', status: 0, platformIDs: null },
      { userID: 'ann', status: 1, platformIDs: [1, 5] },
    ],
  })
  t.same(asked, [['bob', 'ann']])
})

t.test('a thousand users may be asked for, no more, and no bad ones', async (t) => {
  const whereabouts = async (userIds: string[]) => userIds.map((userId) => ({ userId, platformIds: [] }))
  const { command } = room({ rest: { whereabouts } })
  const many = Array.from({ length: 1_001 }, (_, n) => `user-${n}`)
  t.equal((await command(PATH, { userIDs: many.slice(1) })).errCode, 0)
  for (const userIDs of [many, [], ['a:b'], 'ann', undefined]) {
    t.match(await command(PATH, { userIDs }), { errCode: 1001, errMsg: 'ArgsError', errDlt: /^userIDs/ })
  }
})

t.test('nobody is told anything without a token, or while the store is away', async (t) => {
  const whereabouts = () => Promise.reject(new Error('ECONNREFUSED'))
  const { post, command, reported } = room({ rest: { whereabouts } })
  t.equal((await post(PATH, { userIDs: ['ann'] })).answer.errCode, 1001)
  t.match(await command(PATH, { userIDs: ['ann'] }), { errCode: 90_002, errDlt: /try again later/ })
  t.equal(reported.length, 1)
  const half = room({ rest: { whereabouts: async () => [] } })
  t.equal((await half.command(PATH, { userIDs: ['ann'] })).errCode, 90_002, 'a user who could not be read')
})
