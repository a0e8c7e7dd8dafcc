/** What the storage threads hear: messages to be sent, and operations to be carried out. */
import type { OutgoingMessage, SendOutcome } from '../rules/messages/types.js'
import type { UserId } from '../rules/types.js'
import type { Question } from '../runtime/index.js'

/** Store a message, and have it pushed. Answered when it is on disk. io, api → message-writer. */
export interface Send extends Question<SendOutcome> {
  kind: 'send'
  message: OutgoingMessage
  /** Of the request; the pushes carry it too. */
  operationId: string
}

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
  | { ok: true; output: Uint8Array | string }
  /** OpenIM's number, and what was expected in words. */
  | { ok: false; errCode: number; detail: string }

/** A storage thread has one room; each hears the calls of its rows. */
export type WriterCommand = Send | Call
export type ReaderCommand = Call
