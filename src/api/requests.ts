/** What the REST routes share: reading a call, telling who calls, and giving the answer OpenIM's form. */
import type { Context, Next } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'
import type { TokenService } from '../auth/token-service.js'
import type { Claims, TokenFault } from '../auth/tokens.js'
import type { PlatformTable } from '../presence/platforms.js'
import type { PlatformId, UserId } from '../presence/types.js'
import { checkUserId } from '../presence/user-id.js'
import { ApiError, argsError, failure, noPermissionError, success } from './envelope.js'

/** Every body here is a few hundred bytes, except a list of tokens. */
export const BODY_BYTES_MAX = 65_536

/** Who calls, and whether he may. */
export interface Door {
  tokens: TokenService
  isAdmin(userId: UserId): boolean
}

/** Fields that the schema does not name are ignored. */
export async function readBody<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  let body: unknown
  try {
    body = JSON.parse(await c.req.text())
  } catch {
    throw argsError('the body is not JSON')
  }
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw argsError(parsed.error.issues.map(describeIssue).join('; '))
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`
}

export const userIdField = z.string().superRefine((userId, context) => {
  const flaw = checkUserId(userId)
  if (flaw !== undefined) context.addIssue({ code: 'custom', message: flaw })
})

export function platformIdField(platforms: PlatformTable): z.ZodType<PlatformId> {
  return z.int().refine((id) => platforms.isKnown(id), 'not a known platform')
}

/** Whose token comes with the call. */
export async function authenticate(door: Door, token: string): Promise<Claims & { expiresAtS: number }> {
  if (token === '') throw argsError('token: missing')
  return accepted(await door.tokens.check(token))
}

export async function requireAdmin(door: Door, c: Context): Promise<void> {
  const { userId } = await authenticate(door, c.req.header('token') ?? '')
  if (!door.isAdmin(userId)) throw noPermissionError('only an administrator may ask for this')
}

/** Throws what the token service refused. */
export function accepted<T extends { ok: true }>(outcome: T | TokenFault): T {
  if (outcome.ok) return outcome
  throw refusedBy(outcome)
}

export function refusedBy({ errCode, errDlt }: TokenFault): ApiError {
  return new ApiError(errCode, errDlt)
}

export function answer(c: Context, data: object): Response {
  c.header('Cache-Control', 'no-store')
  return c.json(success(data))
}

export async function requireOperationId(c: Context, next: Next): Promise<void> {
  if (c.req.method === 'POST' && !c.req.header('operationID')) throw argsError('header operationID: missing')
  await next()
}

export const limitBody = bodyLimit({
  maxSize: BODY_BYTES_MAX,
  onError: (c) => c.json(failure(argsError(`the body is longer than ${BODY_BYTES_MAX} bytes`)), 413),
})
