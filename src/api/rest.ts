/**
 * REST: tokens (`auth-routes.ts`), connections (`connection-routes.ts`), users (`user-routes.ts`), and
 * health, as the health listener has it (`src/health/`).
 *
 *   GET /healthz   the process lives        GET /readyz   it can serve, or what is missing
 *
 * Answers look like OpenIM's: HTTP 200 with an envelope, errors included. What this room needs of the others is
 * injected. No token is ever part of an error or a report.
 */
import { type Context, Hono, type Next } from 'hono'
import { StoreAwayError, type TokenService } from '../auth/token-service.js'
import { WireCode } from '../gateway/wire-errors.js'
import type { Liveness, Readiness } from '../health/readiness.js'
import type { PlatformTable } from '../presence/platforms.js'
import type { UserId } from '../presence/types.js'
import { authRoutes } from './auth-routes.js'
import { connectionRoutes } from './connection-routes.js'
import { ApiError, failure } from './envelope.js'
import type { ClusterDeps } from './every-node.js'
import { limitBody, requireOperationId } from './requests.js'
import { type UserDeps, userRoutes } from './user-routes.js'

export interface RestDeps extends ClusterDeps, UserDeps {
  /** The signing secret, which whoever asks for an admin token must know. */
  secret: string
  isAdmin(userId: UserId): boolean
  platforms: PlatformTable
  tokens: TokenService
  readiness(): Promise<Readiness>
  liveness(): Promise<Liveness>
}

export function createRest(deps: RestDeps): Hono {
  const app = new Hono()
  app.use(allowEveryOrigin)
  app.get('/healthz', async (c) => {
    const { alive, missing = 'ok' } = await deps.liveness()
    return c.text(missing, alive ? 200 : 503)
  })
  app.get('/readyz', async (c) => {
    const verdict = await deps.readiness()
    return c.json(verdict, verdict.ready ? 200 : 503)
  })

  for (const [path, routes] of [
    ['/auth', authRoutes(deps)],
    ['/connection', connectionRoutes(deps)],
    ['/user', userRoutes(deps)],
  ] as const) {
    app.use(`${path}/*`, requireOperationId, limitBody)
    app.route(path, routes)
  }

  app.notFound((c) => c.json(failure(new ApiError(WireCode.RecordNotFoundError, 'no such path')), 404))
  app.onError((error, c) => {
    if (error instanceof ApiError) return c.json(failure(error))
    if (error instanceof StoreAwayError) {
      deps.report(error.cause, c.req.path)
      const detail = 'the store is out of reach; try again later'
      return c.json(failure(new ApiError(WireCode.DatabaseError, detail)))
    }
    deps.report(error, c.req.path)
    return c.json(failure(new ApiError(WireCode.ServerInternalError, 'the log of the server says more')), 500)
  })
  return app
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
