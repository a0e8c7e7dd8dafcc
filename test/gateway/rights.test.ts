/** What a node lets users and administrators do, over both of its ports. */
import t, { type Test } from 'tap'
import { WireCode } from '../../src/openim/codes.js'
import { Platform } from '../../src/openim/platforms.js'
import { OpenimClient } from '../../src/sdk/openim-client.js'
import { eventually } from '../support/eventually.js'
import { seesOn, TestNode, toldOf } from '../support/node.js'
import { askRest } from '../support/rest.js'

async function adminTokenOf(node: TestNode): Promise<string> {
  const response = await fetch(`${node.apiUrl}/auth/get_admin_token`, {
    method: 'POST',
    headers: { operationID: 'test' },
    body: JSON.stringify({ secret: 'a secret for tests, long enough', userID: 'imAdmin' }),
  })
  return ((await response.json()) as { data: { token: string } }).data.token
}

async function loginAdmin(t: Test, node: TestNode, token: string): Promise<OpenimClient> {
  const client = await OpenimClient.connect({
    url: node.wsUrl,
    token,
    userId: 'imAdmin',
    platformId: Platform.Admin,
  })
  t.teardown(() => client.terminate())
  return client
}

t.test('with WATCH_POLICY=admin users see themselves alone, and administrators everybody', async (t) => {
  const node = await TestNode.start(t, { WATCH_POLICY: 'admin' })
  const ann = await node.login('ann', Platform.Web)
  const admin = await loginAdmin(t, node, await adminTokenOf(node))
  t.same(await ann.subscribe(['bob']), [{ userID: 'bob', onlinePlatformIDs: [] }], 'nobody is left to watch')
  const bob = await node.login('bob', Platform.Web)
  await admin.subscribe(['ann', 'bob'])
  await seesOn(admin, 'bob', [Platform.Web])
  t.same(
    await ann.subscribe(['bob', 'ann']),
    [
      { userID: 'bob', onlinePlatformIDs: [] },
      { userID: 'ann', onlinePlatformIDs: [Platform.Web] },
    ],
    'what the node knows for others is not told',
  )
  await bob.close()
  await seesOn(admin, 'bob', [])
  await ann.ping('all that was sent before is here')
  t.same(
    toldOf(ann, 'bob').filter((platforms) => platforms !== ''),
    [],
  )
})

t.test('a revoked administrator comes in by neither port, and is sent away', async (t) => {
  const node = await TestNode.start(t)
  const token = await adminTokenOf(node)
  const admin = await loginAdmin(t, node, token)
  t.equal(
    (await askRest(node, '/auth/force_logout', { userID: 'imAdmin', platformID: Platform.Admin })).errCode,
    0,
  )
  await eventually(() => (admin.isKicked ? true : undefined))

  await t.rejects(loginAdmin(t, node, token), { code: 'CONNECT_REFUSED', message: /1506/ })
  t.equal((await askRest(node, '/connection/list', { userID: 'ann' })).errCode, WireCode.TokenKickedError)
  t.same(await node.admin.connections('ann'), [], 'a caller with the secret gets another')
})

t.test('calls of REST are counted and timed by path, and the audit trail is counted', async (t) => {
  const node = await TestNode.start(t)
  await node.token('ann', Platform.Web)
  await fetch(`${node.apiUrl}/auth/get_admin_token`, {
    method: 'POST',
    headers: { operationID: 'test' },
    body: JSON.stringify({ secret: 'wrong', userID: 'imAdmin' }),
  })
  await fetch(`${node.apiUrl}/nothing/here`, { method: 'POST' })
  const made = 'path="/auth/get_user_token",code="0"'
  t.equal(await node.metric('porchlight_api_requests_total', made), 1)
  t.equal(await node.metric('porchlight_api_requests_total', 'code="1002"'), 1)
  t.equal(await node.metric('porchlight_api_requests_total', 'path="other"'), 1)
  t.equal(await node.metric('porchlight_api_seconds_count', 'path="/auth/get_user_token"'), 1)
  t.equal(await node.metric('porchlight_audit_lines_total', 'kind="act"'), 2)
  t.equal(await node.metric('porchlight_audit_lines_total', 'kind="refused"'), 1)
})
