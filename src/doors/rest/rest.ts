/**
 * REST: the paths of `routes.ts`, all POST, and what operators and newcomers GET.
 *
 *   GET /          what this is
 *   GET /healthz   the process lives        GET /readyz    it can serve, or what is missing
 *
 * Answers look like OpenIM's: HTTP 200 with an envelope, errors included. The use cases are injected.
 * No token is ever part of an error or a report.
 */
import { type Context, Hono } from 'hono'
import type { Liveness, Readiness } from '../../health/readiness.js'
import type { OriginCheck } from '../../net/origin.js'
import { WireCode } from '../../openim/codes.js'
import type { PlatformTable } from '../../rules/platforms.js'
import { CallRefusedError } from '../../services/call-refused.js'
import { type CallerEnv, callerAddress } from './caller.js'
import { cors } from './cors.js'
import { failure, statusOf, success } from './envelope.js'
import type { Route, RouteDeps } from './route.js'
import { allRoutes } from './routes/all.js'
import { serveCall } from './serve-call.js'

export interface RestDeps extends RouteDeps {
  isOriginAllowed: OriginCheck
  platforms: PlatformTable
  readiness(): Promise<Readiness>
  liveness(): Promise<Liveness>
  /** Hears of every call: its path (`other` for unknown ones), the error code (0 = none) and how long it took. */
  served(path: string, errCode: number, seconds: number): void
}

type App = Hono<{ Bindings: Partial<CallerEnv> }>

export function createRest(deps: RestDeps): App {
  const app: App = new Hono()
  app.use(cors(deps.isOriginAllowed))
  app.get('/', (c) => c.json(FRONT_PAGE))
  app.get('/healthz', async (c) => {
    const { alive, missing = 'ok' } = await deps.liveness()
    return c.text(missing, alive ? 200 : 503)
  })
  app.get('/readyz', async (c) => {
    const verdict = await deps.readiness()
    return c.json(verdict, verdict.ready ? 200 : 503)
  })
  for (const route of allRoutes(deps.platforms)) app.post(route.path, (c) => serve(deps, route, c))
  app.notFound((c) => {
    deps.served('other', WireCode.RecordNotFoundError, 0)
    return c.json(failure(new CallRefusedError(WireCode.RecordNotFoundError, 'no such path')), 404)
  })
  app.onError((error, c) => {
    deps.report(error, 'other')
    return c.json(
      failure(new CallRefusedError(WireCode.ServerInternalError, 'internal error; see the log of the node')),
      500,
    )
  })
  return app
}

async function serve(deps: RestDeps, route: Route, c: Context): Promise<Response> {
  const beganMs = deps.nowMs()
  const done = (errCode: number) => deps.served(route.path, errCode, (deps.nowMs() - beganMs) / 1_000)
  c.header('Cache-Control', 'no-store')
  try {
    const data = await serveCall(deps, route, c, callerAddress(c))
    done(0)
    return c.body(success(data), 200, { 'Content-Type': 'application/json' })
  } catch (error) {
    // It throws nothing else.
    const refusal = error as CallRefusedError
    done(refusal.errCode)
    return c.json(failure(refusal), statusOf(refusal))
  }
}

const FRONT_PAGE = {
  name: 'Porchlight',
  what: "A chat server that speaks OpenIM's client protocol. Clients connect to WS_PORT; this is its REST port.",
  health: ['/healthz', '/readyz'],
  documentation: 'docs/logins.md for tokens, docs/rest.md for every path; ARCHITECTURE.md for how it works.',
}
