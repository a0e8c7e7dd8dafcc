import t from 'tap'
import type { LoginInfo } from '../../src/rules/logins/eviction.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { fakeToken, NOW_S } from '../auth/token-fakes.js'
import { room } from './room.js'

t.test("a user's connections are listed with their nodes, those of a platform together", async (t) => {
  const logins: LoginInfo[] = [
    { connectionId: 'c3', platformId: 5, nodeId: 'node-b', background: false },
    { connectionId: 'c2', platformId: 11, nodeId: 'node-a', background: true },
    { connectionId: 'c1', platformId: 5, nodeId: 'node-b', background: false },
    { connectionId: 'c9', platformId: 5, nodeId: 'node-a', background: false },
  ]
  const asked: string[] = []
  const list = async (userId: string) => {
    asked.push(userId)
    return { left: logins, unanswered: [] }
  }
  const { data } = await room({ rest: { list } }).command('/connection/list', { userID: 'u1' })
  t.same(asked, ['u1'])
  const web = { platformID: 5, platform: 'Web', isBackground: false }
  t.same(data, {
    connections: [
      { connectionID: 'c9', nodeID: 'node-a', ...web },
      { connectionID: 'c1', nodeID: 'node-b', ...web },
      { connectionID: 'c3', nodeID: 'node-b', ...web },
      { connectionID: 'c2', platformID: 11, platform: 'HarmonyOS', nodeID: 'node-a', isBackground: true },
    ],
    unansweredNodes: [],
  })
  t.same((await room().command('/connection/list', { userID: 'u1' })).data, {
    connections: [],
    unansweredNodes: [],
  })
})

t.test('connections are kicked by user, platform, connection or token, their tokens first', async (t) => {
  const { command, userToken, store, kicked } = room({ settings: { loginPolicy: 0 } })
  const tokens = [await userToken('u1', 1), await userToken('u1', 1), await userToken('u1', 5)]

  t.same((await command('/connection/kick', { userID: 'u1', connectionID: 'c1' })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', connectionId: 'c1' })
  t.same(store.good('u1'), tokens, 'the connection flags its own')

  t.same((await command('/connection/kick', { userID: 'u1', token: tokens[0] })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', token: tokenDigest(tokens[0]!) })
  t.same(store.good('u1'), tokens.slice(1))

  t.same((await command('/connection/kick', { userID: 'u1', platformID: 1 })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', platformIds: [1] })
  t.same(store.good('u1'), tokens.slice(2))

  t.same((await command('/connection/kick', { userID: 'u1' })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1' })
  t.same(store.good('u1'), [])
})

t.test('a kick names a user and at most one thing more', async (t) => {
  const { command, userToken, kicked } = room()
  const his = await userToken('u2', 1)
  const refused: [object, number, RegExp][] = [
    [{}, 1001, /^userID: /],
    [{ userID: 'a:b' }, 1001, /^userID: /],
    [{ userID: 'u1', platformID: 12 }, 1001, /^platformID: /],
    [{ userID: 'u1', connectionID: '' }, 1001, /^connectionID: /],
    [{ userID: 'u1', token: '' }, 1001, /^token: /],
    [{ userID: 'u1', platformID: 1, connectionID: 'c1' }, 1001, /^at most one of /],
    [{ userID: 'u1', platformID: 1, token: his }, 1001, /^at most one of /],
    [{ userID: 'u1', connectionID: 'c1', token: his }, 1001, /^at most one of /],
    [{ userID: 'u1', token: his }, 1001, /^token: is of another user$/],
    [{ userID: 'u1', token: 'x' }, 1503, /./],
  ]
  for (const [body, errCode, errDlt] of refused) {
    t.match(await command('/connection/kick', body), { errCode, errDlt }, JSON.stringify(body))
  }
  t.same(kicked, [])
})

t.test('a connection that outlived its token can be kicked by it', async (t) => {
  const { command, kicked, store } = room()
  const token = fakeToken({ UserID: 'u1', PlatformID: 1, exp: NOW_S })
  t.match(await command('/connection/kick', { userID: 'u1', token }), { errCode: 0, data: { kicked: 1 } })
  t.same(kicked, [{ userId: 'u1', token: tokenDigest(token) }])
  t.same(store.held('u1'), [], 'there is nothing to flag')
})

t.test('what not every node confirmed is a NetworkError, which says what is done', async (t) => {
  const fail = () => Promise.reject(new Error('node-b did not answer'))
  const { command, userToken, reported } = room({ rest: { kick: fail, list: fail } })
  const token = await userToken('u1', 1)
  const reason = 'not confirmed by every node: node-b did not answer'
  const calls: [string, object, string][] = [
    ['/connection/list', { userID: 'u1' }, reason],
    ['/connection/kick', { userID: 'u1', connectionID: 'c1' }, reason],
    ['/connection/kick', { userID: 'u1', token }, `the tokens are flagged; connections ${reason}`],
    ['/connection/kick', { userID: 'u1', platformID: 1 }, `the tokens are flagged; connections ${reason}`],
    ['/connection/kick', { userID: 'u1' }, `the tokens are flagged; connections ${reason}`],
  ]
  for (const [path, body, errDlt] of calls) {
    const answer = await command(path, body)
    t.same(answer, { errCode: 90_004, errMsg: 'NetworkError', errDlt }, JSON.stringify(body))
  }
  t.equal(reported.length, calls.length)
})

t.test('what is known is told, and which nodes have not answered', async (t) => {
  const login: LoginInfo = { connectionId: 'c1', platformId: 5, nodeId: 'node-a', background: false }
  const unanswered = ['node-b', 'node-c']
  const { command, userToken, store } = room({
    rest: {
      list: async () => ({ left: [login], unanswered }),
      kick: async () => ({ gone: 1, left: [], unanswered }),
    },
  })
  await userToken('u1', 1)
  t.match(await command('/connection/list', { userID: 'u1' }), {
    errCode: 0,
    data: { connections: [{ connectionID: 'c1' }], unansweredNodes: unanswered },
  })
  t.match(await command('/connection/kick', { userID: 'u1' }), {
    errCode: 90_004,
    errDlt:
      'the tokens are flagged; connections not confirmed by every node: node-b, node-c did not answer in time',
    data: { kicked: 1, unansweredNodes: unanswered },
  })
  t.same(store.good('u1'), [])
})

t.test('only administrators may see and end the connections of others', async (t) => {
  const { app, post, userToken, kicked } = room()
  const token = await userToken('u1', 1)
  for (const path of ['/connection/list', '/connection/kick']) {
    t.match((await post(path, { userID: 'u1' }, { token })).answer, { errCode: 1002 }, path)
    t.match((await post(path, { userID: 'u1' })).answer, { errCode: 1001, errDlt: /token: missing/ }, path)
    const nameless = await app.request(path, { method: 'POST', headers: { token }, body: '{"userID":"u1"}' })
    t.match(await nameless.json(), { errCode: 1001, errDlt: /operationID/ })
  }
  t.same(kicked, [])
})
