/** What a REST path is: who may call it, with which body, and what it does. */
import { z } from 'zod'
import type { Claims } from '../../auth/tokens.js'
import type { PlatformTable } from '../../rules/platforms.js'
import type { PlatformId, UserId } from '../../rules/types.js'
import { checkUserId } from '../../rules/user-id.js'
import type { ConnectionService } from '../../services/connections.js'
import type { Operations } from '../../services/operations/client.js'
import type { RateTable } from '../../services/rate-table.js'
import type { SecretGuard } from '../../services/secret-guard.js'
import type { StatusService } from '../../services/statuses.js'
import type { TokenService } from '../../services/token-service.js'
import type { AuditTrail } from './audit.js'

/** Who may call: with the secret, with a good token, with one of an administrator, or anybody. */
export type Permission = 'secret' | 'anyone' | 'token' | 'admin'

/** What the handlers call. */
export interface RouteDeps {
  tokens: TokenService
  connections: ConnectionService
  statuses: StatusService
  operations: Operations
  secrets: SecretGuard
  isAdmin(userId: UserId): boolean
  audit: AuditTrail
  /** How often each address may call. */
  callsOfAddress: RateTable
  /** What limits count an address by. */
  limitKeyOf(address: string): string
  /** Of a clock that only rises. */
  nowMs(): number
  /** Hears of every failure that is not the caller's. */
  report(error: unknown, path: string): void
}

/** One call, once it may go on. */
export interface Call {
  path: string
  /** Of the request; what it causes to be pushed carries it too. */
  operationId: string
  /** Where it comes from. */
  address: string
  /** The user of the token that came with the call; undefined where none is needed. */
  caller: (Claims & { isAdmin: boolean }) | undefined
  /** What an act is done to, for the audit trail. */
  on: Record<string, unknown>
}

export interface Route {
  path: string
  may: Permission
  /** The same in words, where `may` does not say all. */
  mayNote?: string
  /** What it does, for the documentation. */
  doc: string
  body: z.ZodObject
  /** The fields of `data`. */
  answers: readonly string[]
  /** Whether it leaves a line in the audit trail. */
  isAct: boolean
  /** Answers a body that is a protobuf message, with one. Absent: every body is JSON. */
  handleProtobuf?(deps: RouteDeps, body: Uint8Array, call: Call): Promise<Uint8Array>
  /** Returns `data`. Throws CallRefusedError, or whatever failed. */
  handle(deps: RouteDeps, body: unknown, call: Call): Promise<object>
}

/** A row whose handler knows the type of its body. */
export function route<S extends z.ZodObject>(
  row: Omit<Route, 'body' | 'handle'> & {
    body: S
    handle(deps: RouteDeps, body: z.infer<S>, call: Call): Promise<object>
  },
): Route {
  return row as unknown as Route
}

export const userIdField = z.string().superRefine((userId, context) => {
  const flaw = checkUserId(userId)
  if (flaw !== undefined) context.addIssue({ code: 'custom', message: flaw })
})

export function platformIdField(platforms: PlatformTable): z.ZodType<PlatformId> {
  return z.int().refine((id) => platforms.isKnown(id), 'not a known platform')
}
