import t from 'tap'
import { serveHttp } from '../../src/doors/rest/http-server.js'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { Admin, AdminError } from '../../src/sdk/admin.js'
import { SecretGuard } from '../../src/services/secret-guard.js'
import type { Teardown } from '../support/node.js'
import { type Plan, room, SECRET } from './room.js'

/** A gateway's REST on a port, and a client of it. */
async function serve(test: Teardown, plan: Plan = {}) {
  const made = room(plan)
  const server = await serveHttp(made.app.fetch, { host: '127.0.0.1', port: 0 })
  test.teardown(() => server.close(0))
  return { ...made, admin: new Admin(`http://127.0.0.1:${server.port}`, SECRET) }
}

t.test('an operator makes tokens, sees connections and ends them', async (t) => {
  const login = { connectionId: 'c1', platformId: Platform.Web, nodeId: 'node-a', background: true }
  const { admin, store, kicked } = await serve(t, {
    rest: { list: async () => ({ left: [login], unanswered: [] }) },
  })
  const token = await admin.userToken('u1', Platform.Web)
  t.same(store.good('u1'), [token])
  t.same(await admin.connections('u1'), [
    { connectionID: 'c1', platformID: Platform.Web, platform: 'Web', nodeID: 'node-a', isBackground: true },
  ])
  t.equal(await admin.kick('u1', { connectionID: 'c1' }), 1)
  t.equal(await admin.kick('u1'), 1)
  await admin.forceLogout('u1', Platform.Web)
  t.same(kicked, [
    { userId: 'u1', connectionId: 'c1' },
    { userId: 'u1' },
    { userId: 'u1', platformIds: [Platform.Web] },
  ])
  t.same(store.good('u1'), [])
})

t.test('a device that has a refresh token needs no administrator for new ones', async (t) => {
  const { admin, store } = await serve(t, { settings: { refreshTokenExpireDays: 7 } })
  const first = await admin.userTokens('u1', Platform.IOS)
  t.match(first, { expireTimeSeconds: 3_600, refreshExpireTimeSeconds: 7 * 86_400 })
  const second = await admin.refresh(first.refreshToken!)
  t.same(store.good('u1'), [first.token, second.token])
  t.match(await failureOf(admin.refresh(first.refreshToken!)), {
    code: 'CALL_REFUSED',
    errCode: WireCode.TokenInvalidError,
  })
})

t.test('a failed call says whether the caller, the gateway or the network is at fault', async (t) => {
  const { admin } = await serve(t, { rest: { kick: () => Promise.reject(new Error('node-b is silent')) } })
  t.match(await failureOf(admin.kick('u1')), {
    code: 'CALL_REFUSED',
    errCode: WireCode.NetworkError,
    message: /node-b is silent/,
  })
  t.match(await failureOf(admin.userToken('a:b', Platform.IOS)), {
    code: 'CALL_REFUSED',
    errCode: WireCode.ArgsError,
  })
  const { admin: other } = await serve(t, { rest: { secrets: new SecretGuard('another secret', 'salt') } })
  t.match(await failureOf(other.login()), { code: 'WRONG_SECRET', errCode: WireCode.NoPermissionError })
  const nowhere = new Admin('http://127.0.0.1:1', SECRET)
  t.match(await failureOf(nowhere.login()), { code: 'GATEWAY_UNREACHABLE', errCode: undefined })
})

t.test('a list that lacks a node is told as such, or refused where all are wanted', async (t) => {
  const login = { connectionId: 'c1', platformId: Platform.Web, nodeId: 'node-a', background: false }
  const { admin } = await serve(t, {
    rest: { list: async () => ({ left: [login], unanswered: ['node-b'] }) },
  })
  const known = await admin.knownConnections('u1')
  t.match(known, { connections: [{ connectionID: 'c1' }], unansweredNodes: ['node-b'] })
  t.match(await failureOf(admin.connections('u1')), {
    errCode: WireCode.NetworkError,
    message: /node-b did not answer/,
  })
})

t.test(
  'a client whose admin token was revoked gets another by the secret, once for all calls under way',
  async (t) => {
    const { admin, store } = await serve(t)
    await admin.login()
    for (const token of store.good('imAdmin')) store.set('imAdmin', 10, token, 'kicked')
    t.same(await Promise.all([admin.connections('u1'), admin.connections('u2')]), [[], []])
    t.equal(store.good('imAdmin').length, 1)
  },
)

async function failureOf(call: Promise<unknown>): Promise<AdminError> {
  try {
    await call
  } catch (error) {
    if (error instanceof AdminError) return error
    throw error
  }
  throw new Error('it did not fail')
}
