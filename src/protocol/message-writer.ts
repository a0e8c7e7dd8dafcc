/** What the message-writer hears: messages to be sent, and operations that change the database. */
import type { OutgoingMessage, SendOutcome } from '../rules/messages/types.js'
import type { Question } from '../runtime/index.js'
import type { Call } from './operations.js'

/** Store a message, and have it pushed. Answered when it is on disk. io, api → message-writer. */
export interface Send extends Question<SendOutcome> {
  kind: 'send'
  message: OutgoingMessage
  /** Of the request; the pushes carry it too. */
  operationId: string
}

/** The nodes of the receivers have these messages. message-sync → message-writer. Lost, they are sent once more. */
export interface SpreadDone {
  kind: 'spreadDone'
  orderIds: string[]
}

export type Command = Send | Call | SpreadDone
