/**
 * Tokens over REST: for servers that hold the secret, which make them, and for operators, who take them away.
 *
 *   POST /auth/get_admin_token    secret -> admin token        POST /auth/force_logout       admin: all of a platform
 *   POST /auth/get_user_token     admin -> user token          POST /auth/invalidate_token   admin: all but one
 *   POST /auth/parse_token        token -> whose it is         POST /auth/kick_tokens        admin: these
 *   POST /auth/refresh_token      refresh token -> new tokens
 *
 * Whoever takes a token away ends the connections made with it, on every node.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import type { IssuedToken } from '../auth/token-service.js'
import type { PlatformTable } from '../presence/platforms.js'
import { noPermissionError } from './envelope.js'
import { type ClusterDeps, endConnections } from './every-node.js'
import {
  accepted,
  answer,
  authenticate,
  type Door,
  platformIdField,
  readBody,
  requireAdmin,
  userIdField,
} from './requests.js'

export interface AuthDeps extends Door, ClusterDeps {
  /** The signing secret, which whoever asks for an admin token must know. */
  secret: string
  platforms: PlatformTable
}

export function authRoutes(deps: AuthDeps): Hono {
  const { tokens } = deps
  const device = z.object({ userID: userIdField, platformID: platformIdField(deps.platforms) })
  const app = new Hono()
  app.post('/get_admin_token', async (c) => {
    const { secret, userID } = await readBody(c, z.object({ secret: z.string(), userID: z.string() }))
    if (!sameSecret(secret, deps.secret)) throw noPermissionError('the secret is not the right one')
    return answer(c, issuedData(accepted(await tokens.createForAdmin(userID))))
  })
  app.post('/get_user_token', async (c) => {
    await requireAdmin(deps, c)
    const { userID, platformID } = await readBody(c, device)
    return answer(c, issuedData(accepted(await tokens.create({ userId: userID, platformId: platformID }))))
  })
  app.post('/parse_token', async (c) => {
    const { token } = await readBody(c, z.object({ token: z.string() }))
    const { userId, platformId, expiresAtS } = await authenticate(deps, token)
    return answer(c, { userID: userId, platformID: platformId, expireTimeSeconds: expiresAtS })
  })
  // Without a token of its own: the one that it replaces may have expired.
  app.post('/refresh_token', async (c) => {
    const { refreshToken } = await readBody(c, z.object({ refreshToken: z.string() }))
    return answer(c, issuedData(accepted(await tokens.refresh(refreshToken))))
  })
  app.post('/force_logout', async (c) => {
    await requireAdmin(deps, c)
    const { userID, platformID } = await readBody(c, device)
    const order = { userId: userID, platformIds: [platformID] }
    await endConnections(deps, c.req.path, order, () => tokens.forceLogout(userID, platformID))
    return answer(c, {})
  })
  app.post('/invalidate_token', async (c) => {
    await requireAdmin(deps, c)
    const preserved = device.extend({ preservedToken: z.string() })
    const { userID, platformID, preservedToken } = await readBody(c, preserved)
    const spares = tokens.digestOf(preservedToken)
    const order = { userId: userID, platformIds: [platformID], spares }
    await endConnections(deps, c.req.path, order, () => tokens.invalidate(userID, platformID, preservedToken))
    return answer(c, {})
  })
  app.post('/kick_tokens', async (c) => {
    await requireAdmin(deps, c)
    const body = await readBody(c, z.object({ tokens: z.array(z.string()) }))
    const { kicked, skipped } = await tokens.kickTokens(body.tokens)
    const ends = kicked.map(({ userId, token }) => endConnections(deps, c.req.path, { userId, token }))
    await Promise.all(ends)
    return answer(c, { skipped })
  })
  return app
}

/** OpenIM's fields, and the refresh token where there is one. Times: seconds from now. */
function issuedData({ token, ttlS, refresh }: IssuedToken): object {
  const data = { token, expireTimeSeconds: ttlS }
  return refresh ? { ...data, refreshToken: refresh.token, refreshExpireTimeSeconds: refresh.ttlS } : data
}

/** Digests have one length, whatever was sent: the comparison tells nothing by its time. */
function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
