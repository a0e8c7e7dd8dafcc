import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { watchRule } from '../../src/rules/presence/watch-policy.js'
import { RateTable } from '../../src/services/rate-table.js'
import { room } from './room.js'

const PATH = '/user/get_users_status'

t.test('platforms are answered in the order asked, with null for users who are offline', async (t) => {
  const asked: string[][] = []
  const { post, userToken } = room({
    rest: {
      whereabouts: async (userIds) => {
        asked.push(userIds)
        return userIds.map((userId) => ({ userId, platformIds: userId === 'ann' ? [1, 5] : [] }))
      },
    },
  })
  const token = await userToken('cid', Platform.IOS)
  const { answer } = await post(PATH, { userID: 'cid', userIDs: ['bob', 'ann'] }, { token })
  t.same(answer.data, {
    statusList: [
      { userID: 'bob', status: 0, platformIDs: null },
      { userID: 'ann', status: 1, platformIDs: [Platform.IOS, Platform.Web] },
    ],
  })
  t.same(asked, [['bob', 'ann']])
})

t.test('a thousand users may be asked for, and no more', async (t) => {
  const whereabouts = async (userIds: string[]) => userIds.map((userId) => ({ userId, platformIds: [] }))
  const { command } = room({ rest: { whereabouts } })
  const many = Array.from({ length: 1_001 }, (_, n) => `user-${n}`)
  t.equal((await command(PATH, { userIDs: many.slice(1) })).errCode, 0)
  for (const userIDs of [many, [], [1], ['ann', null], 'ann', undefined]) {
    t.match(await command(PATH, { userIDs }), {
      errCode: WireCode.ArgsError,
      errMsg: 'ArgsError',
      errDlt: /^userIDs/,
    })
  }
})

t.test('an ID that no user can have is offline, and the others are answered', async (t) => {
  const asked: string[][] = []
  const whereabouts = async (userIds: string[]) => {
    asked.push(userIds)
    return userIds.map((userId) => ({ userId, platformIds: [Platform.Web] }))
  }
  const { command } = room({ rest: { whereabouts } })
  const strange = ['', 'a:b', '{3F2504E0-4F89}', 'x'.repeat(129), 'a\u0000b', '\ud800']
  const userIDs = ['ann', ...strange, 'bob', '@bob.example.org', 'ann']
  const { errCode, data } = await command(PATH, { userIDs })
  t.equal(errCode, 0)
  const list = data?.statusList as { userID: string; status: number }[]
  t.same(
    list.map(({ userID }) => userID),
    userIDs,
    'every one is in the answer, in order',
  )
  t.same(
    list.filter(({ status }) => status === 1).map(({ userID }) => userID),
    ['ann', 'bob', '@bob.example.org', 'ann'],
  )
  t.same(asked, [['ann', 'bob', '@bob.example.org', 'ann']])
  t.match((await command(PATH, { userIDs: ['a:b'] })).data, { statusList: [{ userID: 'a:b', status: 0 }] })
})

t.test('with WATCH_POLICY=admin users are told of themselves alone, administrators of all', async (t) => {
  const isAdmin = (userId: string) => userId === 'imAdmin'
  const { command, post, userToken } = room({
    rest: {
      mayWatch: watchRule('admin', isAdmin),
      whereabouts: async (userIds) => userIds.map((userId) => ({ userId, platformIds: [Platform.Web] })),
    },
  })
  const token = await userToken('ann', Platform.IOS)
  t.equal((await post(PATH, { userIDs: ['ann'] }, { token })).answer.errCode, 0)
  for (const userIDs of [['bob'], ['ann', 'bob'], ['ann', 'a:b']]) {
    t.match((await post(PATH, { userIDs }, { token })).answer, {
      errCode: WireCode.NoPermissionError,
      errDlt: /WATCH_POLICY/,
    })
  }
  t.equal((await command(PATH, { userIDs: ['ann', 'bob'] })).errCode, 0)
  const open = watchRule('open', isAdmin)
  t.ok(open('ann', 'bob'))
})

t.test('users ask about so many a second, and administrators about as many as they like', async (t) => {
  let nowMs = 0
  const perSecond = (count: number) => new RateTable({ count, periodMs: 1_000, salt: 'salt' })
  const { command, post, userToken } = room({
    rest: {
      nowMs: () => nowMs,
      rates: { callsOfAddress: perSecond(300), statusesOfUser: perSecond(1_000) },
      whereabouts: async (userIds) => userIds.map((userId) => ({ userId, platformIds: [] })),
    },
  })
  const many = Array.from({ length: 1_000 }, (_, n) => `user-${n}`)
  const ask = async (token: string) => (await post(PATH, { userIDs: many }, { token })).answer
  const ann = await userToken('ann', Platform.IOS)
  nowMs += 1_000
  t.equal((await ask(ann)).errCode, 0)
  t.match(await ask(ann), {
    errCode: WireCode.TooManyRequests,
    errDlt: 'you ask about too many users, retry after 1 s',
  })
  t.equal((await ask(await userToken('bob', Platform.IOS))).errCode, 0, 'each user for themselves')
  t.match(await ask(await userToken('cid', Platform.IOS)), {
    errCode: WireCode.TooManyRequests,
    errDlt: /from this address/,
  })
  for (let calls = 0; calls < 20; calls++) t.equal((await command(PATH, { userIDs: many })).errCode, 0)
  nowMs += 1_000
  t.equal((await ask(ann)).errCode, 0)
})

t.test('nobody is told anything without a token, or while the store is away', async (t) => {
  const whereabouts = () => Promise.reject(new Error('ECONNREFUSED'))
  const { post, command, reported } = room({ rest: { whereabouts } })
  t.equal((await post(PATH, { userIDs: ['ann'] })).answer.errCode, WireCode.ArgsError)
  t.match(await command(PATH, { userIDs: ['ann'] }), {
    errCode: WireCode.DatabaseError,
    errDlt: /try again later/,
  })
  t.equal(reported.length, 1)
  const half = room({ rest: { whereabouts: async () => [] } })
  t.equal(
    (await half.command(PATH, { userIDs: ['ann'] })).errCode,
    WireCode.DatabaseError,
    'a user who could not be read',
  )
})
