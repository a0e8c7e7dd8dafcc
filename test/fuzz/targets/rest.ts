/** REST bodies, through the whole of a REST port whose neighbours are fakes; tokens are real ones. */
import assert from 'node:assert/strict'
import { loadTokenKeys } from '../../../src/auth/keys.js'
import { issueToken, verifyToken } from '../../../src/auth/tokens.js'
import { WireCode } from '../../../src/openim/codes.js'
import { Platform } from '../../../src/openim/platforms.js'
import { room, SECRET } from '../../api/room.js'
import { FakeTokenStore, NOW_MS } from '../../auth/token-fakes.js'
import { INPUT_BYTES_MAX, type Run, type Target } from '../engine/target.js'

const PATHS = [
  '/auth/get_admin_token',
  '/auth/get_user_token',
  '/auth/parse_token',
  '/auth/refresh_token',
  '/auth/force_logout',
  '/auth/invalidate_token',
  '/auth/kick_tokens',
  '/connection/list',
  '/connection/kick',
  '/user/get_users_status',
]
/** What a body stands for where it is to hold a good token, and where the secret. */
const TOKEN_HERE = '$TOKEN'
const SECRET_HERE = '$SECRET'
const STATUSES = [200, 404, 413]
const DAY_S = 86_400

export const target: Target = {
  name: 'rest',
  what: 'REST bodies (path and caller by the first two bytes): an answer with a code, never a failure of ours',
  bytesMax: INPUT_BYTES_MAX + 2,
  steps: { base: 20_000, perByte: 30 },
  seeds: () =>
    [
      `{"secret":"${SECRET_HERE}","userID":"imAdmin"}`,
      '{"userID":"ann","platformID":5}',
      `{"token":"${TOKEN_HERE}"}`,
      `{"refreshToken":"${TOKEN_HERE}"}`,
      '{"userID":"ann","platformID":2}',
      `{"userID":"ann","platformID":5,"preservedToken":"${TOKEN_HERE}"}`,
      `{"tokens":["${TOKEN_HERE}","x","a.b.c"]}`,
      '{"userID":"ann"}',
      `{"userID":"ann","token":"${TOKEN_HERE}"}`,
      '{"userIDs":["ann","b:c",""]}',
    ].map((body, at) => Buffer.concat([Uint8Array.of(at, 0), Buffer.from(body)])),
  async open(): Promise<Run> {
    const keys = await loadTokenKeys({
      algorithm: 'HS256',
      secret: SECRET,
      publicKeysPath: '',
      privateKeyPath: '',
      nowMs: () => NOW_MS,
      report: () => {},
    })
    const issue: Parameters<typeof issueToken>[0][] = [
      { userId: 'imAdmin', platformId: Platform.Admin, issuedAtS: NOW_MS / 1000, jti: '1' },
      { userId: 'ann', platformId: Platform.Web, issuedAtS: NOW_MS / 1000, jti: '2' },
    ]
    const [adminToken, userToken] = await Promise.all(
      issue.map((claims) => issueToken(claims, { keys, ttlS: DAY_S, nowMs: NOW_MS })),
    )
    const callers = [adminToken!, userToken!, '', 'a.b.c']
    const store = new FakeTokenStore()
    const { app, reported } = room({
      store,
      tokens: {
        issue: (token, ttlS) => issueToken(token, { keys, ttlS, nowMs: NOW_MS }),
        verify: (token) => verifyToken(token, { keys, nowMs: NOW_MS }),
      },
      settings: { refreshTokenExpireDays: 1 },
      rest: {
        whereabouts: async (userIds) => userIds.map((userId) => ({ userId, platformIds: [Platform.IOS] })),
      },
    })
    return async (input) => {
      // Nothing stays of the inputs before: a finding is one of its own input.
      store.records.clear()
      store.refreshes.clear()
      store.kicks.length = 0
      reported.length = 0
      store.set('ann', 5, userToken!, 'normal')
      const path = PATHS[(input[0] ?? 0) % PATHS.length]!
      const token = callers[(input[1] ?? 0) % callers.length]!
      const body = filledIn(input.subarray(2), userToken!)
      const response = await app.fetch(
        new Request(`http://x${path}`, {
          method: 'POST',
          headers: { operationID: 'op', token },
          body,
        }),
      )
      assert.deepEqual(reported, [], 'a failure of ours was reported')
      assert.ok(STATUSES.includes(response.status), `status ${response.status}`)
      const text = await response.text()
      const answer = JSON.parse(text) as { errCode: unknown }
      assert.ok(Number.isInteger(answer.errCode) && answer.errCode !== WireCode.ServerInternalError, text)
      // What was asked, which may be said again, and as much as a thousand statuses.
      assert.ok(text.length < INPUT_BYTES_MAX + body.length, `an answer of ${text.length} characters`)
      if (answer.errCode !== 0)
        assert.ok(!text.includes(SECRET) && !text.includes(userToken!), 'a secret in an error')
    }
  },
}

function filledIn(body: Uint8Array, token: string): Uint8Array<ArrayBuffer> {
  // Byte by byte, so that bytes that are not UTF-8 stay what they are.
  const text = Buffer.from(body).toString('latin1')
  return Buffer.from(text.replaceAll(TOKEN_HERE, token).replaceAll(SECRET_HERE, SECRET), 'latin1')
}
