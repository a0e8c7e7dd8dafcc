/** The operations that storage threads carry out. */
import type { ConversationId } from '../rules/messages/conversation-id.js'
import type { UserId } from '../rules/types.js'
import type { Question } from '../runtime/index.js'

/**
 * Carry out an operation of `services/operations/table.ts`, by its name. io, api → message-writer or message-reader,
 * whichever its row says.
 */
export interface Call extends Question<CallAnswer> {
  kind: 'call'
  operation: string
  userId: UserId
  isAdmin: boolean
  operationId: string
  /** A protobuf message, or the text of a JSON one; the output is of the same kind. */
  input: Uint8Array | string
}

export type CallAnswer =
  /** `told`: how far the caller is told that conversations go, of those with a recent message; absent = of none. */
  | { ok: true; output: Uint8Array | string; told?: [ConversationId, number][] }
  /** OpenIM's number, and what was expected in words. */
  | { ok: false; errCode: number; detail: string }
