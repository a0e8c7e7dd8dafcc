/** A REST path that is an operation of a storage thread, and the fields that such paths share. */
import { z } from 'zod'
import { assertOperationId, type Caller } from '../../../services/operations/operation.js'
import type { OperationName } from '../../../services/operations/table.js'
import { JsonText } from '../envelope.js'
import { type Call, type Permission, type Route, route } from '../route.js'

interface Row {
  path: string
  operation: OperationName
  may: Permission
  mayNote?: string
  doc: string
  body: z.ZodObject
  answers: readonly string[]
  /** Whether it leaves a line in the audit trail. */
  isAct?: boolean
  /** The body may be a protobuf message. */
  takesProtobuf?: boolean
}

export function operationRoute({ operation, takesProtobuf, isAct = false, ...row }: Row): Route {
  return {
    ...route({
      ...row,
      isAct,
      handle: async ({ operations }, body, call) =>
        new JsonText(await operations.callJson(operation, callerOf(call), body)),
    }),
    ...(takesProtobuf && {
      handleProtobuf: ({ operations }, body, call) =>
        operations.callProtobuf(operation, callerOf(call), body),
    }),
  }
}

export function callerOf({ caller, operationId }: Call): Caller {
  const { userId, isAdmin } = caller!
  assertOperationId(operationId)
  return { userId, isAdmin, operationId }
}

/** Who may ask: users about themselves, administrators about anybody. */
export const SELF = 'users for themselves; an administrator for anybody'

/** The fields of a row whose path users call for themselves. */
export const own = { may: 'token', mayNote: SELF } as const

/** Of characters, so that it fits into 64 KiB of UTF-8. */
export const TEXT_LENGTH_MAX = 16_384

// Clients leave fields out or send null where they mean nothing.
export const idField = z.string()
/** Longer than any that two users of the longest IDs have. */
export const conversationIdField = z.string().min(1).max(300)
export const idsField = z
  .array(z.string())
  .nullish()
  .transform((ids) => ids ?? [])
export const textField = z
  .string()
  .max(TEXT_LENGTH_MAX)
  .nullish()
  .transform((text) => text ?? '')
/** Null or absent: it stays as it is. */
export const optionalTextField = z.string().max(TEXT_LENGTH_MAX).nullish()
export const countField = z
  .int()
  .nullish()
  .transform((count) => count ?? 0)
export const flagField = z
  .boolean()
  .nullish()
  .transform((flag) => flag ?? false)
export const seqsField = z
  .array(z.int())
  .nullish()
  .transform((seqs) => seqs ?? [])
export const pageField = z.object({ pageNumber: countField, showNumber: countField })

/** What a client knows of a versioned list, and of its IDs. */
export const knownBody = z.object({ userID: idField, version: countField, versionID: textField })
export const hashedBody = z.object({ userID: idField, idHash: z.number().default(0) })
