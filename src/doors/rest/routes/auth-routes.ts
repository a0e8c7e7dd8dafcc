/**
 * Tokens over REST: for servers that hold the secret, which make them, and for operators, who take them away.
 *
 * The end of a token is the end of the connections made with it, on every node.
 */
import { z } from 'zod'
import { WireCode } from '../../../openim/codes.js'
import type { PlatformTable } from '../../../rules/platforms.js'
import { accepted, noPermissionError, retryAfterError } from '../../../services/call-refused.js'
import type { IssuedToken } from '../../../services/token-service.js'
import { platformIdField, type Route, route, userIdField } from '../route.js'
import { authenticate } from '../serve-call.js'

/** In one call; more than one page of any list of tokens. */
const TOKENS_MAX = 1_000

const ISSUED = ['token', 'expireTimeSeconds']
const REFRESHABLE = [...ISSUED, 'refreshToken?', 'refreshExpireTimeSeconds?']

export function authRoutes(platforms: PlatformTable): Route[] {
  const device = z.object({ userID: userIdField, platformID: platformIdField(platforms) })
  return [
    route({
      path: '/auth/get_admin_token',
      may: 'secret',
      doc: 'A token for an administrator (ADMIN_USER_IDS); the same one for a hundredth of its life.',
      body: z.object({ secret: z.string(), userID: userIdField }),
      answers: ISSUED,
      isAct: true,
      handle: async ({ tokens, secrets, limitKeyOf, nowMs }, { secret, userID }, { address }) => {
        const verdict = secrets.judge(secret, limitKeyOf(address), nowMs())
        if (verdict === 'wrong') throw noPermissionError('the secret is not the right one')
        if (verdict !== 'right') {
          throw retryAfterError(
            WireCode.TooManyLogins,
            'too many wrong secrets from this address',
            verdict.waitMs,
          )
        }
        return issuedData(accepted(await tokens.createForAdmin(userID)))
      },
    }),
    route({
      path: '/auth/get_user_token',
      may: 'admin',
      doc: "A token for a user's device. It takes the place of others, by LOGIN_POLICY.",
      body: device,
      answers: REFRESHABLE,
      isAct: true,
      handle: async ({ tokens }, { userID, platformID }) =>
        issuedData(accepted(await tokens.create({ userId: userID, platformId: platformID }))),
    }),
    route({
      path: '/auth/parse_token',
      may: 'anyone',
      doc: 'Whose a token is, if it is good, and until when (Unix s).',
      body: z.object({ token: z.string() }),
      answers: ['userID', 'platformID', 'expireTimeSeconds'],
      isAct: false,
      handle: async (deps, { token }) => {
        const { userId, platformId, expiresAtS } = await authenticate(deps, token)
        return { userID: userId, platformID: platformId, expireTimeSeconds: expiresAtS }
      },
    }),
    route({
      path: '/auth/refresh_token',
      may: 'secret',
      mayNote: 'a client with a refresh token',
      doc: 'New tokens for a refresh token, which is used up. The token that they replace may have expired.',
      body: z.object({ refreshToken: z.string() }),
      answers: REFRESHABLE,
      isAct: false,
      handle: async ({ tokens }, { refreshToken }) =>
        issuedData(accepted(await tokens.refresh(refreshToken))),
    }),
    route({
      path: '/auth/force_logout',
      may: 'admin',
      doc: "Ends a user's connections on a platform, and all their tokens for it; of an administrator: platform 10.",
      body: device,
      answers: [],
      isAct: true,
      handle: async ({ connections }, { userID, platformID }) => {
        await connections.forceLogout(userID, platformID)
        return {}
      },
    }),
    route({
      path: '/auth/invalidate_token',
      may: 'admin',
      doc: 'The same, but one token and its connections stay.',
      body: device.extend({ preservedToken: z.string() }),
      answers: [],
      isAct: true,
      handle: async ({ connections }, { userID, platformID, preservedToken }) => {
        await connections.invalidateOthers(userID, platformID, preservedToken)
        return {}
      },
    }),
    route({
      path: '/auth/kick_tokens',
      may: 'admin',
      doc: 'Ends these tokens and their connections. `skipped`: positions of those that are no good tokens.',
      body: z.object({ tokens: z.array(z.string()).max(TOKENS_MAX) }),
      answers: ['skipped'],
      isAct: true,
      handle: async ({ connections }, { tokens }, call) => {
        const skipped = await connections.kickTokens(tokens, (userIds) => {
          call.on = { userIDs: userIds }
        })
        return { skipped }
      },
    }),
  ]
}

/** OpenIM's fields, and the refresh token where there is one. Times: seconds from now. */
function issuedData({ token, ttlS, refresh }: IssuedToken): object {
  const data = { token, expireTimeSeconds: ttlS }
  return refresh ? { ...data, refreshToken: refresh.token, refreshExpireTimeSeconds: refresh.ttlS } : data
}
