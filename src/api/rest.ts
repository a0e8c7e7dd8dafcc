/**
 * REST: tokens for servers that hold the secret, and health and metrics for operators.
 *
 *   POST /auth/get_admin_token   secret -> admin token          GET /healthz   the process lives
 *   POST /auth/get_user_token    admin token -> user token      GET /readyz    it can serve, or what is missing
 *   POST /auth/parse_token       token -> whose it is           GET /metrics   Prometheus text
 *
 * Answers look like OpenIM's: HTTP 200 with an envelope, errors included. What this room needs of the others is
 * injected.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { type Context, Hono, type Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import { type Claims, type TokenVerdict, tokenStateError } from '../auth/tokens.js'
import { WireCode } from '../gateway/wire-errors.js'
import type { PlatformId, UserId } from '../presence/types.js'
import type { TokenState } from '../store/presence-store.js'
import { ApiError, argsError, failure, noPermissionError, success } from './envelope.js'

/** Every body here is a few hundred bytes. */
export const BODY_BYTES_MAX = 65_536

/** OpenIM's platform of administrators; no user token is made for it. */
const ADMIN_PLATFORM: PlatformId = 10

/** What the node still lacks before it can serve; `missing` is for humans. */
export interface Readiness {
  parts: { name: string; ready: boolean; missing?: string }[]
}

export interface RestDeps {
  /** The signing secret, which whoever asks for an admin token must know. */
  secret: string
  isAdmin(userId: UserId): boolean
  /** What is wrong with a user ID, as words to follow it; undefined = nothing. */
  checkUserId(userId: string): string | undefined
  isPlatform(platformId: number): boolean
  issueToken(claims: Claims): Promise<{ token: string; ttlS: number }>
  verifyToken(token: string): Promise<TokenVerdict>
  /** Rejects when the store is out of reach; so does `tokenState`. */
  rememberToken(userId: UserId, platformId: PlatformId, token: string, ttlS: number): Promise<void>
  tokenState(userId: UserId, platformId: PlatformId, token: string): Promise<TokenState>
  readiness(): Promise<Readiness>
  metrics(): Promise<{ contentType: string; body: string }>
  /** Hears of every failure that is not the caller's. */
  report(error: unknown, path: string): void
}

export function createRest(deps: RestDeps): Hono {
  const app = new Hono()
  app.use(allowEveryOrigin)
  app.get('/healthz', (c) => c.text('ok'))
  app.get('/readyz', async (c) => {
    const { parts } = await deps.readiness()
    const ready = parts.length > 0 && parts.every((part) => part.ready)
    return c.json({ ready, parts }, ready ? 200 : 503)
  })
  app.get('/metrics', async (c) => {
    const { contentType, body } = await deps.metrics()
    return c.body(body, 200, { 'content-type': contentType })
  })

  app.use('/auth/*', requireOperationId, limitBody)
  app.post('/auth/get_admin_token', async (c) => {
    const { secret, userID } = await readBody(c, adminTokenRequest)
    if (!sameSecret(secret, deps.secret)) throw noPermissionError('the secret is not the right one')
    if (!deps.isAdmin(userID)) throw argsError('userID: not an administrator')
    // Administrators' tokens are good without a record, as in OpenIM: they must work while the store is down.
    const { token, ttlS } = await deps.issueToken({ userId: userID, platformId: ADMIN_PLATFORM })
    return answer(c, { token, expireTimeSeconds: ttlS })
  })
  app.post('/auth/get_user_token', async (c) => {
    const caller = await authenticate(deps, c.req.path, c.req.header('token') ?? '')
    if (!deps.isAdmin(caller.userId)) throw noPermissionError('only an administrator may ask for this')
    const { userID, platformID } = await readBody(c, userTokenRequest)
    const badUserId = deps.checkUserId(userID)
    if (badUserId !== undefined) throw argsError(`userID ${badUserId}`)
    if (!deps.isPlatform(platformID)) throw argsError('platformID: not a known platform')
    if (platformID === ADMIN_PLATFORM) throw noPermissionError('platformID: 10 is for administrators')
    if (deps.isAdmin(userID)) throw noPermissionError('userID: an administrator has no user token')
    const { token, ttlS } = await deps.issueToken({ userId: userID, platformId: platformID })
    // Only then may the caller have it: a token without a record is refused at the gateway.
    await askStore(deps, c.req.path, () => deps.rememberToken(userID, platformID, token, ttlS))
    return answer(c, { token, expireTimeSeconds: ttlS })
  })
  app.post('/auth/parse_token', async (c) => {
    const { token } = await readBody(c, parseTokenRequest)
    const { userId, platformId, expiresAtS } = await authenticate(deps, c.req.path, token)
    return answer(c, { userID: userId, platformID: platformId, expireTimeSeconds: expiresAtS })
  })

  app.notFound((c) => c.json(failure(new ApiError(WireCode.RecordNotFoundError, 'no such path')), 404))
  app.onError((error, c) => {
    if (error instanceof ApiError) return c.json(failure(error))
    deps.report(error, c.req.path)
    return c.json(failure(new ApiError(WireCode.ServerInternalError, 'the log of the server says more')), 500)
  })
  return app
}

const adminTokenRequest = z.object({ secret: z.string(), userID: z.string() })
const userTokenRequest = z.object({ userID: z.string(), platformID: z.int() })
const parseTokenRequest = z.object({ token: z.string() })

/** Fields that the schema does not name are ignored. */
async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  let body: unknown
  try {
    body = JSON.parse(await c.req.text())
  } catch {
    throw argsError('the body is not JSON')
  }
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw argsError(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
}

async function authenticate(
  deps: RestDeps,
  path: string,
  token: string,
): Promise<Extract<TokenVerdict, { ok: true }>> {
  if (token === '') throw argsError('token: missing')
  const verdict = await deps.verifyToken(token)
  if (!verdict.ok) throw new ApiError(verdict.errCode, verdict.errDlt)
  if (deps.isAdmin(verdict.userId)) return verdict
  const state = await askStore(deps, path, () => deps.tokenState(verdict.userId, verdict.platformId, token))
  const revoked = tokenStateError(state)
  if (revoked) throw new ApiError(revoked.errCode, revoked.errDlt)
  return verdict
}

async function askStore<T>(deps: RestDeps, path: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    deps.report(error, path)
    throw new ApiError(WireCode.DatabaseError, 'the store is out of reach; try again later')
  }
}

/** Digests have one length, whatever was sent: the comparison tells nothing by its time. */
function sameSecret(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}

function answer(c: Context, data: object): Response {
  c.header('Cache-Control', 'no-store')
  return c.json(success(data))
}

/** Calls carry their token in a header, never in a cookie, so that another site's page has nothing to ride on. */
async function allowEveryOrigin(c: Context, next: Next): Promise<Response | undefined> {
  c.header('Access-Control-Allow-Origin', '*')
  c.header('Access-Control-Allow-Methods', '*')
  c.header('Access-Control-Allow-Headers', '*')
  c.header('Access-Control-Max-Age', '172800')
  if (c.req.method === 'OPTIONS') return c.json('Options Request!')
  await next()
  return undefined
}

async function requireOperationId(c: Context, next: Next): Promise<void> {
  if (c.req.method === 'POST' && !c.req.header('operationID')) throw argsError('header operationID: missing')
  await next()
}

const limitBody = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: (c) => c.json(failure(argsError(`the body is longer than ${BODY_BYTES_MAX} bytes`)), 413),
})
