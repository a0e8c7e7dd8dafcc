/** No token, refresh token or secret in what is answered to a failed call, or in what is reported. */
import { inspect } from 'node:util'
import t from 'tap'
import { Platform } from '../../src/openim/platforms.js'
import { FakeTokenStore, fakeToken, NOW_S } from '../auth/token-fakes.js'
import { type Plan, room, SECRET } from './room.js'

/** Every call that takes a token anywhere, once for each text of `tokens` in each place. */
function callsWith(tokens: string[]): { path: string; body: unknown; token: string }[] {
  return tokens.flatMap((text) => {
    const device = { userID: 'u1', platformID: Platform.IOS }
    const bodies: [string, unknown][] = [
      ['/auth/get_admin_token', { secret: text, userID: 'imAdmin' }],
      ['/auth/get_admin_token', { secret: SECRET, userID: text }],
      ['/auth/get_user_token', device],
      ['/auth/get_user_token', { ...device, userID: text }],
      ['/auth/get_user_token', { ...device, platformID: text }],
      ['/auth/parse_token', { token: text }],
      ['/auth/parse_token', { token: [text] }],
      ['/auth/parse_token', { [text]: text }],
      ['/auth/parse_token', text],
      ['/auth/refresh_token', { refreshToken: text }],
      ['/auth/refresh_token', { refreshToken: { text } }],
      ['/auth/force_logout', device],
      ['/auth/force_logout', { ...device, platformID: text }],
      ['/auth/invalidate_token', { ...device, preservedToken: text }],
      ['/auth/invalidate_token', { ...device, preservedToken: [text] }],
      ['/auth/kick_tokens', { tokens: [text, text] }],
      ['/auth/kick_tokens', { tokens: text }],
      ['/auth/kick_tokens', { tokens: [{ text }] }],
      ['/connection/list', { userID: 'u1' }],
      ['/connection/list', { userID: text }],
      ['/connection/kick', { userID: 'u1' }],
      ['/connection/kick', { userID: 'u1', token: text }],
      ['/connection/kick', { userID: 'u1', token: text, platformID: Platform.IOS }],
      ['/connection/kick', { userID: text, connectionID: text }],
      ['/connection/kick', { userID: 'u1', connectionID: 'c1' }],
    ]
    return bodies.flatMap(([path, body]) => tokens.map((token) => ({ path, body, token })))
  })
}

const away = () => Promise.reject(new Error('not there'))
const plans: Record<string, Plan> = {
  'all is well': {},
  'the store is away': { store: new FakeTokenStore(away) },
  'the nodes do not answer': { rest: { kick: away, list: away } },
  'the signer and the verifier fail': { tokens: { issue: away, verify: away } },
  'tokens are made elsewhere': { tokens: { issue: undefined } },
}

for (const [name, plan] of Object.entries(plans)) {
  t.test(`no error, no report and no audit line holds a token when ${name}`, async (t) => {
    const { tokens, secrets } = await someTokens()
    const { tokens: deps, ...others } = plan
    const { post, reported, audited, store } = room({
      settings: { refreshTokenExpireDays: 7 },
      // The tokens are of another room, and on no record here.
      tokens: { needsRecord: () => false, ...deps },
      ...others,
    })
    const failures: string[] = []
    for (const { path, body, token } of callsWith(tokens)) {
      const { answer } = await post(path, body, { token })
      // One of the calls kicks the administrator's own.
      store.records.clear()
      if (answer.errCode !== 0) failures.push(JSON.stringify(answer))
    }
    t.ok(failures.length > 100, `${failures.length} calls failed`)
    if (name !== 'all is well' && name !== 'tokens are made elsewhere') t.ok(reported.length > 10)
    t.ok(audited.length > 100, `${audited.length} lines of the audit trail`)
    const written = [...failures, ...reported.map((error) => inspect(error, { depth: 9, showHidden: true }))]
    // One of the texts may be a user's name as well.
    written.push(...audited.map((line) => JSON.stringify(line).replaceAll('not-a-token-at-all', '')))
    t.same(
      written.filter((text) => secrets.some((secret) => text.includes(secret))),
      [],
    )
  })
}

/** Good and bad ones of every kind, and the parts that must not be found anywhere. */
async function someTokens(): Promise<{ tokens: string[]; secrets: string[] }> {
  const { adminToken, command, userToken } = room({ settings: { refreshTokenExpireDays: 7 } })
  const { data } = await command('/auth/get_user_token', { userID: 'u1', platformID: Platform.IOS })
  const tokens = [
    await adminToken(),
    await userToken('u1', Platform.Web),
    String(data?.token),
    String(data?.refreshToken),
    fakeToken({ UserID: 'u1', PlatformID: Platform.IOS, exp: NOW_S }),
    `${data?.token}x`,
    'not-a-token-at-all',
  ]
  return { tokens, secrets: [...tokens.flatMap((text) => text.split('.')).filter(isTelling), SECRET] }
}

/** Longer than any word of an answer. */
function isTelling(part: string): boolean {
  return part.length > 15
}
