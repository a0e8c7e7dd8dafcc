/** The way of a call: operation → rate of the address → who calls → body → handler. Each step throws what it refuses. */
import type { Context } from 'hono'
import type { z } from 'zod'
import type { Claims } from '../../auth/tokens.js'
import { hasCode } from '../../errors/errors.js'
import { WireCode } from '../../openim/codes.js'
import {
  accepted,
  argsError,
  CallRefusedError,
  noPermissionError,
  retryAfterError,
} from '../../services/call-refused.js'
import { looksLikeToken } from '../../services/token-look.js'
import { readJson, readProtobuf } from './body.js'
import { JsonText } from './envelope.js'
import type { Call, Route, RouteDeps } from './route.js'

/** Answers with `data`. Throws CallRefusedError for all that went wrong, and leaves the lines of the audit trail. */
export async function serveCall(deps: RouteDeps, route: Route, c: Context, address: string): Promise<object> {
  const operationId = c.req.header('operationID') ?? ''
  const call: Call = { path: route.path, operationId, address, caller: undefined, on: {} }
  try {
    const data = await attempt(deps, route, c, call)
    note(deps, route, call)
    return data
  } catch (error) {
    const shown = errorFor(deps, route.path, error)
    note(deps, route, call, shown)
    throw shown
  }
}

async function attempt(deps: RouteDeps, route: Route, c: Context, call: Call): Promise<object> {
  if (call.operationId === '') throw argsError('header operationID: missing')
  if (route.may === 'token' || route.may === 'admin') {
    call.caller = await callerOf(deps, c.req.header('token') ?? '').catch((error: unknown) => {
      chargeAddress(deps, call)
      throw error
    })
  }
  if (!call.caller?.isAdmin) chargeAddress(deps, call)
  if (route.may === 'admin' && !call.caller?.isAdmin) {
    throw noPermissionError('only an administrator may ask for this')
  }
  const bytes = route.handleProtobuf && (await readProtobuf(c))
  if (bytes !== undefined) {
    const answer = await route.handleProtobuf!(deps, bytes, call)
    return new JsonText(JSON.stringify(Buffer.from(answer).toString('base64')))
  }
  const body = parse(route.body, await readJson(c))
  call.on = targetOf(deps, body)
  return route.handle(deps, body, call)
}

/** Servers that make tokens call as often as they like: they have an administrator's. */
export function chargeAddress(deps: RouteDeps, { address }: Call, cost = 1): void {
  const waitMs = deps.callsOfAddress.take(deps.limitKeyOf(address), deps.nowMs(), cost)
  if (waitMs > 0) throw retryAfterError(WireCode.TooManyRequests, 'too many calls from this address', waitMs)
}

async function callerOf({ tokens, isAdmin }: RouteDeps, token: string): Promise<NonNullable<Call['caller']>> {
  const { userId, platformId } = await authenticate({ tokens }, token)
  return { userId, platformId, isAdmin: isAdmin(userId) }
}

/** The user of the token, if it is good. */
export async function authenticate(
  { tokens }: Pick<RouteDeps, 'tokens'>,
  token: string,
): Promise<Claims & { expiresAtS: number }> {
  if (token === '') throw argsError('token: missing')
  return accepted(await tokens.check(token))
}

/** Fields that the schema does not name are ignored. */
function parse(schema: z.ZodType, body: unknown): unknown {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw argsError(parsed.error.issues.map(describeIssue).join('; '))
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`
}

const TARGETS = ['userID', 'platformID', 'connectionID', 'conversationID', 'sendID', 'recvID'] as const

function targetOf({ secrets }: RouteDeps, body: unknown): Call['on'] {
  const named = body as Partial<Record<string, string | number>>
  // Somebody may have put a token or the secret where a name belongs.
  const isHidden = (value: unknown) =>
    typeof value === 'string' && (looksLikeToken(value) || secrets.isIn(value))
  const on: Call['on'] = {}
  for (const field of TARGETS) {
    if (named[field] !== undefined && named[field] !== '')
      on[field] = isHidden(named[field]) ? '[hidden]' : named[field]
  }
  return on
}

/** See `wrapStoreErrors`. */
const STORE_FAILURES = [
  ['DAMAGED_RECORD', WireCode.DataError, 'a record of this user in the store is damaged; the log names it'],
  [
    'STORE_UNAVAILABLE',
    WireCode.DatabaseError,
    'the store does not answer, or cannot write; try again later',
  ],
] as const

/** What the caller is told of a failure. What is not theirs is reported, and told without its reason. */
function errorFor(deps: RouteDeps, path: string, error: unknown): CallRefusedError {
  if (error instanceof CallRefusedError) {
    if (error.cause !== undefined) deps.report(error.cause, path)
    return error
  }
  for (const [code, errCode, detail] of STORE_FAILURES) {
    if (!hasCode(error, code)) continue
    deps.report(error.cause, path)
    return new CallRefusedError(errCode, detail)
  }
  deps.report(error, path)
  return new CallRefusedError(WireCode.ServerInternalError, 'internal error; see the log of the node')
}

function note({ audit }: RouteDeps, { may, isAct }: Route, call: Call, error?: CallRefusedError): void {
  const { path, address, caller, on } = call
  const line = {
    path,
    address,
    ...(caller && { by: caller.userId }),
    errCode: error?.errCode ?? 0,
    ...(error && { reason: error.errDlt }),
  }
  if (may === 'admin' && !caller?.isAdmin) return audit.refused(line)
  // A caller that is not recognized may say anything: only their address is told.
  if (may === 'secret' && error !== undefined) return audit.refused(line)
  if (isAct) audit.act({ ...line, on })
}
