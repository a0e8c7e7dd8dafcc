import t from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import type { LoginInfo } from '../../src/rules/logins/eviction.js'
import { tokenDigest } from '../../src/rules/logins/token-digest.js'
import { fakeToken, NOW_S } from '../auth/token-fakes.js'
import { room } from './room.js'

t.test("a user's connections are listed with their nodes, those of a platform together", async (t) => {
  const logins: LoginInfo[] = [
    { connectionId: 'c3', platformId: Platform.Web, nodeId: 'node-b', background: false },
    { connectionId: 'c2', platformId: Platform.HarmonyOS, nodeId: 'node-a', background: true },
    { connectionId: 'c1', platformId: Platform.Web, nodeId: 'node-b', background: false },
    { connectionId: 'c9', platformId: Platform.Web, nodeId: 'node-a', background: false },
  ]
  const asked: string[] = []
  const list = async (userId: string) => {
    asked.push(userId)
    return { left: logins, unanswered: [] }
  }
  const { data } = await room({ rest: { list } }).command('/connection/list', { userID: 'u1' })
  t.same(asked, ['u1'])
  const web = { platformID: Platform.Web, platform: 'Web', isBackground: false }
  t.same(data, {
    connections: [
      { connectionID: 'c9', nodeID: 'node-a', ...web },
      { connectionID: 'c1', nodeID: 'node-b', ...web },
      { connectionID: 'c3', nodeID: 'node-b', ...web },
      {
        connectionID: 'c2',
        platformID: Platform.HarmonyOS,
        platform: 'HarmonyOS',
        nodeID: 'node-a',
        isBackground: true,
      },
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
  const tokens = [
    await userToken('u1', Platform.IOS),
    await userToken('u1', Platform.IOS),
    await userToken('u1', Platform.Web),
  ]

  t.same((await command('/connection/kick', { userID: 'u1', connectionID: 'c1' })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', connectionId: 'c1' })
  t.same(store.good('u1'), tokens, 'the connection flags its own')

  t.same((await command('/connection/kick', { userID: 'u1', token: tokens[0] })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', token: tokenDigest(tokens[0]!) })
  t.same(store.good('u1'), tokens.slice(1))

  t.same((await command('/connection/kick', { userID: 'u1', platformID: Platform.IOS })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1', platformIds: [Platform.IOS] })
  t.same(store.good('u1'), tokens.slice(2))

  t.same((await command('/connection/kick', { userID: 'u1' })).data, { kicked: 1 })
  t.same(kicked.pop(), { userId: 'u1' })
  t.same(store.good('u1'), [])
})

t.test('a kick names a user and at most one thing more', async (t) => {
  const { command, userToken, kicked } = room()
  const theirs = await userToken('u2', Platform.IOS)
  const refused: [object, number, RegExp][] = [
    [{}, WireCode.ArgsError, /^userID: /],
    [{ userID: 'a:b' }, WireCode.ArgsError, /^userID: /],
    [{ userID: 'u1', platformID: 12 }, WireCode.ArgsError, /^platformID: /],
    [{ userID: 'u1', connectionID: '' }, WireCode.ArgsError, /^connectionID: /],
    [{ userID: 'u1', token: '' }, WireCode.ArgsError, /^token: /],
    [{ userID: 'u1', platformID: Platform.IOS, connectionID: 'c1' }, WireCode.ArgsError, /^at most one of /],
    [{ userID: 'u1', platformID: Platform.IOS, token: theirs }, WireCode.ArgsError, /^at most one of /],
    [{ userID: 'u1', connectionID: 'c1', token: theirs }, WireCode.ArgsError, /^at most one of /],
    [{ userID: 'u1', token: theirs }, WireCode.ArgsError, /^token: is of another user$/],
    [{ userID: 'u1', token: 'x' }, WireCode.TokenMalformedError, /./],
  ]
  for (const [body, errCode, errDlt] of refused) {
    t.match(await command('/connection/kick', body), { errCode, errDlt }, JSON.stringify(body))
  }
  t.same(kicked, [])
})

t.test('a connection that outlived its token can be kicked by it', async (t) => {
  const { command, kicked, store } = room()
  const token = fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S })
  t.match(await command('/connection/kick', { userID: 'u1', token }), { errCode: 0, data: { kicked: 1 } })
  t.same(kicked, [{ userId: 'u1', token: tokenDigest(token) }])
  t.same(store.held('u1'), [], 'there is nothing to flag')
})

t.test('what not every node confirmed is a NetworkError, which says what is done', async (t) => {
  const fail = () => Promise.reject(new Error('node-b did not answer'))
  const { command, userToken, reported } = room({ rest: { kick: fail, list: fail } })
  const token = await userToken('u1', Platform.IOS)
  const reason = 'not confirmed by every node: node-b did not answer'
  const calls: [string, object, string][] = [
    ['/connection/list', { userID: 'u1' }, reason],
    ['/connection/kick', { userID: 'u1', connectionID: 'c1' }, reason],
    ['/connection/kick', { userID: 'u1', token }, `the tokens are flagged; connections ${reason}`],
    [
      '/connection/kick',
      { userID: 'u1', platformID: Platform.IOS },
      `the tokens are flagged; connections ${reason}`,
    ],
    ['/connection/kick', { userID: 'u1' }, `the tokens are flagged; connections ${reason}`],
  ]
  for (const [path, body, errDlt] of calls) {
    const answer = await command(path, body)
    t.same(answer, { errCode: WireCode.NetworkError, errMsg: 'NetworkError', errDlt }, JSON.stringify(body))
  }
  t.equal(reported.length, calls.length)
})

t.test('what is known is told, and which nodes have not answered', async (t) => {
  const login: LoginInfo = {
    connectionId: 'c1',
    platformId: Platform.Web,
    nodeId: 'node-a',
    background: false,
  }
  const unanswered = ['node-b', 'node-c']
  const { command, userToken, store } = room({
    rest: {
      list: async () => ({ left: [login], unanswered }),
      kick: async () => ({ gone: 1, left: [], unanswered }),
    },
  })
  await userToken('u1', Platform.IOS)
  t.match(await command('/connection/list', { userID: 'u1' }), {
    errCode: 0,
    data: { connections: [{ connectionID: 'c1' }], unansweredNodes: unanswered },
  })
  t.match(await command('/connection/kick', { userID: 'u1' }), {
    errCode: WireCode.NetworkError,
    errDlt:
      'the tokens are flagged; connections not confirmed by every node: node-b, node-c did not answer in time',
    data: { kicked: 1, unansweredNodes: unanswered },
  })
  t.same(store.good('u1'), [])
})

t.test('only administrators may see and end the connections of others', async (t) => {
  const { app, post, userToken, kicked } = room()
  const token = await userToken('u1', Platform.IOS)
  for (const path of ['/connection/list', '/connection/kick']) {
    t.match(
      (await post(path, { userID: 'u1' }, { token })).answer,
      { errCode: WireCode.NoPermissionError },
      path,
    )
    t.match(
      (await post(path, { userID: 'u1' })).answer,
      { errCode: WireCode.ArgsError, errDlt: /token: missing/ },
      path,
    )
    const nameless = await app.request(path, { method: 'POST', headers: { token }, body: '{"userID":"u1"}' })
    t.match(await nameless.json(), { errCode: WireCode.ArgsError, errDlt: /operationID/ })
  }
  t.same(kicked, [])
})
